package issuerhttp

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/webserver"
)

// handle joins the three halves of an endpoint: read a request, serve it,
// write the answer. The first error ends it; the engine writes the refusal.
func handle[Req, Resp any](
	read func(*gin.Context) (Req, error), serve func(context.Context, Req) (Resp, error), write func(*gin.Context, Resp),
) func(*gin.Context) error {
	return func(c *gin.Context) error {
		req, err := read(c)
		if err != nil {
			return err
		}
		resp, err := serve(c.Request.Context(), req)
		if err != nil {
			return err
		}
		write(c, resp)
		return nil
	}
}

// withAccess is a request by whoever holds an access token.
type withAccess[Req any] struct {
	access issuance.Access
	body   Req
}

// authorized reads a request of an endpoint that takes an access token. The
// body is parsed only for who may send one.
func authorized[Req any](tokens Tokens, url string, parse func([]byte) (Req, error)) func(*gin.Context) (withAccess[Req], error) {
	return func(c *gin.Context) (r withAccess[Req], err error) {
		auth := authserver.ResourceRequest{Method: c.Request.Method, URL: url}
		if auth.Authorization, err = webserver.SingleHeader(c, "Authorization"); err != nil {
			return r, err
		}
		if auth.DPoP, err = webserver.SingleHeader(c, "DPoP"); err != nil {
			return r, err
		}
		a, err := tokens.Authenticate(c.Request.Context(), auth)
		if err != nil {
			return r, err
		}
		webserver.Annotate(c, "token", a.TokenID)
		webserver.Annotate(c, "client_id", a.ClientID)
		r.access = issuance.Access{
			TokenID: a.TokenID, Person: a.Person, Documents: a.Documents, Identifiers: a.Identifiers,
			ClientID: a.ClientID, Thumbprint: a.Thumbprint, Granted: a.Granted, Expires: a.Expires,
		}
		body, err := webserver.ReadBody(c)
		if err != nil {
			return r, err
		}
		r.body, err = parse(body)
		return r, err
	}
}

// noRequest is for endpoints that read nothing.
func noRequest(*gin.Context) (struct{}, error) { return struct{}{}, nil }

// ok writes JSON with status 200.
func ok[T any](c *gin.Context, v T) { webserver.JSON(c, http.StatusOK, v) }
