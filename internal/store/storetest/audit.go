package storetest

import (
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
)

var auditTests = []test{
	{name: "Append", run: appendAudit},
	{name: "Pseudonyms", run: pseudonyms},
	{name: "ConcurrentAppend", run: concurrentAppend},
	{name: "TokensOnRecord", run: tokensOnRecord},
}

func appendAudit(t *testing.T, s Store) {
	if n := len(auditLines(t, s)); n != 0 {
		t.Errorf("%d audit lines in an empty store", n)
	}
	if err := s.Append(t.Context(), AuditEvent("one")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("an empty event: %v", err)
	}
	events := auditLines(t, s)
	if len(events) != 1 || events[0].Subject != "one" || !events[0].Time.Equal(Now) {
		t.Errorf("%+v", events)
	}
}

// pseudonyms: a person is written as a pseudonym, whoever appends.
func pseudonyms(t *testing.T, s Store) {
	want, err := Pseudonyms{}.Pseudonym("P-77", Now)
	if err != nil {
		t.Fatal(err)
	}
	about := AuditEvent("")
	about.Person = "P-77"
	app := Event("R", 1, "P-77", Person("A"))
	app.Record.Audit = about
	apply(t, s, app)
	if _, err := s.RecordIntent(t.Context(), Intent("B", "P-77", "N", 1, 1), about); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.MarkSigned(t.Context(), "B", about), s.Append(t.Context(), about)); err != nil {
		t.Fatal(err)
	}
	licence := Event("R", 2, "P-77", Licence("N-77"))
	licence.Record.Audit = about
	// Who has the document is known to the store alone.
	apply(t, s, licence, Event("R", 3, "", Annulled("N-77")))
	both := about
	both.Subject = "somebody"
	if err := s.Append(t.Context(), both); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("a person and a subject: %v", err)
	}
	lines := auditLines(t, s)
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		if l.Subject != want || l.Person != "" {
			t.Errorf("%+v", l)
		}
	}
}

// tokensOnRecord: what is answered, and what is exchanged, is on record with the
// step and no more often; what the record refuses does not happen.
func tokensOnRecord(t *testing.T, s Store) {
	ctx, c, n := t.Context(), authorizationCode(1), 0
	recorded := func(what string, more int) {
		t.Helper()
		n += more
		if got := len(auditLines(t, s)); got != n {
			t.Fatalf("%s: %d lines, not %d", what, got, n)
		}
	}
	refused := func(what string, err error, more int) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: passed", what)
		}
		recorded(what, more)
	}
	if err := s.PutRequest(ctx, pushedRequest(1), nil); err != nil {
		t.Fatal(err)
	}
	refused("an answer that cannot be recorded", s.EndRequest(ctx, pushedRequest(1).Hash, Now, &c, audit.Event{}), 0)
	if err := s.EndRequest(ctx, pushedRequest(1).Hash, Now, &c, AuditEvent("R")); err != nil {
		t.Fatal(err)
	}
	recorded("an answer", 1)
	refused("a second answer", s.EndRequest(ctx, pushedRequest(1).Hash, Now, &c, AuditEvent("R")), 0)

	unsaid := both(1)
	unsaid.Issued = audit.Event{}
	refused("a token that cannot be recorded", s.RedeemCode(ctx, c.Hash, Now, onceOf(1), unsaid), 0)
	noToken(t, s, "a token that cannot be recorded", unsaid.Token.Hash)
	if err := s.RedeemCode(ctx, c.Hash, Now, onceOf(1), both(1)); err != nil { // neither the code nor the proof is used up
		t.Fatal(err)
	}
	recorded("a code", 1)

	refresh := func(m int, issued func(authserver.TokenRecord) audit.Event) error {
		_, err := s.Refresh(ctx, both(1).Refresh.Hash, Now, nil, again(1, m), nil, issued)
		return err
	}
	refused("a refresh that cannot be recorded", refresh(10, func(authserver.TokenRecord) audit.Event { return audit.Event{} }), 0)
	noToken(t, s, "a refresh that cannot be recorded", again(1, 10).Hash)
	if err := refresh(10, Recorded); err != nil {
		t.Fatal(err)
	}
	recorded("a refresh", 1)
	refused("a used code", s.RedeemCode(ctx, c.Hash, Now, nil, both(1)), 0)
	refused("a refresh token that is gone", refresh(11, Recorded), 0)

	g := create(t, s, grant(5))
	other := exchanged(5)
	other.Issued = audit.Event{}
	_, err := s.RedeemPreAuthorizedCode(ctx, g.CodeHash, nil, Now, nil, other)
	refused("a grant that cannot be recorded", err, 0)
	if _, err := s.RedeemPreAuthorizedCode(ctx, g.CodeHash, nil, Now, nil, exchanged(5)); err != nil {
		t.Fatal(err)
	}
	recorded("a grant", 1)
	_, err = s.RedeemPreAuthorizedCode(ctx, g.CodeHash, nil, Now, nil, exchanged(5))
	refused("a used grant", err, 0)
}

func concurrentAppend(t *testing.T, s Store) {
	together(16, func(i int) {
		for n := range 10 {
			if err := s.Append(t.Context(), AuditEvent(fmt.Sprint(i, "-", n))); err != nil {
				t.Error(err)
			}
		}
	})
	seen := map[string]bool{}
	for _, e := range auditLines(t, s) {
		seen[e.Subject] = true
	}
	if len(seen) != 160 {
		t.Errorf("%d of 160 audit events", len(seen))
	}
}
