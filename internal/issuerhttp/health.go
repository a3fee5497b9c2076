package issuerhttp

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Health says on /healthz that the process lives, on /readyz that it can
// serve. Neither says why not: the log does.
func Health(e *webserver.Engine, ready Readiness) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: "/healthz", Handler: func(c *gin.Context) error {
		webserver.Bytes(c, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
		return nil
	}})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: "/readyz", Handler: func(c *gin.Context) error {
		if err := ready.Ready(c.Request.Context()); err != nil {
			return problem.Wrap(problem.Unavailable, err, "not ready")
		}
		webserver.Bytes(c, http.StatusOK, "text/plain; charset=utf-8", []byte("ready\n"))
		return nil
	}})
}
