package issuerhttp

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Health says on /healthz that the process lives, on /readyz that it can
// serve. Neither says why not: the log does.
// A Readiness that has Remarks is for operators: it adds them to what /readyz says, and
// why not is said there too.
func Health(e *webserver.Engine, ready Readiness) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: "/healthz", Handler: func(c *gin.Context) error {
		webserver.Bytes(c, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
		return nil
	}})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: "/readyz", Handler: func(c *gin.Context) error {
		r, operators := ready.(interface{ Remarks(context.Context) string })
		if err := ready.Ready(c.Request.Context()); err != nil {
			if operators {
				return problem.New(problem.Unavailable, "not ready: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
			}
			return problem.Wrap(problem.Unavailable, err, "not ready")
		}
		text := "ready\n"
		if operators {
			text += r.Remarks(c.Request.Context())
		}
		webserver.Bytes(c, http.StatusOK, "text/plain; charset=utf-8", []byte(text))
		return nil
	}})
}
