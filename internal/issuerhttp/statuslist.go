package issuerhttp

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
	"vidimus/internal/webserver"
)

// statusLists serves the lists and their aggregation. Anyone may read them,
// and caches may keep them: that hides from us who is being checked. A list of
// the past (Token Status List draft, section 8.4) is not to be had: it would
// tell when a holder's status changed.
func statusLists(e *webserver.Engine, base string, lists StatusLists) {
	var z zipped
	list := func(path string, token func(c *gin.Context, mediaType string) (*status.Object, error), offers ...string) {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: base + path + "/:id", AnyOrigin: true, Handler: func(c *gin.Context) error {
			mediaType, ok := webserver.Negotiate(c.GetHeader("Accept"), offers...)
			if !ok {
				return problem.New(problem.NotAcceptable, "there is %s", strings.Join(offers, " and "))
			}
			o, err := token(c, mediaType)
			switch {
			case errors.Is(err, status.ErrListNotFound):
				return problem.Wrap(problem.NotFound, err, "no such status list")
			case err != nil:
				return problem.Wrap(problem.Unavailable, err, "try again later")
			}
			z.serve(c, o)
			return nil
		}})
	}
	list(StatusPath, func(c *gin.Context, mediaType string) (*status.Object, error) {
		format := statuslist.FormatJWT
		if mediaType == status.MediaTypeCWT {
			format = statuslist.FormatCWT
		}
		return lists.Token(c.Request.Context(), c.Param("id"), format)
	}, status.MediaTypeJWT, status.MediaTypeCWT)
	list(IdentifiersPath, func(c *gin.Context, _ string) (*status.Object, error) {
		return lists.Identifiers(c.Request.Context(), c.Param("id"))
	}, status.MediaTypeIdentifiers)
	e.Handle(webserver.Route{Method: http.MethodGet, Path: base + StatusPath, AnyOrigin: true, Handler: func(c *gin.Context) error {
		o := lists.Aggregation()
		if o == nil {
			return problem.New(problem.Unavailable, "nothing is published yet")
		}
		z.serve(c, o)
		return nil
	}})
}

// IdentifiersPath is where identifier lists are, as status.IdentifierURI says.
const IdentifiersPath = "/identifiers"

// serve writes an object, compressed where the peer asks for it. A shared
// cache may keep it for half of its ttl: it is at most as old when it is
// served, so that no reader gets one older than the whole.
func (z *zipped) serve(c *gin.Context, o *status.Object) {
	body, etag := o.Body, o.ETag
	h := c.Writer.Header()
	h.Set("Vary", "Accept, Accept-Encoding")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(cmp.Or(o.TTL/2, aggregationAge).Seconds())))
	zip := webserver.AcceptsGzip(c.GetHeader("Accept-Encoding"))
	if zip {
		etag = strings.TrimSuffix(etag, `"`) + `-gzip"`
	}
	h.Set("ETag", etag)
	if matches(c.GetHeader("If-None-Match"), etag) {
		webserver.Empty(c, http.StatusNotModified)
		return
	}
	if zip {
		body = z.zip(o)
		h.Set("Content-Encoding", "gzip")
	}
	webserver.Bytes(c, http.StatusOK, o.MediaType, body)
}

// aggregationAge is how long the list of lists, which has no ttl, may be kept.
const aggregationAge = time.Minute

// matches compares If-None-Match (RFC 9110, section 13.1.2), of which at most
// 32 entries are looked at.
func matches(header, etag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for i, tag := range strings.SplitN(header, ",", 33) {
		if i < 32 && strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag {
			return true
		}
	}
	return false
}

// zipped keeps the compressed form of the lists asked for last, by ETag.
type zipped struct {
	mu   sync.Mutex
	kept map[string][]byte
}

// maxZipped bounds what is kept: 64 lists of some 100 KiB.
const maxZipped = 64

func (z *zipped) zip(o *status.Object) []byte {
	z.mu.Lock()
	b, ok := z.kept[o.ETag]
	z.mu.Unlock()
	if ok {
		return b
	}
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(o.Body) // to memory
	_ = w.Close()
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.kept) >= maxZipped || z.kept == nil {
		z.kept = map[string][]byte{} // old versions go with it
	}
	z.kept[o.ETag] = buf.Bytes()
	return buf.Bytes()
}
