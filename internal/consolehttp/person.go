package consolehttp

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
)

// facts are those that tell one person from another, in the order of a page.
// Others (height, telephone) are of no use to an officer and stay where they
// are.
var facts = []string{
	"family_name", "given_name", "family_name_birth", "birth_date", "birth_place", "place_of_birth", "nationality", "sex",
	"resident_address", "resident_postal_code", "resident_city", "resident_country", "personal_administrative_number",
}

type fact struct{ Label, Value string }

type documentView struct {
	document.Document
	Type, State string
	Good        bool
	Copies      []copyView
	More        int // copies that are not listed
}

type copyView struct {
	issuance.Copy
	Status CopyStatus
	List   string // id
}

type noticeView struct {
	notice.Record
	What string
}

type rightView struct {
	document.Entitlement
	Codes []string // of each privilege
}

type personView struct {
	*frame
	Ref, Name, Number string
	Version           uint64
	Purpose           string
	Portrait          template.URL
	Facts             []fact
	Deceased          bool
	MergedInto        string
	Rights            []rightView
	Driving           []string
	Measures          []measureView
	Documents         []documentView
	Notices           []noticeView
	MayPropose        bool
	MayOffer          bool
}

// open reads the look-up that the address names, and the record, for a deed
// that is recorded.
func (r *request) open(actions ...string) (officer.Access, document.Subject, error) {
	ctx := r.c.Request.Context()
	var a officer.Access
	for _, action := range actions {
		var err error
		if a, err = r.Officers.Open(ctx, *r.login, r.c.Param("ref"), action); err != nil {
			return a, document.Subject{}, err
		}
	}
	s, err := r.Officers.Subject(ctx, a)
	return a, s, err
}

func (r *request) showPerson() error {
	a, s, err := r.open(audit.ActionShow, audit.ActionCopies)
	if err != nil {
		return err
	}
	now := r.Clock.Now()
	view := personView{
		frame: r.frame("person.title", "search"), Ref: r.c.Param("ref"), Name: nameOf(s), Number: s.Number, Version: s.Version,
		MergedInto: s.MergedInto, MayPropose: r.login.Officer.May(officer.PowerPropose) && s.MergedInto == "",
	}
	view.MayOffer = r.Offers != nil && r.login.Officer.May(officer.PowerOffer) && s.MergedInto == ""
	view.Purpose = view.T("purpose." + a.Purpose)
	if s.Person != nil {
		view.Facts, view.Deceased = view.facts(s.Person.Attributes), s.Person.Deceased
		view.Portrait = picture(s.Person.Attributes.Bytes("portrait"))
	}
	for _, e := range s.Entitlements {
		right := rightView{Entitlement: e}
		for _, p := range e.Privileges {
			right.Codes = append(right.Codes, codes(p.Codes))
		}
		view.Rights = append(view.Rights, right)
	}
	for _, p := range s.Driving(now) {
		view.Driving = append(view.Driving, p.Category)
	}
	for _, m := range s.Measures {
		view.Measures = append(view.Measures, view.measure(m, now))
	}
	if err := r.documents(&view, s, now); err != nil {
		return err
	}
	if view.Notices, err = r.notices(view.frame, s.Number); err != nil {
		return err
	}
	r.headers(r.c, view.Portrait != "")
	return r.show(http.StatusOK, "person.html", view)
}

func (r *request) documents(view *personView, s document.Subject, now time.Time) error {
	for _, d := range s.Documents {
		state := documentState(s, d, now)
		dv := documentView{Document: d, Type: view.word("document-type.", d.Type), State: view.T("document-state." + state), Good: state == "valid"}
		copies, err := r.copies(r.c.Request.Context(), d.Number, now)
		if err != nil {
			return err
		}
		dv.More = max(0, len(copies)-maxCopies)
		dv.Copies = copies[:len(copies)-dv.More]
		view.Documents = append(view.Documents, dv)
	}
	return nil
}

// copies gives those that were made, newest first.
func (r *request) copies(ctx context.Context, number string, now time.Time) ([]copyView, error) {
	list, err := r.Office.Copies(ctx, number)
	if err != nil {
		return nil, err
	}
	var out []copyView
	for _, c := range list {
		if c.State != issuance.StateBurned {
			out = append(out, copyView{c, statusOf(c, now), c.List[strings.LastIndex(c.List, "/")+1:]})
		}
	}
	slices.SortStableFunc(out, func(a, b copyView) int { return b.Issued.Compare(a.Issued) })
	return out, nil
}

func (r *request) notices(f *frame, person string) ([]noticeView, error) {
	list, err := r.Office.Notices(r.c.Request.Context(), person, maxNotices)
	if err != nil {
		return nil, err
	}
	var out []noticeView
	for _, n := range list {
		// That a measure holds is a fact, of the name of its kind.
		what := f.word("fact.", string(n.Notice.Fact))
		if what == string(n.Notice.Fact) {
			what = f.word("measure-kind.", what)
		}
		out = append(out, noticeView{n, what})
	}
	return out, nil
}

func nameOf(s document.Subject) string {
	if s.Person == nil {
		return s.Number
	}
	a := s.Person.Attributes
	return strings.TrimSpace(a.Text("given_name") + " " + a.Text("family_name"))
}

// facts writes the identity facts.
func (f *frame) facts(a document.Attributes) (out []fact) {
	for _, name := range facts {
		value := ""
		switch v := a[name].(type) {
		case string:
			if value = v; name == "birth_date" {
				value = f.Day(v)
			}
		case []string:
			value = strings.Join(v, ", ")
		case int64:
			value = f.word("sex.", strconv.FormatInt(v, 10)) // the only number among them
		case map[string]any:
			var parts []string
			for _, part := range []string{"locality", "region", "country"} {
				if s, ok := v[part].(string); ok {
					parts = append(parts, s)
				}
			}
			value = strings.Join(parts, ", ")
		}
		if value != "" {
			out = append(out, fact{f.T("attribute." + name), value})
		}
	}
	return out
}

// picture is a portrait as it can stand in a page: the content policy allows
// pictures in data: URLs, and a JPEG does nothing but be looked at.
func picture(jpeg []byte) template.URL {
	if len(jpeg) < 3 || string(jpeg[:3]) != "\xff\xd8\xff" {
		return ""
	}
	return template.URL("data:image/jpeg;base64," + jose.EncodeBase64(jpeg))
}

func documentState(s document.Subject, d document.Document, now time.Time) string {
	switch {
	case d.Annulled:
		return "annulled"
	case d.Surrendered:
		return "surrendered"
	case s.Issuable(d.Number, now) != nil:
		return "not-valid"
	case !d.CarrierLostAt.IsZero():
		return "card-lost"
	}
	return "valid"
}

// codes writes conditions as they stand on a card.
func codes(list []document.Code) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.Code + c.Sign + c.Value
	}
	return strings.Join(words, ", ")
}
