package verifierhttp

import (
	"embed"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/clock"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// Config is what the pages need.
type Config struct {
	URL    string // where they are reached: http://127.0.0.1:8770
	Reader Reader
	// Clean makes text of strangers safe for the eye, in at most max bytes.
	Clean func(text string, max int) string
	// Zone is the one in which times are written; nil is UTC.
	Zone  *time.Location
	Clock clock.Clock
	Rand  io.Reader
	// After calls f once after d, unless it is stopped; nil is time.AfterFunc.
	After func(d time.Duration, f func()) (stop func() bool)
}

type room struct {
	Config
	site    *pages.Site
	slot    *slot
	looking chan struct{} // one picture at a time
	sent    chan struct{} // large forms under way
	codes   *webserver.Limiter
}

//go:embed page
var files embed.FS

const readingCookie = "vidimus-reading"

// Pages puts the pages on an engine. close wipes what is shown.
func Pages(e *webserver.Engine, cfg Config) (close func(), err error) {
	if cfg.Reader == nil || cfg.Clean == nil || cfg.Clock == nil || cfg.Rand == nil {
		return nil, errors.New("reader pages: reader, clean, clock and rand are required")
	}
	if cfg.After == nil {
		cfg.After = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	site, err := pages.New(cfg.URL, "", files)
	if err != nil {
		return nil, err
	}
	site.Brand("reader.name")
	site.In(cfg.Zone)
	site.Assets(e)
	k := &room{Config: cfg, site: site, looking: make(chan struct{}, 1), sent: make(chan struct{}, maxUploads), codes: webserver.NewLimiter(codesPerMinute/60.0, codesBurst),
		slot: &slot{reader: cfg.Reader, clock: cfg.Clock, rand: cfg.Rand, after: cfg.After}}
	limit := webserver.NewLimiter(requestsPerSecond, requestsBurst)
	for name, mediaType := range map[string]string{"scan.js": "text/javascript; charset=utf-8", "follow.js": "text/javascript; charset=utf-8", "terminal.css": "text/css; charset=utf-8"} {
		if err := k.asset(e, name, mediaType); err != nil {
			return nil, err
		}
	}
	get := func(path string, f func(*pages.Visit) error) {
		e.Handle(site.Route(http.MethodGet, site.Path(path), limit, f))
	}
	get("/", k.showStart)
	get("/reading", k.showReading)
	get("/progress", k.progress)
	e.Handle(site.Takes(site.Path("/read"), webserver.Body{Types: []string{"multipart/form-data"}, Max: maxForm}, limit, k.begin))
	e.Handle(site.Takes(site.Path("/frame"), webserver.Body{Types: []string{"image/jpeg", "image/png"}, Max: maxFrame},
		webserver.NewLimiter(framesPerSecond, framesBurst), k.frame))
	e.Handle(site.Route(http.MethodPost, site.Path("/close"), limit, k.close))
	return k.slot.close, nil
}

func (k *room) asset(e *webserver.Engine, name, mediaType string) error {
	body, err := files.ReadFile("page/" + name)
	if err != nil {
		return err
	}
	e.Handle(webserver.Route{Method: http.MethodGet, Path: k.site.Path("/" + name), Handler: func(c *gin.Context) error {
		c.Header("Cache-Control", "public, max-age=3600")
		c.Header("Cross-Origin-Resource-Policy", "same-origin")
		webserver.Bytes(c, http.StatusOK, mediaType, body)
		return nil
	}})
	return nil
}

// close wipes the reading: by a button, or by the browser as it leaves the page.
func (k *room) close(v *pages.Visit) error {
	k.slot.leave(v.Cookie(readingCookie), v.Value("reading"))
	if v.Value("reading") == "" {
		v.SetCookie(readingCookie, "", 0)
	}
	v.SeeOther(k.site.Path("/"))
	return nil
}
