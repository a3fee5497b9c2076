package issuerhttp

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Headers of attestation-based client authentication (-07 and later), and of
// DPoP.
const (
	headerAttestation = "OAuth-Client-Attestation"
	headerPoP         = "OAuth-Client-Attestation-PoP"
	headerChallenge   = "OAuth-Client-Attestation-Challenge"
	headerNonce       = "DPoP-Nonce"
)

// pushes puts the endpoints of the authorization server on the engine that
// clients call themselves: PAR and the challenge.
func (cfg PublicConfig) pushes(e *webserver.Engine, base string) {
	if cfg.Authorization != nil {
		e.Handle(webserver.Route{
			Method: http.MethodPost, Path: base + ParPath, Errors: webserver.StyleOAuth, AnyOrigin: true, Body: formBody, Limit: cfg.Limit,
			// Nobody begins what could not be ended now.
			Handler: cfg.server(cfg.unlessBusy(handle(readPush, cfg.Authorization.Push, func(c *gin.Context, p *authserver.Pushed) {
				webserver.JSON(c, http.StatusCreated, p)
			}))),
		})
	}
	if cfg.Challenges != nil {
		e.Handle(webserver.Route{
			Method: http.MethodPost, Path: base + ChallengePath, Errors: webserver.StyleOAuth, AnyOrigin: true, Limit: cfg.Limit,
			Handler: handle(noRequest, func(ctx context.Context, _ struct{}) (challenge, error) {
				value, err := cfg.Challenges.Challenge(ctx)
				return challenge{value}, err
			}, ok[challenge]),
		})
	}
}

// challenge is the answer of the challenge endpoint.
type challenge struct {
	Challenge string `json:"attestation_challenge"`
}

var formBody = webserver.Body{Types: []string{"application/x-www-form-urlencoded"}, Max: webserver.MaxFormBody}

// server adds what an answer of the authorization server carries for the next
// request: a DPoP nonce, and a challenge for who authenticates by attestation.
func (cfg PublicConfig) server(h func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if cfg.Nonces != nil {
			c.Header(headerNonce, cfg.Nonces.ServerNonce())
		}
		if cfg.Challenges != nil && len(c.Request.Header.Values(headerAttestation)) > 0 {
			value, err := cfg.Challenges.Challenge(c.Request.Context())
			if err != nil {
				return err
			}
			c.Header(headerChallenge, value)
		}
		return h(c)
	}
}

// resource likewise, for the endpoints that take an access token.
func (cfg PublicConfig) resource(h func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if cfg.Nonces != nil {
			c.Header(headerNonce, cfg.Nonces.ResourceNonce())
		}
		return h(c)
	}
}

// readPush reads a pushed authorization request.
func readPush(c *gin.Context) (r authserver.PushRequest, err error) {
	r.Form, r.DPoP, r.Client, err = readClient(c)
	return r, err
}

// proofHeader is the DPoP header, which stands at most once (RFC 9449, section
// 4.3, step 1).
func proofHeader(c *gin.Context) (string, error) {
	proof, err := webserver.SingleHeader(c, "DPoP")
	if err != nil {
		return "", problem.Wrap(problem.InvalidDPoPProof, err, "more than one DPoP header")
	}
	return proof, nil
}

// clientProof is what the client shows of itself. Each header stands at most
// once: a second one could be read by someone else than the first.
func clientProof(c *gin.Context) (p authserver.ClientProof, err error) {
	if p.Authorization, err = webserver.SingleHeader(c, "Authorization"); err != nil {
		return p, err
	}
	h := c.Request.Header
	p.Attestation, p.PoP = h.Values(headerAttestation), h.Values(headerPoP)
	if len(p.Attestation) > 1 || len(p.PoP) > 1 {
		return p, problem.New(problem.InvalidClient, "more than one %s or %s header", headerAttestation, headerPoP)
	}
	return p, nil
}
