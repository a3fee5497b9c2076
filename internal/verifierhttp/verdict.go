package verifierhttp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/webserver/pages"
)

// verdictView is the page that is read in one look.
type verdictView struct {
	*pages.Frame
	Ref     string
	Colour  string // green, amber, red
	Look    string // one of Looks
	Deed    string // what to do: a colour, conditions or faceless
	Axes    []axis
	Profile choice
	// Category is that of the question, "" for one that is not about driving.
	Category  string
	Documents []documentView
	// Warnings, Checks and Errors are of the message as a whole.
	Warnings []string
	Checks   []checkView
	Errors   []string
	More     bool // in English there is more
	// Status, Revocation and Anchors say as of when they are known.
	Status, Revocation, Anchors string
	Policy                      string
	Signed                      bool
	Took                        string
	Ends, EndsStamp             string
}

// documentView is one document of the answer.
type documentView struct {
	Type      string
	Claimed   bool // it only claims to be of this type
	Stated    bool // it says yes, and does not count: revoked, say
	Axes      []axis
	Portrait  template.URL
	Unshown   bool // there is a portrait that browsers do not show
	Name      string
	Driving   []drivingView
	Values    []valueView
	Device    []valueView
	Missing   []string
	Dropped   []string
	Warnings  []string
	Checks    []checkView
	More      bool // in English there is more
	Signer    string
	Anchor    string
	From      string
	Until     string
	NotPassed int
}

// drivingView is the answer for a category.
type drivingView struct {
	Category, Answer, Mark string
	Conditions, Until      string
	Asked                  bool
}

// valueView is an element.
type valueView struct{ Name, Value, Space string }

// verdict makes the page while the reading cannot be wiped; what it gives writes it.
func (k *room) verdict(v *pages.Visit, r *reading) func() error {
	a := r.answer
	report := a.Report
	zone := func(t *time.Time) string {
		if t == nil {
			return v.Lang.Text("reader.not-known")
		}
		return k.asOf(v, *t, report.At)
	}
	title := a.Profile.Title[string(v.Lang)]
	if title == "" {
		title = a.Profile.Title["en"]
	}
	view := verdictView{
		Frame: v.Frame("reader.verdict", k.site.Path("/reading")), Ref: r.ref(), Colour: string(report.Colour),
		Look: look(report.Verdict, len(report.Documents) > 0, a.Profile), Axes: axes(report.Verdict),
		Profile: choice{a.Profile.ID, k.Clean(title, maxName), true}, Category: k.Clean(a.Profile.Question.Driving, maxName),
		Status: zone(report.Knowledge.StatusAsOf), Revocation: zone(report.Knowledge.RevocationAsOf), Anchors: zone(report.Knowledge.AnchorsAsOf),
		Policy: k.policyName(v, report.Policy), Signed: a.Signed, Took: v.Lang.Text("reader.seconds", v.Lang.Decimal(a.Took.Seconds(), 1)),
		Ends: r.ends.In(k.Zone).Format("15:04:05"), EndsStamp: r.ends.UTC().Format(time.RFC3339),
	}
	if p := report.Knowledge.PolicyVersion; p != "" {
		view.Policy += " (" + k.Clean(p, maxName) + ")"
	}
	view.Style, view.Script = "terminal.css", "follow.js"
	for i := range report.Documents[:min(len(report.Documents), maxParts)] {
		view.Documents = append(view.Documents, k.document(v, &report.Documents[i], a.Profile))
	}
	view.Checks, view.More = k.checks(v, report.Checks)
	if len(report.Documents) == 0 {
		var more bool
		view.Warnings, more = k.warnings(v, report.Warnings)
		view.More = view.More || more
	}
	for _, e := range report.Errors[:min(len(report.Errors), maxParts)] {
		view.Errors = append(view.Errors, v.Lang.Text("reader.not-returned", k.typeName(v, e.Type), e.Code))
	}
	view.Deed = deed(view)
	left := k.left(r)
	return func() error {
		k.leaveAfter(v, left)
		// A connection that is kept has buffers with the end of what it wrote last.
		v.C.Header("Connection", "close")
		return v.ShowWith(http.StatusOK, "verdict.html", view, pages.Options{Pictures: true, Scripts: true})
	}
}

// deed is what an officer does next: the colour says it, but for a yes with
// conditions, and for one that no face can be held beside.
func deed(view verdictView) string {
	faces := 0
	for _, d := range view.Documents {
		if d.Portrait != "" {
			faces++
		}
	}
	switch {
	case view.Look == word(string(policy.UnderConditions)):
		return "conditions"
	case view.Colour == string(policy.Green) && faces == 0:
		return "faceless"
	}
	return view.Colour
}

func (k *room) document(v *pages.Visit, d *verification.Document, profile policy.Profile) documentView {
	out := documentView{
		Type: k.typeName(v, d.Type), Claimed: d.Verdict.Authenticity == policy.Forged || d.Verdict.Authenticity == policy.UnknownIssuer,
		Axes: axes(d.Verdict), Signer: k.Clean(d.Trust.Signer, maxValue), Anchor: k.Clean(d.Trust.Anchor, maxValue),
	}
	if e := d.Verdict.Entitlement; d.Verdict.Colour() == policy.Red && (e == policy.Yes || e == policy.UnderConditions) {
		out.Stated = true
		out.Axes[len(out.Axes)-1].Mark = "none" // that of the question
	}
	var more bool
	out.Checks, out.More = k.checks(v, d.Checks)
	out.Warnings, more = k.warnings(v, odd(d))
	out.More = out.More || more
	for _, c := range out.Checks {
		if c.Mark == "bad" {
			out.NotPassed++
		}
	}
	if !d.Validity.Until.IsZero() {
		out.From, out.Until = v.Lang.DateTime(d.Validity.From.In(k.Zone)), v.Lang.DateTime(d.Validity.Until.In(k.Zone))
	}
	var given, family string
	for _, e := range d.IssuerSigned[:min(len(d.IssuerSigned), maxValues)] {
		text, _ := e.Value.(string)
		switch {
		case e.Name == "portrait" && len(e.Bytes) > 0:
			if out.Portrait = picture(e.Bytes); out.Portrait == "" {
				out.Unshown = true
			}
		case e.Name == "driving_privileges" && len(d.Driving) > 0:
		case e.Name == "family_name":
			family = k.Clean(text, maxName)
		case e.Name == "given_name":
			given = k.Clean(text, maxName)
		default:
			out.Values = append(out.Values, k.value(v, e))
		}
	}
	out.Name = strings.TrimSpace(given + " " + family)
	for _, e := range d.DeviceSigned[:min(len(d.DeviceSigned), maxValues)] {
		out.Device = append(out.Device, k.value(v, e))
	}
	for _, m := range d.Missing[:min(len(d.Missing), maxValues)] {
		out.Missing = append(out.Missing, k.element(v, m[strings.LastIndexByte(m, ' ')+1:]))
	}
	for _, m := range d.Dropped[:min(len(d.Dropped), maxValues)] {
		out.Dropped = append(out.Dropped, k.element(v, m[strings.LastIndexByte(m, ' ')+1:]))
	}
	for _, r := range d.Driving[:min(len(d.Driving), maxValues)] {
		one := drivingView{Category: k.Clean(r.Category, maxName), Answer: word(r.Answer), Mark: "warn", Conditions: k.Clean(r.Conditions, maxValue), Asked: r.Category == profile.Question.Driving}
		switch r.Answer {
		case string(policy.Yes):
			one.Mark = "good"
		case string(policy.No):
			one.Mark = "bad"
		}
		if out.Stated {
			one.Mark = "none"
		}
		if r.Until != "" {
			one.Until = v.Lang.Day(k.Clean(r.Until, maxName))
		}
		out.Driving = append(out.Driving, one)
	}
	return out
}

// picture is a JPEG or PNG for the page; other forms browsers do not show.
func picture(b []byte) template.URL {
	kind := ""
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}):
		kind = "jpeg"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		kind = "png"
	default:
		return ""
	}
	return pages.Picture("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(b))
}

// element is the name of an element in the language of the page, or as it is.
func (k *room) element(v *pages.Visit, name string) string {
	for _, group := range []string{"attribute.", "shown."} {
		if i18n.Has(group + name) {
			return v.Lang.Text(group + name)
		}
	}
	if age, ok := strings.CutPrefix(name, "age_over_"); ok && len(age) == 2 {
		return v.Lang.Text("reader.age-over", k.Clean(age, maxName))
	}
	return k.Clean(name, maxName)
}

// policyName is what the author of a policy calls it; ours has a name in each
// language.
func (k *room) policyName(v *pages.Visit, name string) string {
	if rest, ours := strings.CutPrefix(name, "built-in"); ours {
		name = v.Lang.Text("reader.built-in") + rest
	}
	return k.Clean(name, maxName)
}

func (k *room) typeName(v *pages.Visit, typ string) string {
	if i18n.Has("shown." + typ) {
		return v.Lang.Text("shown." + typ)
	}
	return k.Clean(typ, maxName)
}

func (k *room) value(v *pages.Visit, e verification.Element) valueView {
	out := valueView{Name: k.element(v, e.Name), Space: k.Clean(e.NameSpace, maxName)}
	switch value := e.Value.(type) {
	case string:
		out.Value = v.Lang.Day(k.Clean(value, maxValue))
	case bool:
		out.Value = v.Lang.Text("axis-entitlement.no")
		if value {
			out.Value = v.Lang.Text("axis-entitlement.yes")
		}
	case []any:
		out.Value = k.Clean(list(value), maxValue)
	default:
		if e.Bytes != nil {
			out.Value = v.Lang.Text("reader.bytes", len(e.Bytes))
			break
		}
		out.Value = k.Clean(structure(e.Value), maxValue)
	}
	return out
}

// list writes a list of texts, such as nationalities, as a person does.
func list(values []any) string {
	texts := make([]string, 0, len(values))
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			return structure(values)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// structure writes what is no plain value.
func structure(value any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(value) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}
