package registry_test

import (
	"crypto"
	"fmt"
	"slices"
	"testing"

	"vidimus/internal/document"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

// full is a source that may say everything.
func full(name string, key crypto.PublicKey) registry.Source {
	return registry.Source{
		Name: name, Keys: map[string]crypto.PublicKey{"k1": key}, Events: document.Names(),
		DocumentTypes: []string{"mdl", "pid"}, Kinds: []string{"driving", "hunting"}, Measures: document.MeasureKinds(),
	}
}

// cell is one event of the matrix: what is sent, on top of a person P-1 with
// the document DL-1, the right to drive and the court ban M-1.
type cell struct {
	name, subject, body string
	// documentType, kind and measure are what the source needs beside the event.
	documentType, kind string
	measure            document.MeasureKind
}

const (
	ban    = `"right":{"kind":"driving","territory":"UT"},"orders":{"authority":"Court"}`
	person = `"attributes":{"family_name":"A","given_name":"B","birth_date":"1984-01-26"}`
)

func cells() []cell {
	return []cell{
		{name: "person-put", body: person},
		{name: "person-died"},
		{name: "person-merged", body: `"into":"P-2"`},
		{name: "person-split", body: `"new":"P-3",` + person + `,"documents":[],"entitlements":[],"measures":[]`},
		{name: "person-split", body: `"new":"P-3",` + person + `,"documents":["DL-1"],"entitlements":[],"measures":[]`, documentType: "mdl"},
		{name: "person-split", body: `"new":"P-3",` + person + `,"documents":[],"entitlements":[{"kind":"driving","territory":"UT"}],"measures":[]`, kind: "driving"},
		{name: "person-split", body: `"new":"P-3",` + person + `,"documents":[],"entitlements":[],"measures":["M-1"]`, kind: "driving", measure: document.CourtBan},
		{name: "entitlement-put", body: `"kind":"driving","territory":"UT","privileges":[]`, kind: "driving"},
		{name: "entitlement-put", body: `"kind":"hunting","territory":"UT","privileges":[]`, kind: "hunting"},
		{name: "measure-added", body: `"id":"M-2","kind":"court-ban",` + ban, kind: "driving", measure: document.CourtBan},
		{name: "measure-added", body: `"id":"M-3","kind":"provisional-withdrawal",` + ban, kind: "driving", measure: document.ProvisionalWithdrawal},
		{name: "measure-lifted", body: `"id":"M-1"`, kind: "driving", measure: document.CourtBan},
		{name: "measure-corrected", body: `"id":"M-1","orders":{"authority":"Court of appeal"}`, kind: "driving", measure: document.CourtBan},
		{name: "appeal-upheld", body: `"measure":"M-1"`, kind: "driving", measure: document.CourtBan},
		{name: "document-put", body: `"number":"DL-2","type":"mdl","issue_date":"2025-09-01","issuing_authority":"A","issuing_country":"UT"`, documentType: "mdl"},
		{name: "document-put", body: `"number":"ID-2","type":"pid","issue_date":"2025-09-01","issuing_authority":"A","issuing_country":"UT"`, documentType: "pid"},
		{name: "document-surrendered", body: `"number":"DL-1"`, documentType: "mdl"},
		{name: "document-surrendered", subject: "DL-1", body: `"number":"DL-1"`, documentType: "mdl"},
		{name: "document-annulled", body: `"number":"DL-1"`, documentType: "mdl"},
		{name: "document-annulled", subject: "DL-1", body: `"number":"DL-1"`, documentType: "mdl"},
		{name: "document-carrier-lost", body: `"number":"DL-1"`, documentType: "mdl"},
		{name: "document-carrier-lost", subject: "DL-1", body: `"number":"DL-1"`, documentType: "mdl"},
		{name: "wallet-lost", body: `"wallet":"u-1"`},
		{name: "wallet-lost"},
		{name: "wallet-unit-revoked", subject: "u-1", body: `"wallet":"u-1"`},
	}
}

// prepared is an office whose source identity may say everything and has said
// what the cells build upon, and whose source driving is the one to be tried.
func prepared(t *testing.T, tried registry.Source) *world {
	t.Helper()
	w := newWorld(t)
	cfg := w.config()
	cfg.Sources = []registry.Source{full(identity, w.keys[identity].Public()), tried}
	inbox, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.inbox = inbox
	for i, e := range []struct{ subject, name, body string }{
		{"P-1", "person-put", person},
		{"P-2", "person-put", person},
		{"P-1", "document-put", `"number":"DL-1","type":"mdl","issue_date":"2025-09-01","issuing_authority":"A","issuing_country":"UT"`},
		{"P-1", "entitlement-put", `"kind":"driving","territory":"UT","privileges":[{"vehicle_category_code":"B"}]`},
		{"P-1", "measure-added", `"id":"M-1","kind":"court-ban",` + ban},
	} {
		w.accept(identity, w.say(identity, e.subject, e.name, uint64(i+1), e.body))
	}
	return w
}

// TestMatrix tries every cell with the rights that it needs and no others,
// and then without each of them.
func TestMatrix(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range cells() {
		tried[c.name] = true
		if c.subject == "" {
			c.subject = "P-1"
		}
		whole := full(driving, nil)
		whole.Events, whole.DocumentTypes, whole.Kinds, whole.Measures = []string{c.name}, nil, nil, nil
		others := func(list []string, but string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == but })
		}
		without := map[string]registry.Source{}
		add := func(what string, change func(*registry.Source)) {
			s := whole
			s.DocumentTypes, s.Kinds, s.Measures = full("", nil).DocumentTypes, full("", nil).Kinds, full("", nil).Measures
			change(&s)
			without[what] = s
		}
		add("event", func(s *registry.Source) { s.Events = others(document.Names(), c.name) })
		if c.documentType != "" {
			whole.DocumentTypes = []string{c.documentType}
			add("document type", func(s *registry.Source) { s.DocumentTypes = others(s.DocumentTypes, c.documentType) })
		}
		if c.kind != "" {
			whole.Kinds = []string{c.kind}
			add("entitlement kind", func(s *registry.Source) { s.Kinds = others(s.Kinds, c.kind) })
		}
		if c.measure != "" {
			whole.Measures = []document.MeasureKind{c.measure}
			add("measure kind", func(s *registry.Source) {
				s.Measures = slices.DeleteFunc(slices.Clone(s.Measures), func(k document.MeasureKind) bool { return k == c.measure })
			})
		}
		t.Run(fmt.Sprint(c.name, " of ", c.subject, " ", c.documentType, c.kind, c.measure), func(t *testing.T) {
			key := newKey(t)
			for what, s := range without {
				t.Run("without "+what, func(t *testing.T) {
					s.Keys = map[string]crypto.PublicKey{"k1": key.Public()}
					w := prepared(t, s)
					w.keys[driving] = key
					w.refused(t, driving, w.say(driving, c.subject, c.name, 1, c.body), problem.AccessDenied, "may not")
					if len(w.audited("access_denied")) != 1 {
						t.Error("not audited")
					}
				})
			}
			whole.Keys = map[string]crypto.PublicKey{"k1": key.Public()}
			w := prepared(t, whole)
			w.keys[driving] = key
			if o := w.accept(driving, w.say(driving, c.subject, c.name, 1, c.body)); o.Event != c.name || o.Seq != 1 {
				t.Errorf("%+v", o)
			}
		})
	}
	for _, name := range document.Names() {
		if !tried[name] {
			t.Errorf("%s has no cell", name)
		}
	}
}

// What an event names beside its subject must fit it.
func TestSubjects(t *testing.T) {
	for name, c := range map[string]struct {
		subject, event, body string
		kind                 problem.Kind
	}{
		"merged into itself":     {"P-1", "person-merged", `"into":"P-1"`, problem.InvalidRequest},
		"split into itself":      {"P-1", "person-split", `"new":"P-1",` + person + `,"documents":[],"entitlements":[],"measures":[]`, problem.InvalidRequest},
		"another unit":           {"u-1", "wallet-unit-revoked", `"wallet":"u-2"`, problem.InvalidRequest},
		"document of another":    {"P-2", "document-annulled", `"number":"DL-1"`, problem.Conflict},
		"document of nobody":     {"DL-7", "document-surrendered", `"number":"DL-7"`, problem.NotFound},
		"unknown measure":        {"P-1", "measure-lifted", `"id":"M-7"`, problem.NotFound},
		"measure of another":     {"P-2", "appeal-upheld", `"measure":"M-1"`, problem.NotFound},
		"document put by number": {"DL-8", "document-put", `"number":"DL-8","type":"mdl","issue_date":"2025-09-01","issuing_authority":"A","issuing_country":"UT"`, problem.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w = prepared(t, full(driving, w.keys[driving].Public()))
			w.refused(t, identity, w.say(identity, c.subject, c.event, 6, c.body), c.kind, "")
		})
	}
	// A licence that is renewed may be named by its number.
	w := newWorld(t)
	w = prepared(t, full(driving, w.keys[driving].Public()))
	w.accept(identity, w.say(identity, "DL-1", "document-put", 6, `"number":"DL-1","type":"mdl","issue_date":"2026-01-01","issuing_authority":"A","issuing_country":"UT"`))
	if d := w.subject().Document("DL-1"); d.IssueDate != "2026-01-01" {
		t.Errorf("%+v", d)
	}
}
