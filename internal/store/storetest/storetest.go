// Package storetest is what every store must pass.
//
// Start with Run, which takes a function that opens an empty store, and
// RunDurable for a store that outlives its process. Both say what the comments
// of registry.Store, issuance.Store, authserver.Store and status.Store
// promise: one step at a time, a refusal without a trace, one-time things
// once among any number of goroutines, records copied in and out.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Store is everything that a backend implements.
type Store interface {
	registry.Store
	registry.Records
	issuance.Store
	authserver.Store
	status.Store
	audit.Writer
	Copies(ctx context.Context, document string) ([]issuance.Copy, error)
	WriteAudit(ctx context.Context, w io.Writer) error
	Close() error
}

// PublicURL is the one that the stores under test are opened with.
const PublicURL = "https://issuer.example"

// Now is the instant of these tests.
var Now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// Run runs the suite. open gives an empty store with PublicURL, and sees to
// its end.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Registry", registryTests}, {"Issuance", issuanceTests}, {"Authserver", authserverTests}, {"Status", statusTests}, {"Audit", auditTests},
	} {
		for _, tt := range group.tests {
			t.Run(group.name+"/"+tt.name, func(t *testing.T) {
				s := open(t)
				tt.run(t, s)
				CheckAudit(t, s)
			})
		}
	}
}

type test struct {
	name string
	run  func(*testing.T, Store)
}

// Digest is a digest that differs with n.
func Digest(n int) [32]byte { return sha256.Sum256([]byte(fmt.Sprint("digest ", n))) }

// AuditEvent is an event fit for the record.
func AuditEvent(subject string) audit.Event {
	return audit.Event{Time: Now, Action: "test.act", Actor: "storetest", Subject: subject, Outcome: audit.Done}
}

// Event builds an application of a payload to a person; its token is made of
// its source, jti and payload.
func Event(source string, seq uint64, person string, p document.Payload) registry.Application {
	rec := registry.EventRecord{
		Source: source, JTI: fmt.Sprintf("%s-%d", source, seq), Name: p.Name(), Seq: seq, Person: person,
		Effective: Now.Add(-time.Hour), Accepted: Now, Audit: AuditEvent(fmt.Sprintf("%s-%d", source, seq)),
	}
	switch p := p.(type) {
	case document.DocumentPut:
		rec.Document = p.Number
	case document.DocumentAnnulled:
		rec.Document = p.Number
	}
	rec.Token = fmt.Sprintf("%s %d %+v", source, seq, p)
	rec.Digest = sha256.Sum256([]byte(rec.Token))
	return registry.Application{Record: rec, Decide: func(current document.Subject, _ bool) (document.Subject, document.Change, error) {
		return document.Apply(current, document.Event{Subject: current.Number, Effective: rec.Effective, Received: Now, Payload: p})
	}}
}

// Person is a payload with identity facts.
func Person(name string) document.PersonPut {
	return document.PersonPut{Attributes: document.Attributes{
		"family_name": name, "given_name": "Erika", "birth_date": "1984-01-26", "sex": int64(2),
		"nationality": []string{"UT"}, "portrait": []byte{0xff, 0xd8, 0xff, 0xd9},
	}}
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

// Intent is one for count copies of a document, at a version of the person.
func Intent(batch, person, document string, version uint64, count int) issuance.Intent {
	return issuance.Intent{
		Batch: batch, Person: person, Document: document, Configuration: "mdl", Version: version,
		TokenID: "token of " + batch, TokenBatches: 1, TokenExpires: Now.Add(time.Hour),
		Count: count, Status: true, Issued: Now.Truncate(24 * time.Hour), Expires: Now.AddDate(0, 0, 14).Truncate(24 * time.Hour),
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

// revoked gives every revoked entry over all lists.
func revoked(t *testing.T, s Store) map[issuance.StatusIndex]bool {
	t.Helper()
	lists, err := s.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set := map[issuance.StatusIndex]bool{}
	for _, l := range lists {
		indices, version, err := s.Revoked(t.Context(), l.ID)
		if err != nil || version != l.Version || len(indices) != l.Revoked {
			t.Fatalf("list %s: version %d and %d revoked, listed %d and %d; %v", l.ID, version, len(indices), l.Version, l.Revoked, err)
		}
		if !slices.IsSorted(indices) {
			t.Errorf("list %s: revoked indices are not sorted", l.ID)
		}
		for _, i := range indices {
			set[issuance.StatusIndex{List: l.URI, Index: uint64(i)}] = true
		}
	}
	return set
}

// together runs do in n goroutines that start at the same time.
func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	wg.Wait()
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
	var b bytes.Buffer
	for _, p := range people {
		subject, err := s.Subject(t.Context(), p)
		text, _ := json.Marshal(subject)
		fmt.Fprintf(&b, "%s %v\n", text, err)
	}
	for _, d := range documents {
		holder, err := s.Holder(t.Context(), d)
		fmt.Fprintf(&b, "%s %s %v\n", d, holder, err)
		copies, err := s.Copies(t.Context(), d)
		fmt.Fprintf(&b, "%+v %v\n", copies, err)
	}
	lists, err := s.Lists(t.Context())
	fmt.Fprintf(&b, "%+v %v\n", lists, err)
	fmt.Fprintf(&b, "revoked %v\n", revoked(t, s)) // maps print sorted
	if err := s.WriteAudit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
