package issuerhttp

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Logo is a picture that wallets show.
type Logo struct {
	Type string // image/png or image/svg+xml
	Data []byte
}

// logos puts the pictures on the engine. An SVG opened by itself in a browser is
// a document of our origin: it may neither run nor load anything.
func (cfg PublicConfig) logos(e *webserver.Engine, base string) {
	if len(cfg.Logos) == 0 {
		return
	}
	e.Handle(webserver.Route{Method: http.MethodGet, Path: base + LogoPath + "/:name", AnyOrigin: true, Handler: func(c *gin.Context) error {
		logo, ok := cfg.Logos[c.Param("name")]
		if !ok {
			return problem.New(problem.NotFound, "no such picture")
		}
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
		c.Header("Content-Security-Policy", "default-src 'none'; sandbox")
		webserver.Bytes(c, http.StatusOK, logo.Type, logo.Data)
		return nil
	}})
}
