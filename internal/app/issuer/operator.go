package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

// maxHistory bounds what one look at a history shows.
const maxHistory = 1000

// purposes are the words for why somebody is looked up.
func purposes() []string { return audit.Purposes() }

// lookUp finds the person of a look-up and records it: no record, no answer.
func (a *App) lookUp(ctx context.Context, l issuerhttp.LookUp, what string) (string, error) {
	if (l.Person == "") == (l.Document == "") {
		return "", problem.New(problem.InvalidRequest, "either person or document is wanted")
	}
	if !slices.Contains(purposes(), l.Purpose) {
		return "", problem.New(problem.InvalidRequest, "purpose is not one of %s", PurposesText())
	}
	if !validReference(l.Reference) {
		return "", problem.New(problem.InvalidRequest, "reference is not at most 64 letters, digits and - _ . / :")
	}
	person, known := l.Person, true
	if person == "" {
		var err error
		person, err = a.store.Holder(ctx, l.Document)
		if known = err == nil; err != nil && !errors.Is(err, registry.ErrSubjectNotFound) {
			return "", problem.Wrap(problem.Unavailable, err, "try again later")
		}
	}
	ev := audit.Event{
		Time: a.opts.Clock.Now(), Action: "person.look-up", Actor: l.Actor, Person: person, Outcome: audit.Done,
		Detail: map[string]string{"purpose": l.Purpose, "reason": what},
	}
	if !known {
		ev.Person, ev.Subject, ev.Outcome = "", "unknown document", audit.Denied
	}
	if l.Reference != "" {
		ev.Detail["reference"] = l.Reference
	}
	if err := a.store.Append(ctx, ev); err != nil {
		return "", problem.Wrap(problem.Unavailable, err, "the look-up cannot be recorded, so nothing is shown")
	}
	if !known {
		return "", problem.New(problem.NotFound, "nobody has a document of this number")
	}
	return person, nil
}

func validReference(s string) bool {
	for _, c := range s {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.' || c == '/' || c == ':') {
			return false
		}
	}
	return len(s) <= 64
}

// Record implements issuerhttp.Operator.
func (a *App) Record(ctx context.Context, l issuerhttp.LookUp) (any, error) {
	person, err := a.lookUp(ctx, l, "record")
	if err != nil {
		return nil, err
	}
	s, err := a.records.Subject(ctx, person)
	if err != nil {
		return nil, err
	}
	now := a.opts.Clock.Now()
	v := &RecordView{Person: s.Number, Version: s.Version, MergedInto: s.MergedInto, Next: s.Next()}
	if p := s.Person; p != nil {
		v.Deceased, v.DeceasedAt, v.Attributes = p.Deceased, p.DeceasedAt, attributesView(p.Attributes)
	}
	v.Entitlements, v.Measures = rightsView(s, now), measuresView(s, now)
	for _, d := range s.Documents {
		dv, err := a.documentView(ctx, s, d, now)
		if err != nil {
			return nil, err
		}
		v.Documents = append(v.Documents, dv)
	}
	notices, err := a.store.Notices(ctx, person, maxHistory)
	if err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	for _, n := range notices {
		v.Notices = append(v.Notices, NoticeView{
			Number: n.Number, Fact: string(n.Notice.Fact), Created: n.Created, State: string(n.State), Channel: n.Channel, Settled: n.Settled, Problem: n.Problem,
		})
	}
	return v, nil
}

func attributesView(a document.Attributes) map[string]string {
	out := map[string]string{}
	for name, value := range a {
		if b, binary := value.([]byte); binary {
			out[name] = fmt.Sprintf("(%d bytes)", len(b))
			continue
		}
		out[name] = fmt.Sprint(value)
	}
	return out
}

func categories(list []document.Privilege) []string {
	out := []string{}
	for _, p := range list {
		word := p.Category
		for _, c := range p.Codes {
			word += "+" + c.Code
		}
		out = append(out, word)
	}
	return out
}

func rightsView(s document.Subject, now time.Time) []RightView {
	held := map[string]bool{}
	for _, p := range s.Driving(now) {
		held[p.Category] = true
	}
	var out []RightView
	for _, e := range s.Entitlements {
		v := RightView{Kind: e.Kind, Territory: e.Territory, Recorded: categories(e.Privileges), Now: []string{}}
		for _, p := range e.Privileges {
			if e.Kind != document.KindDriving || held[p.Category] {
				v.Now = append(v.Now, p.Category)
			}
		}
		out = append(out, v)
	}
	return out
}

func measuresView(s document.Subject, now time.Time) []MeasureView {
	var out []MeasureView
	for _, m := range s.Measures {
		r := m.Latest()
		v := MeasureView{
			ID: m.ID, Kind: string(m.Kind), Right: m.Right.Kind + " in " + m.Right.Territory, Authority: r.Orders.Authority, LegalBasis: r.Orders.LegalBasis,
			From: r.From, Until: r.Orders.Until, ConfirmBy: r.Orders.ConfirmBy, Lifted: r.Lifted, Categories: r.Orders.Categories,
			KnownAt: r.KnownAt, Source: r.Event.Source, Event: r.Event.JTI, Revisions: len(m.Revisions),
		}
		switch {
		case r.Void:
			v.State = "void"
		case m.Holds(now):
			v.State = "holds"
		case now.Before(r.From):
			v.State = "later"
		default:
			v.State = "ended"
		}
		out = append(out, v)
	}
	return out
}

func (a *App) documentView(ctx context.Context, s document.Subject, d document.Document, now time.Time) (DocumentView, error) {
	v := DocumentView{
		Number: d.Number, Type: d.Type, IssueDate: d.IssueDate, ExpiryDate: d.ExpiryDate, Authority: d.IssuingAuthority,
		State: "good", Attributes: attributesView(d.Attributes), Copies: []CopyView{},
	}
	if err := a.effects.Issuable(s, d.Number, now); err != nil {
		v.State = problem.Detail(err)
	}
	copies, err := a.store.Copies(ctx, d.Number)
	if err != nil {
		return v, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	for _, c := range copies {
		if c.State == issuance.StateBurned {
			continue
		}
		v.Copies = append(v.Copies, copyView(c))
	}
	return v, nil
}

func copyView(c issuance.Copy) CopyView {
	v := CopyView{
		Batch: c.Batch, Configuration: c.Configuration, Issued: c.Issued, Expires: c.Expires, State: string(c.State),
		Status: "none", List: c.List, Index: c.Index, Wallet: c.Wallet,
	}
	switch {
	case c.List == "":
	case c.Invalid && c.InvalidSince > 0:
		v.Status = fmt.Sprintf("revoked since version %d", c.InvalidSince)
	case c.Invalid:
		v.Status = "revoked, not published yet"
	default:
		v.Status = "valid"
	}
	return v
}

// History implements issuerhttp.Operator.
func (a *App) History(ctx context.Context, l issuerhttp.LookUp) (any, error) {
	person, err := a.lookUp(ctx, l, "history")
	if err != nil {
		return nil, err
	}
	events, err := a.store.History(ctx, person, document.EventID{}, maxHistory)
	if err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	v := &HistoryView{Person: person, Events: []EventView{}}
	for _, e := range events {
		view := EventView{
			Source: e.Source, JTI: e.JTI, Event: e.Name, Seq: e.Seq, Effective: e.Effective, Accepted: e.Accepted, Decision: e.Decision,
		}
		if o, err := a.store.Outcome(ctx, e.Source, e.JTI); err == nil {
			view.State, view.Covered, view.Copies, view.Version = string(o.State()), o.Covered, o.Copies, o.Version
		} else if !errors.Is(err, registry.ErrOutcomeNotFound) {
			return nil, problem.Wrap(problem.Unavailable, err, "try again later")
		}
		v.Events = append(v.Events, view)
	}
	v.Said, err = a.said(ctx, person)
	return v, err
}

// ListView is how a status list stands inside the office.
type ListView struct {
	URI        string    `json:"uri"`
	Kind       string    `json:"kind"`
	Version    uint64    `json:"version"`
	Served     uint64    `json:"served"`
	Created    time.Time `json:"created"`
	Closed     bool      `json:"closed"`
	LastExpiry time.Time `json:"last_expiry,omitzero"`
	Allocated  int       `json:"allocated"`
	Cover      int       `json:"cover"`
	Revoked    int       `json:"revoked"`
	Waiting    int       `json:"waiting"`
}

// Lists implements issuerhttp.Operator.
func (a *App) Lists(ctx context.Context) (any, error) {
	lists, err := a.store.Lists(ctx)
	if err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	served := a.publisher.Served()
	out := []ListView{}
	for _, l := range lists {
		out = append(out, ListView{
			URI: l.URI, Kind: string(l.Kind), Version: l.Version, Served: served[l.ID], Created: l.Created, Closed: l.Closed, LastExpiry: l.LastExpiry,
			Allocated: l.Allocated, Cover: l.Cover, Revoked: l.Revoked, Waiting: l.Waiting,
		})
	}
	return map[string][]ListView{"lists": out}, nil
}

// PurposesText lists the words for why somebody is looked up.
func PurposesText() string { return strings.Join(purposes(), ", ") }
