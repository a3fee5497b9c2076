package consolehttp

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

// categories are those of Directive 2006/126/EC, Article 4; a person may hold
// others.
var categories = []string{"AM", "A1", "A2", "A", "B1", "B", "BE", "C1", "C1E", "C", "CE", "D1", "D1E", "D", "DE", "F"}

// formView is a form about a person. Values are as they were typed.
type formView struct {
	*frame
	Ref, Name  string
	Version    string
	Value      map[string]string
	Kinds      []option
	Territory  []option
	Categories []option
	Measure    measureView // to be lifted
	Zone       string
}

// fields of the forms, categories apart.
var fields = []string{
	"kind", "territory", "from_date", "from_time", "until_date", "until_time", "confirm_by_date", "confirm_by_time",
	"authority", "legal_basis", "codes", "reason", "reference", "version", "measure",
}

func (r *request) formView(title string, a officer.Access, s document.Subject) formView {
	now := r.Clock.Now().In(r.Zone)
	v := formView{
		frame: r.frame(title, "search"), Ref: r.c.Param("ref"), Name: nameOf(s), Version: strconv.FormatUint(s.Version, 10),
		Value: map[string]string{}, Zone: now.Format("MST"),
	}
	for _, name := range fields {
		v.Value[name] = r.value(name)
	}
	if r.form != nil {
		v.Version = v.Value["version"]
		return v
	}
	v.Value["reference"], v.Value["from_date"], v.Value["from_time"] = a.Reference, now.Format(time.DateOnly), now.Format("15:04")
	return v
}

// showMeasure is the form for a new measure.
func (r *request) showMeasure() error {
	if err := r.Officers.Allow(r.c.Request.Context(), *r.login, officer.PowerPropose); err != nil {
		return err
	}
	a, s, err := r.open(audit.ActionShow)
	if err != nil {
		return err
	}
	return r.measurePage(http.StatusOK, a, s, nil)
}

func (r *request) measurePage(status int, a officer.Access, s document.Subject, wrong []officer.FieldError) error {
	v := r.formView("measure.new", a, s)
	v.reject(wrong)
	for _, kind := range document.MeasureKinds() {
		v.Kinds = append(v.Kinds, option{string(kind), v.T("measure-kind." + string(kind)), v.Value["kind"] == string(kind)})
	}
	held := categories
	var territories []string
	for _, e := range s.Entitlements {
		if e.Kind != document.KindDriving {
			continue
		}
		territories = append(territories, e.Territory)
		for _, p := range e.Privileges {
			if !slices.Contains(held, p.Category) {
				held = append(held[:len(held):len(held)], p.Category)
			}
		}
	}
	// A measure may concern a right that the person does not have.
	if r.Config.Territory != "" && !slices.Contains(territories, r.Config.Territory) {
		territories = append(territories, r.Config.Territory)
	}
	for _, t := range territories {
		v.Territory = append(v.Territory, option{t, v.T("measure.right", t), v.Value["territory"] == t})
	}
	for _, c := range held {
		v.Categories = append(v.Categories, option{c, c, slices.Contains(r.form["categories"], c)})
	}
	return r.show(status, "measure.html", v)
}

// proposeMeasure writes a measure down for a second officer.
func (r *request) proposeMeasure() error {
	if err := r.Officers.Allow(r.c.Request.Context(), *r.login, officer.PowerPropose); err != nil {
		return err
	}
	a, s, err := r.open(audit.ActionShow)
	if err != nil {
		return err
	}
	var wrong []officer.FieldError
	d := officer.Draft{
		Kind:       document.MeasureKind(r.value("kind")),
		Right:      document.Right{Kind: document.KindDriving, Territory: r.value("territory")},
		From:       r.instant("from", &wrong),
		Until:      r.instant("until", &wrong),
		ConfirmBy:  r.instant("confirm_by", &wrong),
		Authority:  r.value("authority"),
		LegalBasis: r.value("legal_basis"),
		Categories: r.form["categories"],
		Codes:      strings.FieldsFunc(r.value("codes"), func(c rune) bool { return c == ',' || c == ' ' || c == ';' }),
		Reference:  r.value("reference"),
	}
	if wrong = append(wrong, officer.FieldsOf(d.Check(r.Clock.Now()))...); len(wrong) > 0 {
		return r.measurePage(http.StatusBadRequest, a, s, firstOfEach(wrong))
	}
	p, err := r.Officers.Propose(r.c.Request.Context(), a, r.version(), d)
	return r.proposed(p, err)
}

// showLift is the form that ends a measure.
func (r *request) showLift() error {
	if err := r.Officers.Allow(r.c.Request.Context(), *r.login, officer.PowerPropose); err != nil {
		return err
	}
	a, s, err := r.open(audit.ActionShow)
	if err != nil {
		return err
	}
	return r.liftPage(http.StatusOK, a, s, r.c.Query("measure"), nil)
}

func (r *request) liftPage(status int, a officer.Access, s document.Subject, id string, wrong []officer.FieldError) error {
	m := s.Measure(id)
	if m == nil {
		return problem.New(problem.NotFound, "no such measure")
	}
	v := r.formView("lift.title", a, s)
	v.reject(wrong)
	v.Measure = v.measure(*m, r.Clock.Now())
	return r.show(status, "lift.html", v)
}

func (r *request) proposeLift() error {
	if err := r.Officers.Allow(r.c.Request.Context(), *r.login, officer.PowerPropose); err != nil {
		return err
	}
	a, s, err := r.open(audit.ActionShow)
	if err != nil {
		return err
	}
	var wrong []officer.FieldError
	d := officer.Lift{Measure: r.value("measure"), From: r.instant("from", &wrong), Reason: r.value("reason"), Reference: r.value("reference")}
	if wrong = append(wrong, officer.FieldsOf(d.Check(s, r.Clock.Now()))...); len(wrong) > 0 {
		return r.liftPage(http.StatusBadRequest, a, s, d.Measure, firstOfEach(wrong))
	}
	p, err := r.Officers.ProposeLift(r.c.Request.Context(), a, r.version(), d)
	return r.proposed(p, err)
}

func (r *request) proposed(p officer.Proposal, err error) error {
	if err != nil {
		return err
	}
	r.seeOther("/proposals/" + p.ID)
	return nil
}

// instant reads a day and a time of day in the zone of the office; a day alone
// begins at midnight.
func (r *request) instant(name string, wrong *[]officer.FieldError) time.Time {
	day, clock := r.value(name+"_date"), r.value(name+"_time")
	switch {
	case day == "" && clock == "":
		return time.Time{}
	case clock == "":
		clock = "00:00"
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, r.Zone)
	if err != nil || t.Format("2006-01-02 15:04") != day+" "+clock { // an hour that the summer time left out
		*wrong = append(*wrong, officer.FieldError{Field: name, Key: "time-form"})
		return time.Time{}
	}
	return t.UTC()
}

// version is that of the record which the officer saw.
func (r *request) version() uint64 {
	n, err := strconv.ParseUint(r.value("version"), 10, 64)
	if err != nil {
		return 0 // of nobody
	}
	return n
}

// firstOfEach keeps one message a field.
func firstOfEach(wrong []officer.FieldError) (out []officer.FieldError) {
	for _, e := range wrong {
		if !slices.ContainsFunc(out, func(o officer.FieldError) bool { return o.Field == e.Field }) {
			out = append(out, e)
		}
	}
	return out
}
