package webserver

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
)

// Body says what a route takes. The zero Body is for routes without one: what
// comes is not read.
type Body struct {
	Types []string // media types, lower case, without parameters
	Max   int64    // bytes
}

// check refuses by the headers alone, and caps what may be read afterwards.
func (b Body) check(c *gin.Context) error {
	r := c.Request
	if len(b.Types) == 0 {
		if b.Max == 0 {
			r.Body = http.NoBody
		}
		return nil
	}
	if r.ContentLength > b.Max {
		return tooLarge(b.Max)
	}
	if r.Header.Get("Content-Encoding") != "" {
		return problem.New(problem.UnsupportedMediaType, "a content encoding is not supported")
	}
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return problem.New(problem.UnsupportedMediaType, "one Content-Type is needed: %s", strings.Join(b.Types, " or "))
	}
	mt, params, err := mime.ParseMediaType(types[0])
	if err != nil || !slices.Contains(b.Types, mt) {
		return problem.New(problem.UnsupportedMediaType, "the Content-Type must be %s", strings.Join(b.Types, " or "))
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return problem.New(problem.UnsupportedMediaType, "the only charset is utf-8")
	}
	body := &cappedBody{ReadCloser: http.MaxBytesReader(underlying(c.Writer), r.Body, b.Max), original: r.Body}
	r.Body, eventOf(c).body = body, body
	return nil
}

// cappedBody is a body as handlers read it, and as the library made it.
type cappedBody struct {
	io.ReadCloser
	original io.ReadCloser
	ended    bool // read to its end, or past its cap
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}

// leaveBody lets a refusal go out before the body that it does not care for has
// come: the library would wait for a quarter of a MiB of it, unless it knows
// the body by its own type and the connection ends. What it gives is called
// when the refusal is written: a peer that is still sending would lose the
// answer with a connection that is cut, so what comes is thrown away for a while.
func leaveBody(c *gin.Context) (linger func()) {
	r, body := c.Request, eventOf(c).body
	if r.ContentLength == 0 || body != nil && body.ended {
		return func() {}
	}
	if body != nil {
		r.Body = body.original
	}
	c.Writer.Header().Set("Connection", "close")
	return func() {
		rc := http.NewResponseController(c.Writer)
		if rc.Flush() == nil && rc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, r.Body, MaxBatchBody)
		}
	}
}

// underlying is the library's own writer: it must learn that the cap was hit,
// so that it closes the connection gently instead of reading on.
func underlying(w http.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return w
}

func tooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "the body is larger than %d bytes", limit)
}

// firstRoom bounds the memory that a body gets before it has come.
const firstRoom = 1 << 20

// ReadBody reads the whole body, which the engine has capped for the route.
func ReadBody(c *gin.Context) ([]byte, error) {
	// Read in one piece where the length is known; what is claimed alone gets
	// no large memory.
	room := min(max(c.Request.ContentLength, 0), firstRoom)
	read := bytes.NewBuffer(make([]byte, 0, room+bytes.MinRead))
	_, err := read.ReadFrom(c.Request.Body)
	b := read.Bytes()
	if err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			return nil, tooLarge(over.Limit)
		}
		return nil, problem.Wrap(problem.InvalidRequest, err, "the body could not be read")
	}
	return b, nil
}

// MediaType is the media type of the body, without parameters.
func MediaType(c *gin.Context) string {
	mt, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	return mt
}

// SingleHeader gives a header that must stand at most once: a second one could
// be read by someone else than the first (RFC 9449, section 4.3, step 1).
func SingleHeader(c *gin.Context, name string) (string, error) {
	switch v := c.Request.Header.Values(name); len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	default:
		return "", problem.New(problem.InvalidRequest, "more than one %s header", name)
	}
}
