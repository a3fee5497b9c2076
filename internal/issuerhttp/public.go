package issuerhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/oid4vci"
	"vidimus/internal/webserver"
)

// Paths below the public URL. Metadata and offers name them; they may change
// between versions, the well-known ones may not.
const (
	TokenPath        = "/token"
	NoncePath        = "/nonce"
	CredentialPath   = "/credential"
	NotificationPath = "/notification"
	OffersPath       = "/offers"
	StatusPath       = "/status"
)

// PublicConfig is what the wallets' listener needs.
type PublicConfig struct {
	// URL is the public URL: the credential issuer identifier, and the issuer
	// of the authorization server. No trailing slash.
	URL string

	Tokens      Tokens
	Credentials Credentials
	Metadata    Metadata
	Lists       StatusLists
	Ready       Readiness

	// Limit is taken from by every request of a client but those for
	// metadata, lists and health; Guesses by those with the code of an offer
	// and a wrong transaction code. Codes and tokens of 256 bits are not
	// guessed: a stranger with random ones must not lock out all who share his
	// address.
	Limit   *webserver.Limiter
	Guesses *webserver.Limiter
}

// Public puts the wallets' endpoints on an engine.
func Public(e *webserver.Engine, cfg PublicConfig) error {
	base, err := basePath(cfg.URL)
	if err != nil {
		return err
	}
	metadata(e, base, oid4vci.WellKnownIssuer, cfg.Metadata.IssuerMetadata)
	metadata(e, base, oid4vci.WellKnownServer, cfg.Metadata.ServerMetadata)

	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + TokenPath, Errors: webserver.StyleOAuth, AnyOrigin: true,
		Body:  webserver.Body{Types: []string{"application/x-www-form-urlencoded"}, Max: webserver.MaxFormBody},
		Limit: cfg.Limit, Failures: cfg.Guesses, Guess: func(err error) bool { return errors.Is(err, authserver.ErrTxCode) },
		Handler: handle(readToken, cfg.Tokens.Token, ok[*oid4vci.TokenResponse]),
	})
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + NoncePath, Errors: webserver.StyleResource, AnyOrigin: true, Limit: cfg.Limit,
		Handler: handle(noRequest, func(ctx context.Context, _ struct{}) (oid4vci.NonceResponse, error) {
			nonce, err := cfg.Credentials.Nonce(ctx)
			return oid4vci.NonceResponse{CNonce: nonce}, err
		}, ok[oid4vci.NonceResponse]),
	})
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + CredentialPath, Errors: webserver.StyleResource, AnyOrigin: true,
		Body:  webserver.Body{Types: []string{"application/json"}, Max: webserver.MaxCredentialBody},
		Limit: cfg.Limit,
		Handler: handle(
			authorized(cfg.Tokens, cfg.URL+CredentialPath, oid4vci.ParseCredentialRequest),
			func(ctx context.Context, r withAccess[*oid4vci.CredentialRequest]) (*oid4vci.CredentialResponse, error) {
				return cfg.Credentials.Issue(ctx, r.access, r.body)
			}, ok[*oid4vci.CredentialResponse]),
	})
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + NotificationPath, Errors: webserver.StyleResource, AnyOrigin: true,
		Body:  webserver.Body{Types: []string{"application/json"}, Max: webserver.MaxJSONBody},
		Limit: cfg.Limit,
		Handler: handle(
			authorized(cfg.Tokens, cfg.URL+NotificationPath, oid4vci.ParseNotification),
			func(ctx context.Context, r withAccess[*oid4vci.Notification]) (struct{}, error) {
				return struct{}{}, cfg.Credentials.Notify(ctx, r.access, r.body)
			}, func(c *gin.Context, _ struct{}) { webserver.Empty(c, http.StatusNoContent) }),
	})
	e.Handle(webserver.Route{
		Method: http.MethodGet, Path: base + OffersPath + "/:id", AnyOrigin: true, Limit: cfg.Limit,
		Handler: handle(readID, cfg.Credentials.OfferObject, func(c *gin.Context, body []byte) {
			webserver.Bytes(c, http.StatusOK, "application/json", body)
		}),
	})
	statusLists(e, base, cfg.Lists)
	Health(e, cfg.Ready)
	return nil
}

func readID(c *gin.Context) (string, error) { return c.Param("id"), nil }

// basePath is the path of the public URL, "" or "/tenant".
func basePath(publicURL string) (string, error) {
	u, err := url.Parse(publicURL)
	switch {
	case err != nil:
		return "", fmt.Errorf("public URL: %w", err)
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.User != nil:
		return "", fmt.Errorf("public URL %q: want scheme, host and perhaps a path, nothing else", publicURL)
	case strings.HasSuffix(publicURL, "/"), strings.ContainsAny(u.EscapedPath(), "%*:"):
		return "", fmt.Errorf("public URL %q: no trailing slash, no escapes in the path", publicURL)
	}
	return u.Path, nil
}
