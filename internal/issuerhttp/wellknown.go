package issuerhttp

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// wellKnown puts the documents that wallets read first on the engine.
func (cfg PublicConfig) wellKnown(e *webserver.Engine, base string) {
	cfg.document(e, base, oid4vci.WellKnownIssuer, cfg.SignedMetadata, cfg.localized)
	if cfg.Tokens != nil {
		cfg.document(e, base, oid4vci.WellKnownServer, nil, func(*gin.Context) []byte { return cfg.Metadata.ServerMetadata() })
	}
}

// localized gives the issuer's document in the language that is asked for, and
// with all languages when none is, or none of them.
func (cfg PublicConfig) localized(c *gin.Context) []byte {
	wanted := c.GetHeader("Accept-Language")
	if cfg.Localized == nil || wanted == "" {
		return cfg.Metadata.IssuerMetadata()
	}
	in := cfg.Localized()
	locale := oid4vci.MatchLanguage(wanted, slices.Sorted(maps.Keys(in)))
	if locale == "" {
		return cfg.Metadata.IssuerMetadata()
	}
	c.Header("Content-Language", locale)
	return in[locale]
}

// document serves one well-known document. The path of the issuer follows the
// well-known string (RFC 8414, section 3.1; OpenID4VCI 1.0, section 12.2.2);
// the same document stands at the spelling with a trailing slash, since wallets
// try both, and, with OldWellKnown, where drafts before 2025 had it: at the end.
// A wallet that asks for application/jwt gets the signed form where there is one
// (section 12.2.3); who asks for nothing in particular gets JSON.
func (cfg PublicConfig) document(e *webserver.Engine, base, name string, signed func() []byte, plain func(*gin.Context) []byte) {
	offers := []string{"application/json"}
	if signed != nil {
		offers = append(offers, typeJWT)
	}
	wellKnown := "/.well-known/" + name
	paths := []string{wellKnown + base, wellKnown + base + "/"}
	if base != "" && cfg.OldWellKnown {
		paths = append(paths, base+wellKnown)
	}
	for _, p := range paths {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: p, AnyOrigin: true, Handler: func(c *gin.Context) error {
			c.Header("Vary", "Accept, Accept-Language")
			mediaType, ok := webserver.Negotiate(c.GetHeader("Accept"), offers...)
			if !ok {
				return problem.New(problem.NotAcceptable, "there is %s", strings.Join(offers, " and "))
			}
			c.Header("Cache-Control", "public, max-age=300")
			if mediaType == typeJWT {
				webserver.Bytes(c, http.StatusOK, typeJWT, signed())
				return nil
			}
			webserver.Bytes(c, http.StatusOK, "application/json", plain(c))
			return nil
		}})
	}
}
