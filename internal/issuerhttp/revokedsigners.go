package issuerhttp

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/webserver"
)

// SignerCRLPath is where the list of revoked signers is, below the public URL: it
// stands in every certificate of the IACA (ISO/IEC 18013-5, B.1.3).
const SignerCRLPath = "/crl/iaca.crl"

// SignerRevocation gives the list of revoked signers in DER with its entity tag.
type SignerRevocation interface {
	RevokedSigners(ctx context.Context) (list []byte, etag string, err error)
}

// signers puts the list of revoked signers on the public engine.
func (cfg PublicConfig) signers(e *webserver.Engine, base string) {
	cfg.revocations(e, base+SignerCRLPath, cfg.Signers.RevokedSigners)
}

// revocations puts a revocation list on the public engine.
func (cfg PublicConfig) revocations(e *webserver.Engine, path string, newest func(context.Context) ([]byte, string, error)) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: path, AnyOrigin: true, Limit: cfg.Limit, Handler: func(c *gin.Context) error {
		list, etag, err := newest(c.Request.Context())
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
		webserver.Bytes(c, http.StatusOK, "application/pkix-crl", list)
		return nil
	}})
}
