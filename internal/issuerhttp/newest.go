package issuerhttp

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"vidimus/internal/webserver"
)

// listAge is how long a cache may keep what newest serves, in seconds.
const listAge = "300"

// newest puts a signed public thing on the public engine that has one address and
// changes now and then: the newest is served, with its entity tag, to anybody. It costs
// a client of the rate limit as much as any request.
func (cfg PublicConfig) newest(e *webserver.Engine, path, mediaType string, get func(*http.Request) (body []byte, etag string, err error)) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: path, AnyOrigin: true, Limit: cfg.Limit, Handler: func(c *gin.Context) error {
		body, etag, err := get(c.Request)
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
		webserver.Bytes(c, http.StatusOK, mediaType, body)
		return nil
	}})
}
