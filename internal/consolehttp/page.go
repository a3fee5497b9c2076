package consolehttp

import (
	"bytes"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

var templates = template.Must(template.ParseFS(files, "page/*.html"))

// frame is what every page has around its content.
type frame struct {
	Lang  i18n.Language
	Title string
	// Back is the page that the language switch comes back to.
	Back      string
	Officer   string // name, "" for who is not logged in
	FormToken string
	Here      string // of the links of the navigation, the one we are at
	MayLookUp bool
	MayRecord bool
	Decides   bool   // there are requests of wallets to decide on
	Open      int    // proposals that wait
	Notice    string // said above the content
	Errors    []fieldMessage

	zone *time.Location
}

// fieldMessage is what is wrong with a field.
type fieldMessage struct{ Field, Text string }

// Anchor is the id of the control that mends it: of an instant, the day.
func (m fieldMessage) Anchor() string {
	switch m.Field {
	case "from", "until", "confirm_by":
		return m.Field + "_date"
	}
	return m.Field
}

// frame makes the frame of a page of the request.
func (r *request) frame(title, here string) *frame {
	f := &frame{Lang: r.lang, Title: r.lang.Text(title), Back: "/", Here: here, zone: r.Zone}
	if r.login == nil {
		f.Back = "/login"
		return f
	}
	if r.c.Request.Method != http.MethodPost {
		f.Back = r.c.Request.URL.RequestURI()
	}
	f.Officer, f.FormToken = r.login.Officer.Name, r.login.FormToken
	f.MayLookUp, f.MayRecord = r.login.Officer.May(officer.PowerLookUp), r.login.Officer.May(officer.PowerRecord)
	f.Decides = f.MayLookUp && r.Requests != nil
	if f.MayLookUp {
		// The number is a convenience: without it the page is a page too.
		if open, err := r.Officers.Proposals(r.c.Request.Context(), *r.login, true); err == nil {
			f.Open = len(open)
		}
	}
	return f
}

// T is a message of the catalogue.
func (f *frame) T(key string, args ...any) string { return f.Lang.Text(key, args...) }

// Count is a message about a number of things.
func (f *frame) Count(key string, n int, args ...any) string { return f.Lang.Count(key, n, args...) }

// Time writes an instant in the zone of the office.
func (f *frame) Time(t time.Time) string { return f.Lang.DateTime(t.In(f.zone)) }

// Date writes the day of an instant that is a day: those in copies are.
func (f *frame) Date(t time.Time) string { return f.Lang.Date(t.UTC()) }

// Day writes a date of a record.
func (f *frame) Day(date string) string { return f.Lang.Day(date) }

// Stamp is an instant for the attribute datetime.
func (f *frame) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// N writes a counter.
func (f *frame) N(n uint64) string { return f.Lang.Number(int64(min(n, math.MaxInt64))) }

// Join lists words.
func (f *frame) Join(words []string) string {
	if len(words) == 0 {
		return f.T("proposal.nothing")
	}
	return strings.Join(words, ", ")
}

// With hands a page's language to a part of it.
func (f *frame) With(m measureView) any {
	return struct {
		F *frame
		M measureView
	}{f, m}
}

// Rows is a list of proposals.
func (f *frame) Rows(list []proposalRow, none string) any {
	return struct {
		F    *frame
		List []proposalRow
		None string
	}{f, list, none}
}

// input is one line to be typed.
type input struct {
	ID, Label, Hint, Error, Type, Value string
	Max                                 int
	Required                            bool
	// Of an instant.
	Date, Time, DateLabel, TimeLabel string
}

// Described names the texts that explain the control.
func (i input) Described() string {
	var ids []string
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if i.Error != "" {
		ids = append(ids, i.ID+"-error")
	}
	return strings.Join(ids, " ")
}

// Input makes a control with its label, hint and error.
func (f *frame) Input(id, label, hint, value string, limit int, required bool) input {
	return input{ID: id, Label: f.T(label), Hint: f.T(hint), Error: f.Error(id), Type: "text", Value: value, Max: limit, Required: required}
}

// Instant makes the two controls of a day and a time of day.
func (v formView) Instant(id, label, hint string, required bool) input {
	return input{
		ID: id, Label: v.T(label), Hint: v.T(hint, v.Zone), Error: v.Error(id), Required: required,
		Date: v.Value[id+"_date"], Time: v.Value[id+"_time"], DateLabel: v.T("form.date"), TimeLabel: v.T("form.time"),
	}
}

// Languages are the buttons of the language switch.
func (f *frame) Languages() []i18n.Language { return i18n.Languages() }

// Error is what is wrong with a field, "" when nothing is.
func (f *frame) Error(field string) string {
	for _, m := range f.Errors {
		if m.Field == field {
			return m.Text
		}
	}
	return ""
}

// reject notes what is wrong with the fields of a form.
func (f *frame) reject(fields []officer.FieldError) {
	for _, e := range fields {
		f.Errors = append(f.Errors, fieldMessage{e.Field, f.T("error." + e.Key)})
	}
}

// show writes a page, or nothing of it.
func (r *request) show(status int, name string, view any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, view); err != nil {
		return problem.Wrap(problem.Internal, err, "")
	}
	r.c.Header("Content-Language", string(r.lang))
	webserver.Bytes(r.c, status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// refusals are the kinds that have words of their own.
var refusals = map[problem.Kind]string{
	problem.AuthenticationFailed: "refusal.log-in",
	problem.AccessDenied:         "refusal.access",
	problem.NotFound:             "refusal.not-found",
	problem.Conflict:             "refusal.conflict",
	problem.RateLimited:          "refusal.rate",
	problem.Unavailable:          "refusal.unavailable",

	problem.CredentialRequestDenied: "refusal.not-issuable",

	problem.InvalidRequest: "refusal.invalid",
	problem.TooLarge:       "refusal.invalid",
}

// fail shows why something was refused.
func (r *request) fail(err error) {
	kind := problem.KindOf(err)
	key, ok := refusals[kind]
	if !ok {
		key = "refusal.internal"
	}
	view := struct {
		*frame
		What    string
		Request string
	}{r.frame("refusal.title", ""), r.lang.Text(key), webserver.RequestID(r.c)}
	view.Back = "/"
	if showErr := r.show(webserver.StatusOf(webserver.StyleAPI, kind), "refusal.html", view); showErr != nil {
		webserver.Annotate(r.c, "page", showErr.Error())
	}
}
