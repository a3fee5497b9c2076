package pages

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"vidimus/internal/i18n"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Visit is one request of one browser.
type Visit struct {
	*Site
	C    *gin.Context
	Lang i18n.Language
	Form url.Values // of a POST, each field once

	chosen bool // the language was chosen, not guessed
}

// languageParameter switches the language: links do, so that no form stands
// before that of the content.
const languageParameter = "lang"

const languageCookie = "vidimus-language"

func (s *Site) visit(c *gin.Context) *Visit {
	v := &Visit{Site: s, C: c, Lang: i18n.Negotiate(c.GetHeader("Accept-Language"))}
	if l, ok := i18n.Parse(v.Cookie(languageCookie)); ok {
		v.Lang, v.chosen = l, true
	}
	if l, ok := i18n.Parse(c.Query(languageParameter)); ok {
		v.Lang, v.chosen = l, true
		v.SetCookie(languageCookie, string(l), languageLifetime)
	}
	s.headers(c.Writer.Header(), Options{})
	return v
}

// Prefer takes the first of locales (BCP 47) that is one of ours or a region of
// it, unless the person chose a language here.
func (v *Visit) Prefer(locales []string) {
	if v.chosen {
		return
	}
	for _, l := range locales {
		base, _, _ := strings.Cut(strings.ToLower(l), "-")
		if known, ok := i18n.Parse(base); ok {
			v.Lang = known
			return
		}
	}
}

// Value is a field of the form without the spaces around it, which nobody sees.
func (v *Visit) Value(name string) string { return strings.TrimSpace(v.Form.Get(name)) }

// admitForm checks where a form comes from, and reads it.
func (v *Visit) admitForm() error {
	if !v.sameOrigin() {
		return problem.New(problem.AccessDenied, "a page of another origin may not do this")
	}
	body, err := webserver.ReadBody(v.C)
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
	for _, values := range form {
		if len(values) > 1 {
			return problem.New(problem.InvalidRequest, "a field is repeated")
		}
		if !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0) {
			return problem.New(problem.InvalidRequest, "the form is not plain text")
		}
	}
	v.Form = form
	return nil
}

// sameOrigin judges by what the browser says of itself, and by our public URL:
// the Host that a proxy passes on may be another.
func (v *Visit) sameOrigin() bool {
	h := v.C.Request.Header
	switch site := h.Values("Sec-Fetch-Site"); {
	case len(site) == 1:
		return site[0] == "same-origin" || site[0] == "none"
	case len(site) > 1:
		return false
	}
	// An old browser, or a program, which sends no Origin either.
	origin := h.Values("Origin")
	return len(origin) == 0 || len(origin) == 1 && origin[0] == v.origin
}

// SeeOther sends the browser on: 303, so that it never repeats a form.
func (v *Visit) SeeOther(url string) {
	v.C.Header("Location", url)
	webserver.Empty(v.C, http.StatusSeeOther)
}

// Cookie is the value of a cookie of this site, "" when there is none or more
// than one.
func (v *Visit) Cookie(name string) string {
	cookies := v.C.Request.CookiesNamed(v.cookieName(name))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// SetCookie sets a cookie for at most lifetime; "" removes it.
func (v *Visit) SetCookie(name, value string, lifetime time.Duration) {
	cookie := &http.Cookie{
		Name: v.cookieName(name), Value: value, Path: "/", MaxAge: int(lifetime.Seconds()),
		Secure: v.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(v.C.Writer, cookie)
}

// cookieName has the prefix that makes a browser take the cookie from this very
// host over https alone; plain http, in development, cannot have it.
func (s *Site) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}
