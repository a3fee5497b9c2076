package consolehttp

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/clock"
	"vidimus/internal/i18n"
	"vidimus/internal/officer"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// LoginPath is where a login link leads; the secret follows.
const LoginPath = "/login/"

// Config is what the console needs.
type Config struct {
	Officers *officer.Service
	Office   Office
	// PublicURL is where officers find the console: https, or http on a
	// loopback address in development. Requests under another host are refused.
	PublicURL string
	// Zone is the one in which officers read and write times; nil is UTC.
	Zone *time.Location
	// Territory is the one that is offered for a right that the person does not
	// have (ISO 3166), such as LU.
	Territory string
	Clock     clock.Clock
	// Requests of wallets are decided on here, and Offers made; nil leaves the
	// pages out.
	Requests Requests
	Offers   Offers
}

type console struct {
	Config
	host    string
	secure  bool // https
	origins *http.CrossOriginProtection

	requests, failures *webserver.Limiter
}

//go:embed page
var files embed.FS

// Console puts the pages of the console on an engine.
func Console(e *webserver.Engine, cfg Config) error {
	if cfg.Officers == nil || cfg.Office == nil || cfg.Clock == nil {
		return errors.New("console: officers, office and clock are required")
	}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("console: the public URL %q is not an origin without a slash at its end", cfg.PublicURL)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return errors.New("console: plain http is for loopback addresses: cookies would travel in the open")
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	k := &console{
		Config: cfg, host: u.Host, secure: u.Scheme == "https", origins: http.NewCrossOriginProtection(),
		requests: webserver.NewLimiter(perSecond, burst), failures: webserver.NewLimiter(failuresPerSecond, failuresBurst),
	}
	k.routes(e)
	e.Pages(func(c *gin.Context, err error) {
		r := &request{console: k, c: c, lang: i18n.Negotiate(c.GetHeader("Accept-Language"))}
		k.headers(c, false)
		r.fail(err)
	})
	return nil
}

// who says what a page asks of the one who opens it.
type who int

const (
	anyone who = iota
	officers
)

func (k *console) routes(e *webserver.Engine) {
	get := func(path string, w who, f func(*request) error) {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: path, Handler: k.serve(w, f)})
	}
	form := webserver.Body{Types: []string{"application/x-www-form-urlencoded"}, Max: webserver.MaxFormBody}
	post := func(path string, w who, f func(*request) error) {
		e.Handle(webserver.Route{Method: http.MethodPost, Path: path, Body: form, Handler: k.serve(w, f)})
	}
	e.Handle(webserver.Route{Method: http.MethodGet, Path: "/style.css", Handler: k.asset(pages.Style(), "text/css; charset=utf-8")})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: "/icon.svg", Handler: k.asset(pages.Icon(), "image/svg+xml")})
	get("/login", anyone, (*request).showLogin)
	get(LoginPath+":secret", anyone, (*request).showLogin)
	post("/login", anyone, (*request).redeem)
	post("/login/certificate", anyone, (*request).certificate)
	post("/language", anyone, (*request).language)
	post("/logout", officers, (*request).logout)

	get("/", officers, (*request).showSearch)
	post("/people", officers, (*request).search)
	get("/people/:ref", officers, (*request).showPerson)
	get("/people/:ref/history", officers, (*request).showHistory)
	get("/people/:ref/measure", officers, (*request).showMeasure)
	post("/people/:ref/measure", officers, (*request).proposeMeasure)
	get("/people/:ref/lift", officers, (*request).showLift)
	post("/people/:ref/lift", officers, (*request).proposeLift)
	get("/events/:ref", officers, (*request).showReceipt)
	get("/events/:ref/receipt", officers, (*request).downloadReceipt)
	get("/proposals", officers, (*request).showProposals)
	get("/proposals/:id", officers, (*request).showProposal)
	post("/proposals/:id/confirm", officers, (*request).confirm)
	post("/proposals/:id/withdraw", officers, (*request).withdraw)
	get("/record", officers, (*request).showRecord)
	if k.Requests != nil {
		get("/requests", officers, (*request).showRequests)
		get("/requests/:id", officers, (*request).showRequest)
		post("/requests/:id", officers, (*request).decide)
	}
	if k.Offers != nil {
		get("/people/:ref/offer", officers, (*request).showOffer)
		post("/people/:ref/offer", officers, (*request).makeOffer)
	}
}

func (k *console) asset(body []byte, mediaType string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		k.headers(c, false)
		c.Header("Cache-Control", "public, max-age=3600")
		webserver.Bytes(c, http.StatusOK, mediaType, body)
		return nil
	}
}

// headers sets what every answer has. pictures allows the portrait, which
// stands in the page itself.
func (k *console) headers(c *gin.Context, pictures bool) {
	h := c.Writer.Header()
	images := "'self'"
	if pictures {
		images += " data:"
	}
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "style-src 'self'", "img-src " + images, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
	}, "; "))
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Vary", "Cookie, Accept-Language")
	if k.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}
