package issuerhttp

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/oid4vci"
	"vidimus/internal/webserver"
)

// typeJWT is that of encrypted requests and answers (OpenID4VCI 1.0, section 10).
const typeJWT = "application/jwt"

// answer is what a credential request gives, and how its wallet wants it.
type answer struct {
	response *oid4vci.CredentialResponse
	wanted   *oid4vci.ResponseEncryptionParameters // nil: in clear
}

// credentials puts the credential and the deferred endpoint on the engine.
func (cfg PublicConfig) credentials(e *webserver.Engine, base string) {
	body := webserver.Body{Types: []string{"application/json"}, Max: webserver.MaxCredentialBody}
	if cfg.Encryption != nil {
		body.Types = append(body.Types, typeJWT)
	}
	parse := oid4vci.ParseCredentialRequest
	if cfg.Draft15 {
		parse = oid4vci.ParseDraft15Request
	}
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + CredentialPath, Errors: webserver.StyleResource, AnyOrigin: true, Body: body, Limit: cfg.Limit,
		Handler: cfg.resource(cfg.unlessBusy(handle(
			authorized(cfg.authenticator(), cfg.URL+CredentialPath, func(c *gin.Context, body []byte) (*oid4vci.CredentialRequest, error) {
				body, encrypted, err := cfg.open(c, body)
				if err != nil {
					return nil, err
				}
				r, err := parse(body)
				if err != nil {
					return nil, err
				}
				r.Encrypted = encrypted
				return r, nil
			}),
			func(ctx context.Context, r withAccess[*oid4vci.CredentialRequest]) (answer, error) {
				response, err := cfg.Credentials.Issue(ctx, r.access, r.body)
				return answer{response, r.body.ResponseEncryption}, cfg.end(ctx, r.token, err)
			}, cfg.write))),
	})
	if cfg.Deferred == nil {
		return
	}
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + DeferredPath, Errors: webserver.StyleResource, AnyOrigin: true, Body: body, Limit: cfg.Limit,
		Handler: cfg.resource(cfg.unlessBusy(handle(
			authorized(cfg.authenticator(), cfg.URL+DeferredPath, func(c *gin.Context, body []byte) (*oid4vci.DeferredRequest, error) {
				body, encrypted, err := cfg.open(c, body)
				if err != nil {
					return nil, err
				}
				r, err := oid4vci.ParseDeferredRequest(body)
				if err != nil {
					return nil, err
				}
				r.Encrypted = encrypted
				return r, nil
			}),
			func(ctx context.Context, r withAccess[*oid4vci.DeferredRequest]) (answer, error) {
				response, err := cfg.Deferred.Deferred(ctx, r.access, r.body)
				return answer{response, r.body.ResponseEncryption}, cfg.end(ctx, r.token, err)
			}, cfg.write))),
	})
}

// unlessBusy refuses what could not be served now before anything is done for it:
// under overload the cheapest answer, and the wallet can send its proofs again.
func (cfg PublicConfig) unlessBusy(h func(*gin.Context) error) func(*gin.Context) error {
	if cfg.Busy == nil {
		return h
	}
	return func(c *gin.Context) error {
		if err := cfg.Busy(); err != nil {
			return err
		}
		return h(c)
	}
}

// end ends the grant of a wallet whose refusal is for good, and gives that back.
// A grant that could not be ended makes the wallet ask again.
func (cfg PublicConfig) end(ctx context.Context, a *authserver.Access, err error) error {
	var final *issuance.FinalError
	if cfg.Tokens == nil || cfg.External != nil || !errors.As(err, &final) {
		return err
	}
	if failed := cfg.Tokens.End(ctx, a, final.Document, "final"); failed != nil {
		return failed
	}
	return err
}

// open gives a body in clear, and whether it came encrypted.
func (cfg PublicConfig) open(c *gin.Context, body []byte) ([]byte, bool, error) {
	if webserver.MediaType(c) != typeJWT {
		return body, false, nil
	}
	body, err := cfg.Encryption.DecryptRequest(c.Request.Context(), body)
	return body, true, err
}

// write answers with credentials (200) or with a transaction to ask for later
// (202), encrypted where the wallet wants it: both are, a refusal never is
// (sections 8.3 and 8.3.1.2).
func (cfg PublicConfig) write(c *gin.Context, a answer) {
	status := http.StatusOK
	if a.response.TransactionID != "" {
		status = http.StatusAccepted
	}
	room, _ := answers.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	text, err := a.response.AppendJSON((*room)[:0])
	if err != nil {
		webserver.Fail(c, err)
		return
	}
	defer func() {
		if cap(text) <= maxKeptAnswer {
			*room = text
			answers.Put(room)
		}
	}()
	if a.wanted == nil {
		text = append(text, '\n') // as every JSON of ours ends
		webserver.Bytes(c, status, "application/json", text)
		return
	}
	token, err := cfg.Encryption.EncryptResponse(a.wanted, text)
	if err != nil {
		webserver.Fail(c, err)
		return
	}
	webserver.Bytes(c, status, typeJWT, []byte(token))
}

// answers are written in memory that is used again: of a batch with portraits
// they are the largest piece.
var answers sync.Pool

// maxKeptAnswer is above a batch of 50 copies with portraits.
const maxKeptAnswer = 2 << 20
