package issuerhttp

import (
	"context"
	"net/http"

	"vidimus/internal/webserver"
)

// RevocationPath is where revocation lists are, below the public URL: it stands in
// every certificate that may be revoked (ISO/IEC 18013-5, B.1.3). SignerCRLPath is
// that of the first IACA; each that follows has a name of its own.
const (
	RevocationPath = "/crl/"
	SignerCRLPath  = RevocationPath + "iaca.crl"
)

// SignerRevocation gives lists of revoked signers.
type SignerRevocation interface {
	// SignerLists are their names, one for each root.
	SignerLists() []string
	// RevokedSigners is one of them in DER with its entity tag.
	RevokedSigners(ctx context.Context, name string) (list []byte, etag string, err error)
}

// typeCRL is the media type of a revocation list (RFC 2585, section 4.2).
const typeCRL = "application/pkix-crl"

// signers puts the lists of revoked signers on the public engine.
func (cfg PublicConfig) signers(e *webserver.Engine, base string) {
	for _, name := range cfg.Signers.SignerLists() {
		cfg.newest(e, base+RevocationPath+name+".crl", typeCRL, func(r *http.Request) ([]byte, string, error) {
			return cfg.Signers.RevokedSigners(r.Context(), name)
		})
	}
}
