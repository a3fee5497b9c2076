package issuerhttp

import (
	"context"
	"net/http"

	"vidimus/internal/webserver"
)

// TrustListPath is where the lists are that say who issues here, below the public URL.
const TrustListPath = "/trust/"

// TrustLists gives the lists that say who issues here: the VICAL of ISO/IEC 18013-5
// Annex C, and lists of trusted entities of ETSI TS 119 602.
type TrustLists interface {
	// TrustLists are their names, each with its media type.
	TrustLists() map[string]string
	// TrustList is the newest of a name with its entity tag.
	TrustList(ctx context.Context, name string) (body []byte, etag string, err error)
}

// trustLists puts them on the public engine.
func (cfg PublicConfig) trustLists(e *webserver.Engine, base string) {
	for name, mediaType := range cfg.Trust.TrustLists() {
		cfg.newest(e, base+TrustListPath+name, mediaType, func(r *http.Request) ([]byte, string, error) {
			return cfg.Trust.TrustList(r.Context(), name)
		})
	}
}
