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
	token  *authserver.Access
	access issuance.Access
	body   Req
}

// authorized reads a request of an endpoint that takes an access token. The
// body is parsed only for who may send one.
func authorized[Req any](tokens Authenticator, url string, parse func(*gin.Context, []byte) (Req, error)) func(*gin.Context) (withAccess[Req], error) {
	return func(c *gin.Context) (r withAccess[Req], err error) {
		auth := authserver.ResourceRequest{Method: c.Request.Method, URL: url}
		if auth.Authorization, err = webserver.SingleHeader(c, "Authorization"); err != nil {
			return r, err
		}
		if auth.DPoP, err = proofHeader(c); err != nil {
			return r, err
		}
		a, err := tokens.Authenticate(c.Request.Context(), auth)
		if err != nil {
			return r, err
		}
		webserver.Annotate(c, "token", a.TokenID)
		webserver.Annotate(c, "client_id", a.ClientID)
		r.token, r.access = a, accessOf(a)
		body, err := webserver.ReadBody(c)
		if err != nil {
			return r, err
		}
		r.body, err = parse(c, body)
		return r, err
	}
}

// accessOf is what the issuer is told of a token.
func accessOf(a *authserver.Access) issuance.Access {
	out := issuance.Access{
		TokenID: a.TokenID, Person: a.Person, Documents: a.Documents, Identifiers: a.Identifiers,
		ClientID: a.ClientID, Thumbprint: a.Thumbprint, Granted: a.Granted, Expires: a.Expires,
		Grant: a.Grant, Refreshed: a.Refreshed, ACR: a.ACR,
		InstanceThumbprint: a.InstanceThumbprint, AttestationsExpire: a.AttestationsExpire,
	}
	for _, s := range a.Attestations {
		out.Attestations = append(out.Attestations, issuance.StatusIndex{List: s.List, Index: s.Index, Provider: s.Provider})
	}
	return out
}

// plainBody is for a body whose meaning does not depend on its headers.
func plainBody[Req any](parse func([]byte) (Req, error)) func(*gin.Context, []byte) (Req, error) {
	return func(_ *gin.Context, body []byte) (Req, error) { return parse(body) }
}

// noRequest is for endpoints that read nothing.
func noRequest(*gin.Context) (struct{}, error) { return struct{}{}, nil }

// ok writes JSON with status 200.
func ok[T any](c *gin.Context, v T) { webserver.JSON(c, http.StatusOK, v) }
