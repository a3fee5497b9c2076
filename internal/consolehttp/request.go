package consolehttp

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"vidimus/internal/i18n"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// request is one request of one browser.
type request struct {
	*console
	c    *gin.Context
	lang i18n.Language
	// login is nil for who is not logged in.
	login *officer.Login
	token string     // the session's secret, "" without one
	form  url.Values // of a POST
}

// serve does what every page does: limits, the check of origin, session and
// form, and the page that says why not.
func (k *console) serve(w who, f func(*request) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		r := &request{console: k, c: c, lang: i18n.Negotiate(c.GetHeader("Accept-Language"))}
		k.headers(c, false)
		err := r.admit(w)
		if err == nil {
			err = f(r)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errLogInFirst) && c.Request.Method != http.MethodPost:
			r.seeOther("/login")
			return nil
		}
		// The page is written first; the engine then notes the refusal for log
		// and metrics and leaves the answer alone.
		if !c.Writer.Written() {
			r.fail(err)
		}
		return err
	}
}

var errLogInFirst = problem.New(problem.AuthenticationFailed, "log in first")

func (r *request) admit(w who) error {
	now := r.Clock.Now()
	if !r.requests.Allow(r.client(), now) {
		return problem.New(problem.RateLimited, "too many requests")
	}
	// Another name could be one that another site pointed here (DNS rebinding).
	if r.c.Request.Host != r.host {
		return problem.New(problem.InvalidRequest, "the console has another address")
	}
	if err := r.origins.Check(r.c.Request); err != nil {
		return problem.Wrap(problem.AccessDenied, err, "a page of another origin may not do this")
	}
	if err := r.recognise(); err != nil {
		return err
	}
	if r.c.Request.Method == http.MethodPost {
		if err := r.readForm(); err != nil {
			return err
		}
	}
	if r.login == nil {
		if w == officers {
			return errLogInFirst
		}
		return nil
	}
	if r.c.Request.Method == http.MethodPost && w == officers {
		return r.login.CheckForm(r.form.Get("form_token"))
	}
	return nil
}

// recognise finds the session of the browser, if it has one.
func (r *request) recognise() error {
	if cookies := r.c.Request.CookiesNamed(r.languageCookie()); len(cookies) == 1 {
		if l, ok := i18n.Parse(cookies[0].Value); ok {
			r.lang = l
		}
	}
	cookies := r.c.Request.CookiesNamed(r.sessionCookie())
	if len(cookies) != 1 { // of two, one was planted
		return nil
	}
	pin, _ := r.pin()
	l, err := r.Officers.Session(r.c.Request.Context(), cookies[0].Value, pin)
	switch {
	case problem.KindOf(err) == problem.AuthenticationFailed:
		return nil
	case err != nil:
		return err
	}
	r.login, r.token = &l, cookies[0].Value
	if chosen, ok := i18n.Parse(l.Language); ok {
		r.lang = chosen
	}
	webserver.Annotate(r.c, "officer", l.Officer.ID)
	return nil
}

// readForm reads a form in which each field stands once, categories apart.
func (r *request) readForm() error {
	body, err := webserver.ReadBody(r.c)
	if err != nil {
		return err
	}
	text := string(body)
	if strings.Count(text, "&") >= maxFields {
		return problem.New(problem.InvalidRequest, "the form has too many fields")
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "the form is malformed")
	}
	for name, values := range form {
		if len(values) > 1 && name != "categories" {
			return problem.New(problem.InvalidRequest, "a field is repeated")
		}
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return problem.New(problem.InvalidRequest, "the form is not plain text")
			}
		}
	}
	r.form = form
	return nil
}

// value is a field without the spaces around it, which nobody sees.
func (r *request) value(name string) string { return strings.TrimSpace(r.form.Get(name)) }

// client is what requests are counted by: an address, or the /64 of one.
func (r *request) client() string {
	ip, err := netip.ParseAddr(r.c.ClientIP())
	if err != nil {
		return ""
	}
	if ip = ip.Unmap(); ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// seeOther sends the browser on to a page of ours.
func (r *request) seeOther(path string) {
	r.c.Header("Location", path)
	webserver.Empty(r.c, http.StatusSeeOther)
}

// Names of the cookies. With the prefix a browser takes them from this very host
// over https alone, for every path; plain http, in development, cannot have it.
func (k *console) sessionCookie() string  { return k.cookieName("vidimus-console") }
func (k *console) languageCookie() string { return k.cookieName("vidimus-language") }

func (k *console) cookieName(name string) string {
	if k.secure {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie for this browser's session; "" removes it.
func (r *request) setCookie(name, value string) {
	cookie := &http.Cookie{Name: name, Value: value, Path: "/", Secure: r.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(r.c.Writer, cookie)
}
