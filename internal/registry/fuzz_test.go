package registry

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const fuzzHead = `{"iss":"S","aud":["O"],"iat":1781517600,"jti":"J","txn":"T","toe":1781510000,"sub_id":{"format":"opaque","id":"P"},"events":{"urn:vidimus:event:`

func addBodies(f *testing.F) {
	for _, body := range []string{
		`person-put:1":{"seq":1,"prev":0,"attributes":{"family_name":"A","given_name":"B","birth_date":"1984-01-26","portrait":""}}}}`,
		`entitlement-put:1":{"seq":1,"kind":"driving","territory":"UT","privileges":[{"vehicle_category_code":"B","codes":[{"code":"01"}]}]}}}`,
		`document-put:1":{"seq":1,"number":"N","type":"mdl","issue_date":"2025-09-01","issuing_authority":"A","issuing_country":"UT"}}}`,
		`document-annulled:1":{"seq":1,"number":"N","reason":"r\"\\"}}}`,
		`measure-lifted:1":{"\u0073eq":18446744073709551616,"seq":01,"id":"M"}}}`,
		`person-merged:1":{"seq":1,"into":"Q"}}}`,
		`wallet-unit-revoked:1":{"seq":1,"wallet":"P"} , "x":{}}} `,
		`person-died:1":{"seq":1}},"events":{}}`,
	} {
		f.Add([]byte(fuzzHead + body))
	}
}

// FuzzClaims reads whatever claims a source may have signed. They are taken,
// or refused with one of the kinds that a source can be told, and what is
// taken applies to a subject without trouble of ours. Signatures are left out:
// they would make each run another.
func FuzzClaims(f *testing.F) {
	now := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	in := &Inbox{issuer: "O", maxAge: DefaultMaxAge, skew: DefaultSkew}
	source := Source{Name: "S", Events: document.Names(), DocumentTypes: []string{"mdl"}, Kinds: []string{"driving"}, Measures: document.MeasureKinds()}
	addBodies(f)
	known := document.Subject{Number: "P", Version: 1, Documents: []document.Document{{Number: "N", Type: "mdl"}, {Number: "M", Type: "pid"}}}
	f.Fuzz(func(t *testing.T, payload []byte) {
		told := func(err error) {
			if _, _, ok := SETError(err); !ok {
				t.Fatalf("refused with %v", err)
			}
		}
		c, err := readClaims(payload)
		if err != nil {
			told(err)
			return
		}
		s := &statement{source: source, record: EventRecord{Source: source.Name, JTI: c.JTI, Decision: c.TXN}}
		if err := in.checkClaims(s, c); err != nil {
			told(err)
			return
		}
		if err := s.readEvent(c, now); err != nil {
			told(err)
			return
		}
		r := s.record
		if !source.maySend(r.Name) || r.Seq == 0 || s.payload == nil || r.Person == "" && r.Document == "" && r.Wallet == "" {
			t.Fatalf("taken as %+v", r)
		}
		app := in.application(s, now)
		ev, err := audit.Pseudonymise(app.Record.Audit, plain{})
		if err == nil {
			err = ev.Check()
		}
		if err != nil {
			t.Fatalf("not fit for the audit: %v: %+v", err, ev)
		}
		subjects := []document.Subject{known}
		if r.Other != "" {
			subjects = append(subjects, document.Subject{Number: r.Other})
		}
		if r.Wallet != "" {
			subjects = nil
		}
		next, change, err := app.Decide(subjects)
		if err != nil {
			told(err)
			if next != nil || change.Applied || change.Revoke != nil {
				t.Fatalf("refused with %v, and yet %+v", err, change)
			}
			return
		}
		if len(next) != len(subjects) || len(next) > 0 && (next[0].Number != "P" || next[0].Version < 1 || problem.KindOf(next[0].Issuable("nothing", now)) == problem.Internal) {
			t.Fatalf("%+v", next)
		}
	})
}

type plain struct{}

func (plain) Pseudonym(string, time.Time) (string, error) { return "p", nil }

// FuzzReadClaims compares the reader that skips the body with one that reads
// everything strictly: what the first takes, together with the strict reading
// of the body, the second takes and reads the same.
func FuzzReadClaims(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := readClaims(payload)
		if err != nil {
			return
		}
		if _, bodyErr := jose.Members(c.body); bodyErr != nil || len(c.Events) != 1 {
			return
		}
		var whole claims
		if err := jose.DecodeJSONLimit(payload, &whole, MaxItem); err != nil {
			if !isLimit(err) {
				t.Fatalf("%q is taken, and is none: %v", payload, err)
			}
			return
		}
		for uri, body := range whole.Events {
			if _, same := c.Events[uri]; !same || string(body) != string(c.body) {
				t.Fatalf("%q: body %q, want %q", payload, c.body, body)
			}
		}
		c.Events, c.body, whole.Events = nil, nil, nil
		if !reflect.DeepEqual(c, whole) {
			t.Fatalf("%q: %+v, want %+v", payload, c, whole)
		}
		seq, prev, err := order(payload)
		slowSeq, slowPrev, slowErr := slowOrder(payload)
		if slowErr == nil && (err != nil || seq != slowSeq || (prev == nil) != (slowPrev == nil)) {
			t.Fatalf("%q: %d, %v, want %d", payload, seq, err, slowSeq)
		}
	})
}

// isLimit: the depth of the whole counts two more levels than that of its body.
func isLimit(err error) bool { return errors.Is(err, jose.ErrLimit) }
