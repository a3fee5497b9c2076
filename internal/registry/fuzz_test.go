package registry

import (
	"reflect"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// FuzzClaims reads whatever claims a source may have signed. They are taken,
// or refused with one of the kinds that a source can be told, and what is
// taken applies to a subject without trouble of ours. Signatures are left out:
// they would make each run another.
func FuzzClaims(f *testing.F) {
	now := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	in := &Inbox{issuer: "O", maxAge: DefaultMaxAge, skew: DefaultSkew}
	source := Source{Name: "S", Events: document.Names(), DocumentTypes: []string{"mdl"}, Kinds: []string{"driving"}}
	const head = `{"iss":"S","aud":["O"],"iat":1781517600,"jti":"J","txn":"T","toe":1781510000,"sub_id":{"format":"opaque","id":"P"},"events":{"urn:vidimus:event:`
	for _, body := range []string{
		`person-put:1":{"seq":1,"prev":0,"attributes":{"family_name":"A","given_name":"B","birth_date":"1984-01-26","portrait":""}}}}`,
		`entitlement-put:1":{"seq":1,"kind":"driving","territory":"UT","privileges":[{"vehicle_category_code":"B","codes":[{"code":"01"}]}]}}}`,
		`document-put:1":{"seq":1,"number":"N","type":"mdl","issue_date":"2025-09-01","issuing_authority":"A","issuing_country":"UT"}}}`,
		`document-annulled:1":{"seq":1,"number":"N","reason":"r"}}}`,
		`person-died:1":{"seq":1}}}`,
	} {
		f.Add([]byte(head + body))
	}
	start := document.Subject{Number: "P", Version: 1, Documents: []document.Document{{Number: "N", Type: "mdl"}, {Number: "M", Type: "pid"}}}
	f.Fuzz(func(t *testing.T, payload []byte) {
		told := func(err error) {
			if _, _, ok := SETError(err); !ok {
				t.Fatalf("refused with %v", err)
			}
		}
		var c claims
		if jose.DecodeJSON(payload, &c) != nil {
			return
		}
		s := &statement{source: source, record: EventRecord{Source: source.Name, JTI: c.JTI, Accepted: now, Decision: c.TXN}}
		if err := in.checkClaims(s, c); err != nil {
			told(err)
			return
		}
		if err := s.readEvent(c, now); err != nil {
			told(err)
			return
		}
		if !source.maySend(s.record.Name) || s.record.Seq == 0 || s.payload == nil || s.record.Person == "" && s.record.Document == "" {
			t.Fatalf("taken as %+v", s.record)
		}
		if ev := in.application(s).Record.Audit; ev.Check() != nil {
			t.Fatalf("not fit for the audit: %+v", ev)
		}
		next, change, err := in.decide(s)(start, true)
		if err != nil {
			told(err)
			if !reflect.DeepEqual(next, document.Subject{}) || change.Applied || change.Revoke != nil {
				t.Fatalf("refused with %v, and yet %+v", err, change)
			}
			return
		}
		if next.Number != "P" || next.Version < 1 || problem.KindOf(next.Issuable("nothing", now)) != problem.NotFound {
			t.Fatalf("%+v", next)
		}
	})
}
