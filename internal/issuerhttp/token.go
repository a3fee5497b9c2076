package issuerhttp

import (
	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/oauth"
	"vidimus/internal/webserver"
)

// readToken reads a token request: a form, in the body alone.
func readToken(c *gin.Context) (r authserver.TokenRequest, err error) {
	if r.DPoP, err = proofHeader(c); err != nil {
		return r, err
	}
	if r.Client, err = clientProof(c); err != nil {
		return r, err
	}
	body, err := webserver.ReadBody(c)
	if err != nil {
		return r, err
	}
	if r.Form, err = oauth.ParseForm(body); err != nil {
		return r, err
	}
	webserver.Annotate(c, "client_id", r.Form.Get("client_id"))
	return r, nil
}
