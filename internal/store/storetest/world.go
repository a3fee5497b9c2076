package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

var table = document.DefaultTable()

// AuditEvent is an event fit for the record.
func AuditEvent(subject string) audit.Event {
	return audit.Event{Time: Now, Action: "test.act", Actor: "storetest", Subject: subject, Outcome: audit.Done}
}

// Recorded is what goes on record of a token in these tests.
func Recorded(t authserver.TokenRecord) audit.Event { return AuditEvent(t.ID) }

// Event builds an application of a payload to a person; its token is made of
// its source, jti and payload. The table of effects is the one of the house.
func Event(source string, seq uint64, person string, p document.Payload) registry.Application {
	return EventAt(source, seq, person, p, Now)
}

// EventAt is an Event that was accepted at an instant.
func EventAt(source string, seq uint64, person string, p document.Payload, at time.Time) registry.Application {
	rec := registry.EventRecord{
		Source: source, JTI: fmt.Sprintf("%s-%d", source, seq), Name: p.Name(), Seq: seq, Person: person,
		Effective: at, Accepted: at, Audit: AuditEvent(fmt.Sprintf("%s-%d", source, seq)),
	}
	switch p := p.(type) {
	case document.DocumentPut:
		rec.Document = p.Number
	case document.DocumentAnnulled:
		rec.Document = p.Number
	case document.PersonMerged:
		rec.Other = p.Into
	case document.PersonSplit:
		rec.Other = p.New
	case document.WalletUnitRevoked:
		rec.Wallet = p.Wallet
	case document.MeasureAdded:
		if !p.Orders.Until.IsZero() && !p.Orders.Until.After(at) {
			panic("a measure that is over")
		}
	}
	rec.Token = fmt.Sprintf("%s %d %+v", source, seq, p)
	rec.Digest = sha256.Sum256([]byte(rec.Token))
	return registry.Application{Record: rec, Decide: func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		return table.Apply(subjects, document.Event{
			ID: document.EventID{Source: rec.Source, JTI: rec.JTI}, Effective: rec.Effective, Received: rec.Accepted, Payload: p,
		})
	}}
}

// Future is an Event whose fact takes effect at another instant.
func Future(app registry.Application, p document.Payload, effective time.Time) registry.Application {
	app.Record.Effective = effective
	rec := app.Record
	app.Decide = func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		return table.Apply(subjects, document.Event{
			ID: document.EventID{Source: rec.Source, JTI: rec.JTI}, Effective: effective, Received: rec.Accepted, Payload: p,
		})
	}
	return app
}

// Deciding is an Event about a person whose change is given, so that a test
// says exactly what is to happen. The version of the subject grows.
func Deciding(source string, seq uint64, person string, change document.Change) registry.Application {
	app := Event(source, seq, person, Person("decided"))
	app.Record.Name = "test-event"
	app.Decide = func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		next := slices.Clone(subjects)
		if change.Applied {
			for i := range next {
				next[i].Version++
			}
		}
		return next, change, nil
	}
	return app
}

// Revoking is a Deciding that revokes the copies of documents.
func Revoking(source string, seq uint64, person string, urgent bool, documents ...string) registry.Application {
	change := document.Change{Applied: true}
	for _, d := range documents {
		change.Revoke = append(change.Revoke, document.Revocation{Document: d, Fact: document.FactPersonChanged, Urgent: urgent})
	}
	return Deciding(source, seq, person, change)
}

// Person is a payload with identity facts.
func Person(name string) document.PersonPut {
	return document.PersonPut{Attributes: document.Attributes{
		"family_name": name, "given_name": "Erika", "birth_date": "1984-01-26", "sex": int64(2),
		"nationality": []string{"UT"}, "portrait": []byte{0xff, 0xd8, 0xff, 0xd9},
	}}
}

// Portrayed is a Person with a portrait of so many octets.
func Portrayed(name string, octets int) document.PersonPut {
	p := Person(name)
	p.Attributes["portrait"] = bytes.Repeat([]byte(name+"."), octets/(len(name)+1)+1)[:octets]
	return p
}

// Licence is a payload with a document.
func Licence(number string) document.DocumentPut {
	return document.DocumentPut{
		Number: number, Type: "mdl", IssueDate: "2025-09-01", ExpiryDate: "2030-08-31",
		IssuingAuthority: "Utopia DMV", IssuingCountry: "UT", UNDistinguishingSign: "UTO",
	}
}

// Annulled is a payload that ends a document.
func Annulled(number string) document.DocumentAnnulled {
	return document.DocumentAnnulled{Number: number}
}

// Ban is a payload with a measure on the right to drive, until an instant.
func Ban(id string, until time.Time) document.MeasureAdded {
	return document.MeasureAdded{
		ID: id, Kind: document.CourtBan, Right: document.Right{Kind: document.KindDriving, Territory: "UT"},
		Orders: document.Orders{Authority: "Court of Utopia", Until: until},
	}
}

// Intent is one for count copies of a document, at a version of the person.
func Intent(batch, person, document string, version uint64, count int) issuance.Intent {
	return issuance.Intent{
		Batch: batch, Person: person, Document: document, Configuration: "mdl", Version: version,
		TokenID: "token of " + batch, TokenBatches: 1, TokenExpires: Now.Add(time.Hour), Granted: Now,
		Count: count, Status: issuance.StatusList, Issued: Now.Truncate(24 * time.Hour), Expires: Now.AddDate(0, 0, 14).Truncate(24 * time.Hour),
		SignerKeyID: "ds-1", Recorded: Now,
	}
}

// apply applies events that must be accepted.
func apply(t *testing.T, s Store, apps ...registry.Application) []registry.Outcome {
	t.Helper()
	var outcomes []registry.Outcome
	for i, r := range s.ApplyEvents(t.Context(), apps) {
		if r.Err != nil {
			t.Fatalf("event %d (%s): %v", i, apps[i].Record.JTI, r.Err)
		}
		outcomes = append(outcomes, r.Outcome)
	}
	return outcomes
}

func applyOne(t *testing.T, s Store, app registry.Application) (registry.Outcome, error) {
	t.Helper()
	results := s.ApplyEvents(t.Context(), []registry.Application{app})
	if len(results) != 1 {
		t.Fatalf("%d results for one event", len(results))
	}
	return results[0].Outcome, results[0].Err
}

// person makes P with a licence N at version 2, by a source of its own.
func person(t *testing.T, s Store, person, number string) {
	t.Helper()
	source := "registry-of-" + person
	apply(t, s, Event(source, 1, person, Person("Mustermann")), Event(source, 2, person, Licence(number)))
}

func intend(t *testing.T, s Store, in issuance.Intent) []issuance.StatusIndex {
	t.Helper()
	given, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
	if err != nil {
		t.Fatalf("intent %s: %v", in.Batch, err)
	}
	return given
}

func release(t *testing.T, s Store, at time.Time) []status.Released {
	t.Helper()
	released, err := s.Release(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return released
}

func mark(t *testing.T, s Store, published []status.Published, at time.Time, want int) {
	t.Helper()
	if n, err := s.MarkCovered(t.Context(), published, at); err != nil || n != want {
		t.Errorf("%d covered, want %d; %v", n, want, err)
	}
}

// publish releases and marks what is published then.
func publish(t *testing.T, s Store, at time.Time, want int) {
	t.Helper()
	release(t, s, at)
	mark(t, s, publishedNow(t, s), at, want)
}

func publishedNow(t *testing.T, s Store) []status.Published {
	t.Helper()
	var p []status.Published
	for _, l := range lists(t, s) {
		p = append(p, status.Published{ID: l.ID, Version: l.Version})
	}
	return p
}

func outcome(t *testing.T, s Store, source, jti string) registry.Outcome {
	t.Helper()
	o, err := s.Outcome(t.Context(), source, jti)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func lists(t *testing.T, s Store) []status.List {
	t.Helper()
	all, err := s.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// spot is a place in a list, fit for a key.
type spot struct {
	list  string
	index uint64
}

func spots(given []issuance.StatusIndex) []spot {
	var out []spot
	for _, g := range given {
		out = append(out, spot{g.List, g.Index})
	}
	return out
}

// revoked gives every entry over all lists that is INVALID.
func revoked(t *testing.T, s Store) map[spot]bool {
	t.Helper()
	set := map[spot]bool{}
	for _, l := range lists(t, s) {
		indices, version, err := s.Revoked(t.Context(), l.ID)
		if err != nil || version != l.Version || len(indices) != l.Revoked {
			t.Fatalf("list %s: version %d and %d revoked, listed %d and %d; %v", l.ID, version, len(indices), l.Version, l.Revoked, err)
		}
		if !slices.IsSorted(indices) {
			t.Errorf("list %s: revoked indices are not sorted", l.ID)
		}
		for _, i := range indices {
			set[spot{l.URI, uint64(i)}] = true
		}
	}
	return set
}

func waiting(t *testing.T, s Store) int {
	t.Helper()
	n := 0
	for _, l := range lists(t, s) {
		n += l.Waiting
	}
	return n
}

// auditLines reads the record and checks its chain.
func auditLines(t *testing.T, s Store) []audit.Event {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteAudit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	var events []audit.Event
	if _, err := audit.Verify(&b, func(_ uint64, e audit.Event) error { events = append(events, e); return nil }); err != nil {
		t.Errorf("audit: %v", err)
	}
	return events
}

// CheckAudit verifies the chain of the audit record.
func CheckAudit(t *testing.T, s Store) { t.Helper(); auditLines(t, s) }

// snapshot is all that can be seen of a store from outside, for tests that
// nothing has changed.
func snapshot(t *testing.T, s Store, people, documents []string) string {
	t.Helper()
	ctx := t.Context()
	var b bytes.Buffer
	for _, p := range people {
		subject, err := s.Subject(ctx, p)
		text, _ := json.Marshal(subject)
		fmt.Fprintf(&b, "%s %v\n", text, err)
		history, err := s.History(ctx, p, document.EventID{}, 1000)
		for _, r := range history {
			fmt.Fprintf(&b, "%s %s\n", r.Source, r.JTI)
		}
		fmt.Fprintln(&b, err)
		notices, err := s.Notices(ctx, p, 1000)
		fmt.Fprintf(&b, "%+v %v\n", notices, err)
	}
	for _, d := range documents {
		holder, err := s.Holder(ctx, d)
		fmt.Fprintf(&b, "%s %s %v\n", d, holder, err)
		copies, err := s.Copies(ctx, d)
		fmt.Fprintf(&b, "%+v %v\n", copies, err)
	}
	for _, source := range []string{"R", "S", "registry-of-P"} {
		rows, err := s.Receipts(ctx, source, 0, 1000)
		fmt.Fprintf(&b, "%+v %v\n", rows, err)
		seq, err := s.LastSeq(ctx, source)
		fmt.Fprintln(&b, seq, err)
	}
	all, err := s.Lists(ctx)
	fmt.Fprintf(&b, "%+v %v\n", all, err)
	fmt.Fprintf(&b, "revoked %v\n", revoked(t, s)) // maps print sorted
	if err := s.WriteAudit(ctx, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
