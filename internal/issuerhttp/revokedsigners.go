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

// SignerRevocation gives the list of revoked signers in DER.
type SignerRevocation interface {
	RevokedSigners(ctx context.Context) ([]byte, error)
}

// signers puts the list of revoked signers on the public engine.
func (cfg PublicConfig) signers(e *webserver.Engine, base string) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: base + SignerCRLPath, AnyOrigin: true, Limit: cfg.Limit, Handler: func(c *gin.Context) error {
		list, err := cfg.Signers.RevokedSigners(c.Request.Context())
		if err != nil {
			return err
		}
		c.Header("Cache-Control", "public, max-age="+listAge)
		webserver.Bytes(c, http.StatusOK, "application/pkix-crl", list)
		return nil
	}})
}
