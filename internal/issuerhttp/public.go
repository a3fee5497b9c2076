package issuerhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/idp"
	"vidimus/internal/oid4vci"
	"vidimus/internal/webserver"
)

// Paths below the public URL. Metadata and offers name them; they may change
// between versions, the well-known ones may not.
const (
	ParPath          = "/par"
	AuthorizePath    = "/authorize"
	CallbackPath     = "/login/callback" // of the upstream login
	DemoPath         = "/login/demo"
	ChallengePath    = "/challenge"
	TokenPath        = "/token"
	NoncePath        = "/nonce"
	CredentialPath   = "/credential"
	DeferredPath     = "/deferred_credential"
	NotificationPath = "/notification"
	OffersPath       = "/offers"
	LogoPath         = "/logo"
	StatusPath       = "/status"
)

// PublicConfig is what the wallets' listener needs.
type PublicConfig struct {
	// URL is the public URL: the credential issuer identifier, and the issuer
	// of the authorization server. No trailing slash.
	URL string

	// Tokens is the built-in authorization server; nil when External is another,
	// which has the token endpoint then.
	Tokens      Tokens
	External    Authenticator
	Credentials Credentials
	Metadata    Metadata
	Lists       StatusLists
	Ready       Readiness

	// Authorization, with Login, Sealer and Holdings, is the authorization code
	// flow; nil leaves it out.
	Authorization Authorization
	Login         idp.Provider
	Sealer        *idp.Sealer
	Holdings      Holdings
	// Zone is the one in which its pages write times; nil is UTC.
	Zone *time.Location

	// Challenges are offered to clients that authenticate by attestation, Nonces
	// to those that send DPoP proofs; nil leaves endpoint and headers out.
	Challenges Challenges
	Nonces     Nonces
	// Deferred is nil where nothing is ever issued later, Encryption where
	// application/jwt is not taken.
	Deferred   Deferred
	Encryption Encryption
	// SignedMetadata gives the issuer's metadata as a JWT, made before and kept;
	// nil for an issuer that does not sign them.
	SignedMetadata func() []byte
	// Localized gives the issuer's metadata in one language, by locale: what a
	// wallet gets that asks for it with Accept-Language. Made before and kept too;
	// nil for an issuer that sends all languages to everybody.
	Localized func() map[string][]byte
	// Logos are the pictures that metadata name, by the last segment of their
	// address. One with another content has another name: they never change.
	Logos map[string]Logo

	// Readers are enrolled here; nil leaves their endpoints out.
	Readers Enrolment
	// Bundles gives what offline readers know; nil leaves it out.
	Bundles Bundles
	// DocumentSigners gives their certificates; nil leaves them out.
	DocumentSigners DocumentSigners
	// Signers gives the lists of revoked signers; nil leaves them out.
	Signers SignerRevocation
	// Trust gives the lists that say who issues here; nil leaves them out.
	Trust TrustLists

	// Busy refuses requests for credentials, and those that begin a flow, while
	// too many wait; nil never does.
	Busy func() error

	// OldWellKnown also serves metadata at the end of the public URL, where
	// drafts before 2025 had them; Draft15 also takes the singular proof.
	OldWellKnown, Draft15 bool

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
	cfg.wellKnown(e, base)
	cfg.logos(e, base)
	cfg.pushes(e, base)
	if cfg.Authorization != nil {
		if cfg.Login == nil || cfg.Sealer == nil || cfg.Holdings == nil {
			return errors.New("the authorization code flow needs a login, a sealer and holdings")
		}
		if err := cfg.authorize(e, base); err != nil {
			return err
		}
	}
	if cfg.Tokens != nil {
		cfg.tokens(e, base)
	}
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + NoncePath, Errors: webserver.StyleResource, AnyOrigin: true, Limit: cfg.Limit,
		Handler: cfg.resource(handle(noRequest, func(ctx context.Context, _ struct{}) (oid4vci.NonceResponse, error) {
			nonce, err := cfg.Credentials.Nonce(ctx)
			return oid4vci.NonceResponse{CNonce: nonce}, err
		}, ok[oid4vci.NonceResponse])),
	})
	cfg.credentials(e, base)
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + NotificationPath, Errors: webserver.StyleResource, AnyOrigin: true,
		Body:  webserver.Body{Types: []string{"application/json"}, Max: webserver.MaxJSONBody},
		Limit: cfg.Limit,
		Handler: cfg.resource(handle(
			authorized(cfg.authenticator(), cfg.URL+NotificationPath, plainBody(oid4vci.ParseNotification)),
			func(ctx context.Context, r withAccess[*oid4vci.Notification]) (struct{}, error) {
				return struct{}{}, cfg.Credentials.Notify(ctx, r.access, r.body)
			}, func(c *gin.Context, _ struct{}) { webserver.Empty(c, http.StatusNoContent) })),
	})
	e.Handle(webserver.Route{
		Method: http.MethodGet, Path: base + OffersPath + "/:id", AnyOrigin: true, Limit: cfg.Limit,
		Handler: handle(readID, cfg.Credentials.OfferObject, func(c *gin.Context, body []byte) {
			webserver.Bytes(c, http.StatusOK, "application/json", body)
		}),
	})
	statusLists(e, base, cfg.Lists)
	if cfg.Readers != nil {
		cfg.readers(e, base)
	}
	if cfg.Signers != nil {
		cfg.signers(e, base)
	}
	if cfg.Trust != nil {
		cfg.trustLists(e, base)
	}
	if cfg.DocumentSigners != nil {
		cfg.documentSigners(e, base)
	}
	if cfg.Bundles != nil {
		cfg.bundles(e, base)
	}
	Health(e, cfg.Ready)
	return nil
}

// tokens puts the token endpoint on the engine.
func (cfg PublicConfig) tokens(e *webserver.Engine, base string) {
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + TokenPath, Errors: webserver.StyleOAuth, AnyOrigin: true, Body: formBody,
		Limit: cfg.Limit, Failures: cfg.Guesses, Guess: func(err error) bool { return errors.Is(err, authserver.ErrTxCode) },
		Handler: cfg.server(handle(readToken, cfg.Tokens.Token, ok[*oid4vci.TokenResponse])),
	})
}

// authenticator is who says what an access token is good for.
func (cfg PublicConfig) authenticator() Authenticator {
	if cfg.External != nil {
		return cfg.External
	}
	return cfg.Tokens
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
