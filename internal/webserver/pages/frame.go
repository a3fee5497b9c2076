package pages

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Frame is what every page has around its content. Views embed it.
type Frame struct {
	Lang  i18n.Language
	Title string
	// Base is the path of the site, where style and icon are.
	Base string
	// Links is the navigation, none for a page that stands alone.
	Links []Link
	// LogOut is the path that ends the session, "" for who has none; Token is
	// that of the session's forms.
	LogOut, Token string
	Name          string // of who is logged in
	Notice        string // said above the content
	Brand         string // what the site is called
	// Style is a style of the site beside the common one, "" for none. Script is a
	// script of the site, "" for none; Options.Scripts lets it run.
	// Reload is after how many seconds a browser without scripts asks again, 0 never.
	Style, Script string
	Reload        int

	languages []Switch
	zone      *time.Location
}

// Link is one of the navigation.
type Link struct {
	Path, Text string
	Here       bool
}

// Switch is a link to the same page in a language.
type Switch struct {
	Lang i18n.Language
	URL  string
	Here bool
}

// Frame makes the frame of a page with the title of this key. back is where the
// language links lead: the page itself, or for the answer to a form the page
// that the form stood on.
func (v *Visit) Frame(title, back string) *Frame {
	f := &Frame{Lang: v.Lang, Title: v.Lang.Text(title), Base: v.base, Brand: v.Lang.Text(v.brand), zone: v.zone}
	path, query, _ := strings.Cut(back, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		q = url.Values{}
	}
	for _, l := range i18n.Languages() {
		q.Set(languageParameter, string(l))
		f.languages = append(f.languages, Switch{Lang: l, URL: path + "?" + q.Encode(), Here: l == v.Lang})
	}
	return f
}

// Languages are the links of the language switch.
func (f *Frame) Languages() []Switch { return f.languages }

// T is a message of the catalogue.
func (f *Frame) T(key string, args ...any) string { return f.Lang.Text(key, args...) }

// Count is a message about a number of things.
func (f *Frame) Count(key string, n int, args ...any) string { return f.Lang.Count(key, n, args...) }

// Day writes a date of a record.
func (f *Frame) Day(date string) string { return f.Lang.Day(date) }

// Date writes the day of an instant that is a day: those in copies are.
func (f *Frame) Date(t time.Time) string { return f.Lang.Date(t.UTC()) }

// Time writes an instant in the zone of the site.
func (f *Frame) Time(t time.Time) string { return f.Lang.DateTime(t.In(f.zone)) }

// Stamp is an instant for the attribute datetime.
func (f *Frame) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Picture lets a page show a picture that stands in it: see Visit.ShowWith.
func Picture(dataURI string) template.URL { return template.URL(dataURI) }

// Options widen the policy of one page.
type Options struct {
	Pictures bool     // data: URIs
	Scripts  bool     // of the site itself, which may ask the site
	Targets  []string // of forms, as FormTarget writes them
}

// Show writes a page, or nothing of it.
func (v *Visit) Show(status int, name string, view any) error {
	return v.ShowWith(status, name, view, Options{})
}

// ShowWith is Show under a wider policy.
func (v *Visit) ShowWith(status int, name string, view any, o Options) error {
	var b bytes.Buffer
	if err := v.templates.ExecuteTemplate(&b, name, view); err != nil {
		return problem.Wrap(problem.Internal, err, "")
	}
	v.headers(v.C.Writer.Header(), o)
	v.C.Header("Content-Language", string(v.Lang))
	webserver.Bytes(v.C, status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// refusals are the kinds that have words of their own.
var refusals = map[problem.Kind]string{
	problem.AuthenticationFailed:    "sorry.login",
	problem.AccessDenied:            "sorry.denied",
	problem.InvalidClient:           "sorry.invalid",
	problem.InvalidGrant:            "sorry.invalid",
	problem.InvalidRequest:          "sorry.invalid",
	problem.CredentialRequestDenied: "sorry.not-issuable",
	problem.TooLarge:                "sorry.invalid",
	problem.UnsupportedMediaType:    "sorry.invalid",
	problem.NotFound:                "sorry.not-found",
	problem.MethodNotAllowed:        "sorry.invalid",
	problem.Conflict:                "sorry.conflict",
	problem.RateLimited:             "sorry.rate",
	problem.Unavailable:             "sorry.unavailable",
}

// fail shows why something was refused.
func (v *Visit) fail(err error) {
	kind := problem.KindOf(err)
	key, ok := refusals[kind]
	if !ok {
		key = "sorry.internal"
	}
	back := v.base
	if v.C.Request.Method == http.MethodGet || v.C.Request.Method == http.MethodHead {
		back = v.C.Request.URL.EscapedPath()
	}
	status := webserver.StatusOf(webserver.StyleAPI, kind)
	if status == http.StatusUnauthorized { // no scheme of HTTP authentication is spoken here
		status = http.StatusForbidden
	}
	view := struct {
		*Frame
		What, Request string
	}{v.Frame("sorry.title", back), v.Lang.Text(key), webserver.RequestID(v.C)}
	if showErr := v.Show(status, "sorry.html", view); showErr != nil {
		webserver.Annotate(v.C, "page", showErr.Error())
	}
}
