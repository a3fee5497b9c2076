package issuerhttp

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// metadata serves one well-known document. The path of the issuer follows the
// well-known string (RFC 8414, section 3.1; OpenID4VCI 1.0, section 12.2.2);
// the same document stands where drafts before 2025 had it, at the end, and at
// both spellings with a trailing slash, since wallets try all of them.
func metadata(e *webserver.Engine, base, name string, document func() []byte) {
	wellKnown := "/.well-known/" + name
	paths := []string{wellKnown + base, wellKnown + base + "/"}
	if base != "" {
		paths = append(paths, base+wellKnown)
	}
	for _, p := range paths {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: p, AnyOrigin: true, Handler: func(c *gin.Context) error {
			c.Header("Vary", "Accept")
			if _, ok := webserver.Negotiate(c.GetHeader("Accept"), "application/json"); !ok {
				return problem.New(problem.NotAcceptable, "there is only application/json")
			}
			c.Header("Cache-Control", "public, max-age=300")
			webserver.Bytes(c, http.StatusOK, "application/json", document())
			return nil
		}})
	}
}
