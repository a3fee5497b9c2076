package issuerhttp

import (
	"context"
	"net/http"

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

// bundles puts the newest bundle on the public engine.
func (cfg PublicConfig) bundles(e *webserver.Engine, base string) {
	cfg.newest(e, base+BundlePath, typeBundle, func(r *http.Request) ([]byte, string, error) {
		if token := r.Header.Get(fleet.SeenHeader); token != "" {
			cfg.Bundles.SeenReader(r.Context(), token)
		}
		return cfg.Bundles.Bundle(r.Context())
	})
}
