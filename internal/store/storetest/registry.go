package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

var registryTests = []test{
	{name: "ApplyAndRead", run: applyAndRead},
	{name: "SameToken", run: sameToken},
	{name: "OtherToken", run: otherToken},
	{name: "Seq", run: seq},
	{name: "Prev", run: prev},
	{name: "Holders", run: holders},
	{name: "NotApplied", run: notApplied},
	{name: "RefusalLeavesNoTrace", run: refusalLeavesNoTrace},
	{name: "BatchIsolatesItems", run: batchIsolatesItems},
	{name: "ConcurrentDuplicates", run: concurrentDuplicates},
	{name: "ConcurrentSources", run: concurrentSources},
	{name: "CopiesOut", run: copiesOut},
	{name: "Images", run: images},
	{name: "EndedContext", run: endedContext},
	{name: "Cursors", run: cursors},
}

func applyAndRead(t *testing.T, s Store) {
	if _, err := s.Subject(t.Context(), "P"); !errors.Is(err, registry.ErrSubjectNotFound) || problem.KindOf(err) != problem.NotFound {
		t.Errorf("Subject of nobody: %v", err)
	}
	if _, err := s.Holder(t.Context(), "N"); !errors.Is(err, registry.ErrSubjectNotFound) {
		t.Errorf("Holder of nothing: %v", err)
	}
	if _, err := s.Outcome(t.Context(), "R", "R-1"); !errors.Is(err, registry.ErrOutcomeNotFound) {
		t.Errorf("Outcome of nothing: %v", err)
	}
	if n, err := s.LastSeq(t.Context(), "R"); err != nil || n != 0 {
		t.Errorf("LastSeq before the first: %d, %v", n, err)
	}
	out := apply(t, s, Event("R", 1, "P", Person("A")), Event("R", 2, "P", Licence("N")))
	for i, o := range out {
		want := uint64(i + 1)
		if o.Version != want || o.Seq != want || o.Source != "R" || o.Repeated || o.Copies != 0 || !o.Accepted.Equal(Now) {
			t.Errorf("outcome %+v", o)
		}
	}
	got, err := s.Subject(t.Context(), "P")
	if err != nil || got.Version != 2 || got.Number != "P" || got.Person.Attributes.Text("family_name") != "A" || got.Document("N") == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if n, _ := got.Person.Attributes["sex"].(int64); n != 2 || len(got.Person.Attributes.Bytes("portrait")) != 4 {
		t.Errorf("attributes have lost their types: %#v", got.Person.Attributes)
	}
	if holder, err := s.Holder(t.Context(), "N"); err != nil || holder != "P" {
		t.Errorf("holder %q, %v", holder, err)
	}
	o, err := s.Outcome(t.Context(), "R", "R-2")
	if err != nil || o.Version != 2 || o.Event != document.NameDocumentPut || o.Repeated || o.Source != "R" || o.JTI != "R-2" || o.Seq != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	if n, err := s.LastSeq(t.Context(), "R"); err != nil || n != 2 {
		t.Errorf("LastSeq: %d, %v", n, err)
	}
	if n := len(auditLines(t, s)); n != 2 {
		t.Errorf("%d audit lines for 2 events", n)
	}
}

func sameToken(t *testing.T, s Store) {
	app := Event("R", 1, "P", Person("A"))
	first := apply(t, s, app)[0]
	apply(t, s, Event("R", 2, "P", Person("B")))
	before := snapshot(t, s, []string{"P"}, nil)
	app.Record.Accepted = Now.AddDate(0, 0, 1)
	app.Decide = func([]document.Subject) ([]document.Subject, document.Change, error) {
		t.Error("decided a second time")
		return nil, document.Change{}, errors.New("no")
	}
	for range 2 {
		again, err := applyOne(t, s, app)
		if err != nil || !again.Repeated || again.Version != first.Version || !again.Accepted.Equal(first.Accepted) {
			t.Errorf("%+v, %v, first %+v", again, err, first)
		}
	}
	if snapshot(t, s, []string{"P"}, nil) != before {
		t.Error("a repeated event has an effect")
	}
}

func otherToken(t *testing.T, s Store) {
	apply(t, s, Event("R", 1, "P", Person("A")))
	before := snapshot(t, s, []string{"P"}, nil)
	other := Event("R", 1, "P", Person("B"))
	if _, err := applyOne(t, s, other); !errors.Is(err, registry.ErrOtherToken) {
		t.Errorf("another token with the same jti: %v", err)
	}
	other.Record.Seq = 2
	if _, err := applyOne(t, s, other); !errors.Is(err, registry.ErrOtherToken) {
		t.Errorf("another token with the same jti and the next seq: %v", err)
	}
	if snapshot(t, s, []string{"P"}, nil) != before {
		t.Error("a refused event has an effect")
	}
	// The jti of one source is not that of another, nor are parts of a key.
	foreign := Event("S", 1, "P", Person("B"))
	foreign.Record.JTI = "R-1"
	apply(t, s, foreign)
	if o := outcome(t, s, "R", "R-1"); o.Version != 1 {
		t.Errorf("%+v", o)
	}
}

func seq(t *testing.T, s Store) {
	for _, c := range []struct {
		source string
		seq    uint64
		next   uint64 // 0: accepted
	}{
		{"R", 0, 1}, {"R", 2, 1}, {"R", 1, 0}, {"R", 3, 2}, {"S", 2, 1}, {"S", 1, 0}, {"R", 2, 0}, {"R", 1 << 63, 3}, {"R", 3, 0},
	} {
		app := Event(c.source, c.seq, "P", Person("A"))
		_, err := applyOne(t, s, app)
		var gap *registry.SeqError
		switch {
		case c.next == 0 && err != nil:
			t.Errorf("%s %d: %v", c.source, c.seq, err)
		case c.next != 0 && (!errors.As(err, &gap) || gap.Next != c.next || gap.Got != c.seq):
			t.Errorf("%s %d: %v, want that %d is due", c.source, c.seq, err, c.next)
		}
	}
	late := Event("R", 2, "P", Person("A"))
	late.Record.JTI = "late"
	var gap *registry.SeqError
	if _, err := applyOne(t, s, late); !errors.As(err, &gap) || gap.Next != 4 || gap.Got != 2 {
		t.Errorf("an old seq under a new jti: %v", err)
	}
}

func prev(t *testing.T, s Store) {
	with := func(seq, prev uint64) registry.Application {
		app := Event("R", seq, "P", Person(fmt.Sprint("N", seq)))
		app.Record.Prev = &prev
		return app
	}
	var conflict *registry.VersionError
	if _, err := applyOne(t, s, with(1, 1)); !errors.As(err, &conflict) || conflict.Current != 0 || conflict.Prev != 1 {
		t.Errorf("prev of nobody: %v", err)
	}
	apply(t, s, with(1, 0), with(2, 1))
	if _, err := applyOne(t, s, with(3, 1)); !errors.As(err, &conflict) || conflict.Current != 2 {
		t.Errorf("lost update: %v", err)
	}
	apply(t, s, with(3, 2), Event("R", 4, "P", Person("any")))
}

func holders(t *testing.T, s Store) {
	person(t, s, "P", "N")
	apply(t, s, Event("R", 1, "Q", Person("Q")))
	if _, err := applyOne(t, s, Event("R", 2, "Q", Licence("N"))); !errors.Is(err, registry.ErrDocumentTaken) {
		t.Errorf("a document of another person: %v", err)
	}
	if _, err := applyOne(t, s, Event("R", 2, "Q", Annulled("N"))); !errors.Is(err, registry.ErrDocumentTaken) {
		t.Errorf("annulling a document of another person: %v", err)
	}
	if _, err := applyOne(t, s, Event("R", 2, "", Annulled("unknown"))); !errors.Is(err, registry.ErrSubjectNotFound) {
		t.Errorf("annulling by an unknown number: %v", err)
	}
	out := apply(t, s, Event("R", 2, "", Annulled("N")))[0]
	if out.Version != 3 || out.State() != registry.StateNoCopies {
		t.Errorf("annulled by its number alone: %+v", out)
	}
	if subject, err := s.Subject(t.Context(), "P"); err != nil || !subject.Document("N").Annulled {
		t.Errorf("%+v %v", subject, err)
	}
}

// An event that says what is known changes no state, and is kept all the same.
func notApplied(t *testing.T, s Store) {
	person(t, s, "P", "N")
	given := intend(t, s, Intent("B", "P", "N", 2, 2))
	o := apply(t, s, Deciding("R", 1, "P", document.Change{Revoke: []document.Revocation{{Document: "N", Urgent: true}}}))[0]
	if o.Version != 2 || o.Copies != 2 {
		t.Errorf("%+v", o)
	}
	if p, err := s.Subject(t.Context(), "P"); err != nil || p.Version != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	publish(t, s, Now, 1)
	if set := revoked(t, s); !set[spots(given)[0]] || !set[spots(given)[1]] {
		t.Errorf("%v", set)
	}
	if h, err := s.History(t.Context(), "P", document.EventID{}, 10); err != nil || len(h) != 3 || h[0].JTI != "R-1" {
		t.Errorf("%+v, %v", h, err)
	}
	// Nobody becomes known by it.
	apply(t, s, Deciding("R", 2, "nobody", document.Change{}))
	if _, err := s.Subject(t.Context(), "nobody"); !errors.Is(err, registry.ErrSubjectNotFound) {
		t.Errorf("%v", err)
	}
	if h, err := s.History(t.Context(), "nobody", document.EventID{}, 10); err != nil || len(h) != 1 {
		t.Errorf("%+v, %v", h, err)
	}
	apply(t, s, Event("R", 3, "nobody", Person("known now")))
	if p, err := s.Subject(t.Context(), "nobody"); err != nil || p.Version != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func refusalLeavesNoTrace(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 3))
	seen := []string{"P", "Q"}
	before := snapshot(t, s, seen, []string{"N", "M"})
	boom := errors.New("no")

	refused := Event("R", 1, "Q", Person("Q"))
	decide := refused.Decide
	refused.Decide = func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		if len(subjects) != 1 || subjects[0].Number != "Q" || subjects[0].Version != 0 {
			t.Errorf("decide got %+v", subjects)
		}
		next, change, _ := decide(subjects)
		change.Revoke = []document.Revocation{{Document: "N"}}
		return next, change, boom
	}
	if _, err := applyOne(t, s, refused); !errors.Is(err, boom) {
		t.Errorf("the refusal of decide is lost: %v", err)
	}
	// The audit entry is the last thing that can go wrong: all must be undone.
	for _, app := range []registry.Application{
		Event("R", 1, "", Annulled("N")), Event("R", 1, "Q", Portrayed("Q", 5000)), Event("R", 1, "P", Licence("M")),
		Deciding("R", 1, "P", document.Change{Applied: true, Void: []string{"N"}, Wallets: []string{"W"}, Notices: []document.Notice{{Document: "N"}}}),
	} {
		app.Record.Audit = audit.Event{}
		if _, err := applyOne(t, s, app); !errors.Is(err, audit.ErrEvent) {
			t.Errorf("no audit, and yet: %v", err)
		}
	}
	if after := snapshot(t, s, seen, []string{"N", "M"}); after != before {
		t.Errorf("a refusal leaves a trace:\n%s\nbefore\n%s", after, before)
	}
	if _, err := s.Outcome(t.Context(), "R", "R-1"); !errors.Is(err, registry.ErrOutcomeNotFound) {
		t.Errorf("outcome of a refused event: %v", err)
	}
	// Its seq and jti are still free, and nothing is void.
	apply(t, s, Event("R", 1, "Q", Person("Q")))
	in := Intent("after", "P", "N", 2, 1)
	in.Wallet.Unit = "W"
	intend(t, s, in)
}

func batchIsolatesItems(t *testing.T, s Store) {
	var apps []registry.Application
	boom := errors.New("no")
	for i := range uint64(50) {
		apps = append(apps, Event("R", i+1, fmt.Sprint("P", i%7), Person(fmt.Sprint("N", i))))
	}
	apps[20].Decide = func([]document.Subject) ([]document.Subject, document.Change, error) {
		return nil, document.Change{}, boom
	}
	results := s.ApplyEvents(t.Context(), apps)
	for i, r := range results {
		var gap *registry.SeqError
		switch {
		case i < 20 && (r.Err != nil || r.Outcome.Seq != uint64(i+1)):
			t.Errorf("item %d: %+v", i, r)
		case i == 20 && !errors.Is(r.Err, boom):
			t.Errorf("item %d: %+v", i, r)
		case i > 20 && (!errors.As(r.Err, &gap) || gap.Next != 21):
			t.Errorf("item %d: %+v", i, r)
		}
	}
	apps[20] = Event("R", 21, "P6", Person("repaired"))
	for i, r := range s.ApplyEvents(t.Context(), apps) {
		if r.Err != nil || r.Outcome.Repeated != (i < 20) {
			t.Errorf("second time, item %d: %+v", i, r)
		}
	}
	if p, err := s.Subject(t.Context(), "P0"); err != nil || p.Version != 8 {
		t.Errorf("P0 at version %d, want 8; %v", p.Version, err)
	}
	// One event twice in a batch is one event.
	twice := s.ApplyEvents(t.Context(), []registry.Application{Event("R", 51, "P0", Person("x")), Event("R", 51, "P0", Person("x"))})
	if twice[0].Err != nil || twice[1].Err != nil || twice[0].Outcome.Repeated || !twice[1].Outcome.Repeated || twice[1].Outcome.Version != 9 {
		t.Errorf("%+v", twice)
	}
	if got := s.ApplyEvents(t.Context(), nil); len(got) != 0 {
		t.Errorf("%d results for no events", len(got))
	}
}

func concurrentDuplicates(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 5))
	var effects atomic.Int32
	together(32, func(int) {
		r := s.ApplyEvents(t.Context(), []registry.Application{Event("R", 1, "", Annulled("N"))})[0]
		if r.Err != nil || r.Outcome.Version != 3 || r.Outcome.Copies != 5 {
			t.Errorf("%+v", r)
		}
		if !r.Outcome.Repeated {
			effects.Add(1)
		}
	})
	if effects.Load() != 1 {
		t.Errorf("%d effects of one event", effects.Load())
	}
	if n := len(auditLines(t, s)); n != 4 {
		t.Errorf("%d audit lines, want 4", n)
	}
}

// Several sources push about the same person: no update is lost.
func concurrentSources(t *testing.T, s Store) {
	const sources, events = 8, 20
	together(sources, func(i int) {
		source := fmt.Sprint("R", i)
		for seq := uint64(1); seq <= events; seq++ {
			app := Event(source, seq, "P", document.EntitlementPut{Kind: source, Territory: "UT", Privileges: []document.Privilege{{Category: fmt.Sprint(seq)}}})
			if r := s.ApplyEvents(t.Context(), []registry.Application{app})[0]; r.Err != nil {
				t.Errorf("%s: %v", app.Record.JTI, r.Err)
			}
		}
	})
	p, err := s.Subject(t.Context(), "P")
	if err != nil || p.Version != sources*events || len(p.Entitlements) != sources {
		t.Fatalf("version %d with %d entitlements, %v", p.Version, len(p.Entitlements), err)
	}
	for _, e := range p.Entitlements {
		if e.Privileges[0].Category != fmt.Sprint(events) {
			t.Errorf("%s ends with %s", e.Kind, e.Privileges[0].Category)
		}
	}
}

func copiesOut(t *testing.T, s Store) {
	big := Portrayed("Mustermann", 5000)
	apply(t, s, Event("R", 1, "P", big), Event("R", 2, "P", Licence("N")))
	want := slices.Clone(big.Attributes.Bytes("portrait"))
	big.Attributes.Bytes("portrait")[1] = 'X'
	first, err := s.Subject(t.Context(), "P")
	if err != nil {
		t.Fatal(err)
	}
	first.Person.Attributes["family_name"] = "spoiled"
	first.Person.Attributes.Bytes("portrait")[0] = 0
	first.Documents[0].Annulled = true
	second, err := s.Subject(t.Context(), "P")
	if err != nil || second.Person.Attributes.Text("family_name") != "Mustermann" || !bytes.Equal(second.Person.Attributes.Bytes("portrait"), want) || second.Documents[0].Annulled {
		t.Errorf("the store shares memory with its readers: %v", err)
	}
}

// Portraits come back as they went in, of persons and of documents, changed,
// taken away, and two of them the same.
func images(t *testing.T, s Store) {
	read := func(want, ofDocument int) {
		t.Helper()
		p, err := s.Subject(t.Context(), "P")
		if err != nil || len(p.Person.Attributes.Bytes("portrait")) != want || len(p.Document("N").Attributes.Bytes("portrait")) != ofDocument {
			t.Errorf("%d octets and %d, want %d and %d; %v", len(p.Person.Attributes.Bytes("portrait")), len(p.Document("N").Attributes.Bytes("portrait")), want, ofDocument, err)
		}
	}
	person(t, s, "P", "N")
	read(4, 0)
	apply(t, s, Event("R", 1, "P", Portrayed("A", 3000)))
	read(3000, 0)
	licence := Licence("N")
	licence.Attributes = document.Attributes{"portrait": Portrayed("A", 3000).Attributes["portrait"], "colour": "red"}
	apply(t, s, Event("R", 2, "P", licence))
	read(3000, 3000)
	apply(t, s, Event("R", 3, "P", Portrayed("B", 4000)))
	read(4000, 3000)
	apply(t, s, Event("R", 4, "P", Person("C")))
	read(4, 3000)
	licence.Attributes = document.Attributes{"portrait": []byte{1, 2, 3}}
	apply(t, s, Event("R", 5, "P", licence))
	read(4, 3)
	// What is kept apart goes with its document to another person.
	licence.Attributes = document.Attributes{"portrait": Portrayed("D", 2000).Attributes["portrait"]}
	apply(t, s, Event("R", 6, "P", licence), Event("R", 7, "Q", Person("Q")), Event("R", 8, "P", document.PersonMerged{Into: "Q"}))
	q, err := s.Subject(t.Context(), "Q")
	if err != nil || q.Document("N") == nil || len(q.Document("N").Attributes.Bytes("portrait")) != 2000 {
		t.Errorf("%v, %v", q.Document("N"), err)
	}
}

func endedContext(t *testing.T, s Store) {
	before := snapshot(t, s, []string{"P"}, nil)
	ctx, cancel := cancelled(t)
	defer cancel()
	if r := s.ApplyEvents(ctx, []registry.Application{Event("R", 1, "P", Person("A"))})[0]; r.Err == nil {
		t.Error("an event is applied after its context has ended")
	}
	if err := s.Append(ctx, AuditEvent("x")); err == nil {
		t.Error("an audit event is written after its context has ended")
	}
	if _, err := s.Subject(ctx, "P"); !errors.Is(err, ctx.Err()) {
		t.Errorf("reading: %v", err)
	}
	if snapshot(t, s, []string{"P"}, nil) != before {
		t.Error("a step that was given up has an effect")
	}
}

func cursors(t *testing.T, s Store) {
	read := func(name string, want uint64) {
		t.Helper()
		if n, err := s.Cursor(t.Context(), name); err != nil || n != want {
			t.Errorf("%s is %d, want %d; %v", name, n, want, err)
		}
	}
	read("webhook:R", 0)
	for _, n := range []uint64{7, 3} {
		if err := s.SetCursor(t.Context(), "webhook:R", n); err != nil {
			t.Fatal(err)
		}
		read("webhook:R", n)
	}
	read("webhook:S", 0)
}
