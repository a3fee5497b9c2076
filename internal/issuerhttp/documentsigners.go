package issuerhttp

import (
	"context"
	"net/http"

	"vidimus/internal/webserver"
)

// Where the certificates of document signers are, below the public URL: those that
// sign, that are to sign and that did.
const (
	DocumentSignersPath    = "/certificates/document-signers.json"
	DocumentSignersPEMPath = "/certificates/document-signers.pem"
)

// DocumentSigners gives the certificates of document signers, as JSON with what each
// is and as plain PEM, with the entity tag of both.
type DocumentSigners interface {
	DocumentSigners(ctx context.Context) (list, certificates []byte, etag string)
}

// documentSigners puts them on the public engine.
func (cfg PublicConfig) documentSigners(e *webserver.Engine, base string) {
	cfg.newest(e, base+DocumentSignersPath, "application/json", func(r *http.Request) ([]byte, string, error) {
		list, _, etag := cfg.DocumentSigners.DocumentSigners(r.Context())
		return list, etag, nil
	})
	cfg.newest(e, base+DocumentSignersPEMPath, "application/x-pem-file", func(r *http.Request) ([]byte, string, error) {
		_, certificates, etag := cfg.DocumentSigners.DocumentSigners(r.Context())
		return certificates, etag, nil
	})
}
