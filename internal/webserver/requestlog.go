package webserver

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
)

// requestEvent is filled while a request is served and written once, at its end.
type requestEvent struct {
	id    string
	style Style
	kind  problem.Kind // "" when nothing was refused
	cause string       // for the operator; never for the peer
	attrs []slog.Attr
	page  func(*gin.Context, error)
	body  *cappedBody // nil for a route without one
}

const eventKey = "vidimus.request"

func eventOf(c *gin.Context) *requestEvent {
	if v, ok := c.Get(eventKey); ok {
		return v.(*requestEvent)
	}
	return &requestEvent{}
}

// Annotate adds an attribute to the request's log line: an id, a count, a
// digest. The value is cut and escaped; it must not be a secret or a claim.
func Annotate(c *gin.Context, key, value string) {
	ev := eventOf(c)
	if value != "" && len(ev.attrs) < 16 {
		ev.attrs = append(ev.attrs, slog.String(key, LogSafe(value)))
	}
}

// RequestID is the id that the log line and the X-Request-Id header carry.
func RequestID(c *gin.Context) string { return eventOf(c).id }

func noteRefusal(c *gin.Context, kind problem.Kind, err error) {
	ev := eventOf(c)
	ev.kind, ev.cause = kind, LogSafe(err.Error())
}

// write emits the one line. 5xx is an error, everything else information: a
// refused request is the peer's fault and must not drown an alarm.
func (ev *requestEvent) write(log *slog.Logger, c *gin.Context, client netip.Addr, took time.Duration) {
	level := slog.LevelInfo
	if c.Writer.Status() >= 500 {
		level = slog.LevelError
	}
	attrs := append([]slog.Attr{
		slog.String("request", ev.id),
		slog.String("method", methodLabel(c.Request.Method)),
		slog.String("route", routeLabel(c)),
		slog.Int("status", c.Writer.Status()),
		slog.Int("bytes", max(c.Writer.Size(), 0)),
		slog.Duration("took", took),
		slog.String("client", network(client)),
	}, ev.attrs...)
	if ua := c.Request.UserAgent(); ua != "" {
		attrs = append(attrs, slog.String("agent", LogSafe(ua)))
	}
	if ev.kind != "" {
		attrs = append(attrs, slog.String("kind", string(ev.kind)), slog.String("cause", ev.cause))
	}
	log.LogAttrs(context.WithoutCancel(c.Request.Context()), level, "request", attrs...)
}

// LogSafe makes a value of the peer fit for a log: at most 256 bytes, no
// control character, no escape sequence, valid UTF-8.
func LogSafe(s string) string {
	cut := len(s) > maxLogValue
	if cut {
		s = s[:maxLogValue]
	}
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if cut {
		s += "..."
	}
	return s
}

// network names the neighbourhood of a client, not the client: /24 or /48.
func network(a netip.Addr) string {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}

// routeLabel is the template, never the path of the request.
func routeLabel(c *gin.Context) string {
	if p := c.FullPath(); p != "" {
		return p
	}
	return "none"
}

func methodLabel(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}
