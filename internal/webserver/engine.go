package webserver

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/clock"
	"vidimus/internal/problem"
)

// Recorder counts requests. Its labels are bounded: the listener's name, a
// route template or "none", a method or "other", a status, a kind or "".
type Recorder interface {
	Request(listener, route, method string, status int, kind problem.Kind, took time.Duration)
}

// Config is what an engine needs. Log, Clock and Rand are required.
type Config struct {
	Listener string // name in log and metrics: "public", "registry", "office"
	Log      *slog.Logger
	Clock    clock.Clock
	Rand     io.Reader // request ids
	Recorder Recorder  // nil records nothing

	// TrustedProxies may set X-Forwarded-For. Empty: nobody may, and the
	// client is who opened the connection.
	TrustedProxies []netip.Prefix
}

// Engine routes the requests of one listener. Put the routes on it first,
// then serve it; it is an http.Handler.
type Engine struct {
	cfg     Config
	gin     *gin.Engine
	cors    map[string][]string // path -> methods that a page may call
	page    func(*gin.Context, error)
	origins *http.CrossOriginProtection
}

// Route is one method on one path.
type Route struct {
	Method string
	Path   string // gin's template: "/offers/:id"
	Body   Body
	Errors Style

	// AnyOrigin lets pages of any origin call and read (CORS).
	AnyOrigin bool
	// SameOrigin refuses what a browser sends from another site.
	SameOrigin bool

	// Page writes every refusal of this route for human eyes; nil writes it in
	// the style of Errors.
	Page func(*gin.Context, error)

	// Limit is taken from by each request of a client.
	Limit *Limiter
	// Failures is taken from by each refusal that Guess tells to be a guess at
	// a short secret; who has used it up is refused unheard. All who share an
	// address with him are too, so Guess leaves out what anyone can bring about.
	Failures *Limiter
	Guess    func(error) bool

	Handler func(*gin.Context) error
}

// New makes an engine without routes.
func New(cfg Config) (*Engine, error) {
	if cfg.Log == nil || cfg.Clock == nil || cfg.Rand == nil {
		return nil, errors.New("webserver: log, clock and rand are required")
	}
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.RedirectTrailingSlash = false
	g.RedirectFixedPath = false
	g.RemoveExtraSlash = false
	g.HandleMethodNotAllowed = true
	g.UseEscapedPath = true // "/%63redential" is another path than "/credential"
	g.UnescapePathValues = true
	g.RemoteIPHeaders = []string{"X-Forwarded-For"}
	proxies := make([]string, len(cfg.TrustedProxies))
	for i, p := range cfg.TrustedProxies {
		proxies[i] = p.String()
	}
	if err := g.SetTrustedProxies(proxies); err != nil {
		return nil, fmt.Errorf("webserver: trusted proxies: %w", err)
	}
	g.ForwardedByClientIP = len(proxies) > 0

	e := &Engine{cfg: cfg, gin: g, cors: map[string][]string{}, origins: http.NewCrossOriginProtection()}
	g.Use(e.observe, e.recover)
	g.NoRoute(func(c *gin.Context) { Fail(c, problem.New(problem.NotFound, "")) })
	g.NoMethod(func(c *gin.Context) { Fail(c, problem.New(problem.MethodNotAllowed, "")) })
	return e, nil
}

// Pages lets write answer every refusal of this engine, those of unknown paths
// included, with a page for human eyes.
func (e *Engine) Pages(write func(*gin.Context, error)) { e.page = write }

// ServeHTTP serves one request.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.gin.ServeHTTP(w, r) }

// Handle puts a route on the engine. A GET route answers HEAD too. A route
// that is there already is a mistake of the program and panics.
func (e *Engine) Handle(r Route) {
	h := e.serve(r)
	e.gin.Handle(r.Method, r.Path, h)
	methods := []string{r.Method}
	if r.Method == http.MethodGet {
		e.gin.HEAD(r.Path, h)
		methods = append(methods, http.MethodHead)
	}
	if r.AnyOrigin {
		if e.cors[r.Path] != nil {
			panic("webserver: a path takes part in CORS with one route: " + r.Path)
		}
		e.cors[r.Path] = methods
		e.gin.OPTIONS(r.Path, preflight(methods))
	}
}

// serve is the order of the checks: cheap and general ones first.
func (e *Engine) serve(r Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		ev := eventOf(c)
		ev.style = r.Errors
		if r.Page != nil {
			ev.page = r.Page
		}
		if r.AnyOrigin {
			allowAnyOrigin(c)
		}
		if err := e.admit(c, r); err != nil {
			refuse(c, r.Errors, err)
			return
		}
		err := r.Handler(c)
		if err == nil {
			return
		}
		if r.Guess != nil && r.Guess(err) {
			r.Failures.Allow(clientKey(clientAddr(c)), e.cfg.Clock.Now())
		}
		refuse(c, r.Errors, err)
	}
}

func (e *Engine) admit(c *gin.Context, r Route) error {
	key, now := clientKey(clientAddr(c)), e.cfg.Clock.Now()
	if !r.Limit.Allow(key, now) || r.Failures.Exhausted(key, now) {
		return problem.New(problem.RateLimited, "too many requests")
	}
	if r.SameOrigin {
		if err := e.origins.Check(c.Request); err != nil {
			return problem.Wrap(problem.AccessDenied, err, "a page of another origin may not do this")
		}
	}
	if err := checkQuery(c.Request); err != nil {
		return err
	}
	return r.Body.check(c)
}

// observe gives the request an id, and writes its log line and its metric.
func (e *Engine) observe(c *gin.Context) {
	start := e.cfg.Clock.Now()
	ev := &requestEvent{style: StyleAPI, page: e.page}
	var id [12]byte
	if _, err := io.ReadFull(e.cfg.Rand, id[:]); err == nil {
		ev.id = hex.EncodeToString(id[:])
	}
	c.Set(eventKey, ev)
	h := c.Writer.Header()
	h.Set("X-Request-Id", ev.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // whoever wants to be cached says so
	if len(c.Request.TransferEncoding) > 0 {
		// The library drops a Content-Length that stands beside it unseen. What
		// follows such a body is never taken for a request (RFC 9112, 6.1).
		h.Set("Connection", "close")
	}
	c.Next()
	took := e.cfg.Clock.Now().Sub(start)
	if e.cfg.Recorder != nil {
		e.cfg.Recorder.Request(e.cfg.Listener, routeLabel(c), methodLabel(c.Request.Method), c.Writer.Status(), ev.kind, took)
	}
	ev.write(e.cfg.Log, c, clientAddr(c), took)
}

// recover turns a panic into a 500 with a fixed text; the stack goes to the log.
func (e *Engine) recover(c *gin.Context) {
	defer func() {
		v := recover()
		switch v {
		case nil:
			return
		case http.ErrAbortHandler: // the library's own way to drop a connection
			panic(v)
		}
		e.cfg.Log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
			slog.String("request", RequestID(c)), slog.String("value", LogSafe(fmt.Sprint(v))), slog.String("stack", string(debug.Stack())))
		Fail(c, problem.New(problem.Internal, ""))
		c.Abort()
	}()
	c.Next()
}

// clientAddr is the peer's address as gin found it under our proxy rules.
func clientAddr(c *gin.Context) netip.Addr {
	a, err := netip.ParseAddr(c.ClientIP())
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
