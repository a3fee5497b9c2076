package pages

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/webserver"
)

//go:embed page
var files embed.FS

// Style and Icon are what the pages of every room load.
func Style() []byte { return asset("style.css") }

// Icon is an SVG.
func Icon() []byte { return asset("icon.svg") }

func asset(name string) []byte {
	body, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // a build of ours is broken
	}
	return body
}

// Site is the pages below one path of one public URL. Safe for concurrent use.
type Site struct {
	origin    string // scheme://host
	base      string // path of the public URL and the part of this room
	root      string // path of the public URL, "/" at least
	secure    bool   // https
	opener    bool   // pages keep the window that opened them
	brand     string // key of what the site is called
	zone      *time.Location
	templates *template.Template
}

// In sets the zone in which the pages write times; nil is UTC, as without it.
func (s *Site) In(zone *time.Location) {
	if zone != nil {
		s.zone = zone
	}
}

// KeepOpener lets the window that opened a page of the site go on speaking with
// the one that it opened, for pages that lead back to a wallet in a browser: that
// may wait for the answer of a window of its own. It reads nothing of ours.
func (s *Site) KeepOpener() { s.opener = true }

// Brand gives the site a name of its own, the message of key.
func (s *Site) Brand(key string) { s.brand = key }

// New makes a site for the pages below prefix ("/authorize") of a public URL,
// with the templates page/*.html of the room.
func New(publicURL, prefix string, room fs.FS) (*Site, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("pages: the public URL %q is not one", publicURL)
	}
	templates, err := template.ParseFS(files, "page/*.html")
	if err == nil {
		templates, err = templates.ParseFS(room, "page/*.html")
	}
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	root := u.Path
	if root == "" {
		root = "/"
	}
	return &Site{origin: u.Scheme + "://" + u.Host, base: u.Path + prefix, root: root, secure: u.Scheme == "https", zone: time.UTC, brand: "app.name", templates: templates}, nil
}

// Path is that of a page of the site: "" or "/codes".
func (s *Site) Path(page string) string { return s.base + page }

// Secure says that the site is reached by https.
func (s *Site) Secure() bool { return s.secure }

// Assets puts the style and the icon on the engine.
func (s *Site) Assets(e *webserver.Engine) {
	for name, mediaType := range map[string]string{"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		body := asset(name)
		e.Handle(webserver.Route{Method: http.MethodGet, Path: s.base + "/" + name, Handler: func(c *gin.Context) error {
			c.Header("Cache-Control", "public, max-age=3600")
			webserver.Bytes(c, http.StatusOK, mediaType, body)
			return nil
		}})
	}
}

// Route is one page: its handler draws it, and so is every refusal drawn. A POST
// takes a form.
func (s *Site) Route(method, path string, limit *webserver.Limiter, handler func(*Visit) error) webserver.Route {
	r := webserver.Route{Method: method, Path: path, Limit: limit, Page: func(c *gin.Context, err error) { s.visit(c).fail(err) }}
	if method == http.MethodPost {
		r.Body = webserver.Body{Types: []string{"application/x-www-form-urlencoded"}, Max: webserver.MaxFormBody}
	}
	r.Handler = func(c *gin.Context) error {
		v := s.visit(c)
		if method == http.MethodPost {
			if err := v.admitForm(); err != nil {
				return err
			}
		}
		return handler(v)
	}
	return r
}

// Takes is a page that is posted something else than a plain form: the handler
// reads the body. What a browser sends from another site is refused.
func (s *Site) Takes(path string, body webserver.Body, limit *webserver.Limiter, handler func(*Visit) error) webserver.Route {
	r := s.Route(http.MethodGet, path, limit, handler)
	r.Method, r.Body, r.SameOrigin = http.MethodPost, body, true
	return r
}

// headers sets what every page has.
func (s *Site) headers(h http.Header, o Options) {
	images, scripts := "'self'", []string(nil)
	if o.Pictures {
		images += " data:"
	}
	if o.Scripts {
		scripts = []string{"script-src 'self'", "connect-src 'self'"}
	}
	h.Set("Content-Security-Policy", strings.Join(append([]string{
		"default-src 'none'", "style-src 'self'", "img-src " + images, "form-action " + strings.Join(append([]string{"'self'"}, o.Targets...), " "),
		"base-uri 'none'", "frame-ancestors 'none'",
	}, scripts...), "; "))
	h.Set("Referrer-Policy", "same-origin") // addresses hold a request_uri, a state
	if !s.opener {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Vary", "Cookie, Accept-Language")
	if s.secure && !s.loopback() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (s *Site) loopback() bool {
	u, err := url.Parse(s.origin)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// FormTarget is how a Content-Security-Policy names where a redirect after a form
// leads: browsers apply form-action to redirects too. "" for what it cannot name.
func FormTarget(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return ""
	}
	target := u.Scheme + ":"
	if u.Scheme == "https" || u.Scheme == "http" {
		target += "//" + u.Host
	}
	if strings.ContainsFunc(target, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`;,'"*\`, r)
	}) {
		return ""
	}
	return target
}
