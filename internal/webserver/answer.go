package webserver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// JSON writes v with the plain media type: some wallets compare the whole
// Content-Type, and JSON has no charset parameter (RFC 8259, section 11).
func JSON(c *gin.Context, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		Fail(c, err)
		return
	}
	Bytes(c, status, "application/json", b.Bytes())
}

// Bytes writes a whole body of a media type.
func Bytes(c *gin.Context, status int, mediaType string, body []byte) {
	h := c.Writer.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.Writer.WriteHeader(status)
	if c.Request.Method != http.MethodHead {
		_, _ = c.Writer.Write(body) // a peer that went away is no fault of ours
	}
}

// Empty answers without a body.
func Empty(c *gin.Context, status int) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.Writer.Header().Set("Content-Length", "0")
	}
	c.Writer.WriteHeader(status)
	c.Writer.WriteHeaderNow()
}

// Fail refuses from inside a handler that cannot return its error.
func Fail(c *gin.Context, err error) { refuse(c, eventOf(c).style, err) }
