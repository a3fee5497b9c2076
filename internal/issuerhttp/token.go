package issuerhttp

import (
	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/oauth"
	"vidimus/internal/webserver"
)

// readToken reads a token request.
func readToken(c *gin.Context) (r authserver.TokenRequest, err error) {
	r.Form, r.DPoP, r.Client, err = readClient(c)
	return r, err
}

// readClient reads what a client sends to the token and PAR endpoints: a form, in
// the body alone, and the headers that prove who sends it.
func readClient(c *gin.Context) (form oauth.Form, dpop string, client authserver.ClientProof, err error) {
	if dpop, err = proofHeader(c); err != nil {
		return form, dpop, client, err
	}
	if client, err = clientProof(c); err != nil {
		return form, dpop, client, err
	}
	body, err := webserver.ReadBody(c)
	if err != nil {
		return form, dpop, client, err
	}
	if form, err = oauth.ParseForm(body); err != nil {
		return form, dpop, client, err
	}
	webserver.Annotate(c, "client_id", form.Get("client_id"))
	return form, dpop, client, nil
}
