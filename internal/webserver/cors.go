package webserver

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// Wallets in a browser call us from their own origin. No route of theirs reads
// a cookie, so any origin may call and credentials mode is never granted.
const (
	corsRequestHeaders  = "Authorization, Content-Type, DPoP, OAuth-Client-Attestation, OAuth-Client-Attestation-PoP, Accept, Accept-Language, If-None-Match"
	corsResponseHeaders = "DPoP-Nonce, OAuth-Client-Attestation-Challenge, WWW-Authenticate, ETag, Retry-After, X-Request-Id"
)

func allowAnyOrigin(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", corsResponseHeaders)
}

// preflight answers OPTIONS for a path with these methods.
func preflight(methods []string) gin.HandlerFunc {
	allow := strings.Join(methods, ", ")
	return func(c *gin.Context) {
		allowAnyOrigin(c)
		h := c.Writer.Header()
		h.Set("Access-Control-Allow-Methods", allow)
		h.Set("Access-Control-Allow-Headers", corsRequestHeaders)
		h.Set("Access-Control-Max-Age", "600")
		h.Set("Allow", allow+", OPTIONS")
		Empty(c, http.StatusNoContent)
	}
}
