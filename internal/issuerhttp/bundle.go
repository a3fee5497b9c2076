package issuerhttp

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/fleet"
	"vidimus/internal/webserver"
)

// Bundles gives what offline readers know.
type Bundles interface {
	// Bundle is the newest bundle with its entity tag.
	Bundle(ctx context.Context) (body []byte, etag string, err error)
	// SeenReader takes what a reader said of itself when it asked: a token of
	// package fleet. What it is worth concerns nobody but the office.
	SeenReader(ctx context.Context, token string)
}

// typeBundle is the media type of a bundle (package bundle).
const typeBundle = "application/vidimus-bundle+cbor"

// bundles puts the newest bundle on the public engine. It is signed and public, and
// costs a client of the rate limit as much as any request.
func (cfg PublicConfig) bundles(e *webserver.Engine, base string) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: base + BundlePath, AnyOrigin: true, Limit: cfg.Limit, Handler: func(c *gin.Context) error {
		if token := c.GetHeader(fleet.SeenHeader); token != "" {
			cfg.Bundles.SeenReader(c.Request.Context(), token)
		}
		body, etag, err := cfg.Bundles.Bundle(c.Request.Context())
		if err != nil {
			return err
		}
		h := c.Writer.Header()
		h.Set("Cache-Control", "public, max-age="+listAge)
		h.Set("ETag", etag)
		if matches(c.GetHeader("If-None-Match"), etag) {
			webserver.Empty(c, http.StatusNotModified)
			return nil
		}
		webserver.Bytes(c, http.StatusOK, typeBundle, body)
		return nil
	}})
}
