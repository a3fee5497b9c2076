package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

// Compare plays one history of chance on two stores: events, batches, flips,
// publications and time, with one clock. After every step both have told the
// same, but for what is drawn: which list a copy is in.
func Compare(t *testing.T, seed uint64, steps int, a, b Store) {
	p := &play{t: t, random: rand.New(rand.NewPCG(seed, 3)), now: Now, stores: [2]Store{a, b}, seqs: map[string]uint64{}}
	for n := range steps {
		p.now = p.now.Add(time.Duration(p.random.IntN(40)) * time.Minute)
		what := p.step(n)
		if t.Failed() {
			t.Fatalf("seed %d, step %d: %s", seed, n, what)
		}
	}
	p.same("people", p.people)
	p.same("receipts", func(s Store) []string {
		var rows []string
		for _, source := range []string{"R", "S"} {
			some, err := s.Receipts(t.Context(), source, 0, 1<<20)
			if err != nil {
				t.Error(err)
			}
			for _, r := range some {
				r.Outcome.Lists = nil
				rows = append(rows, line(r)...)
			}
		}
		return rows
	})
}

type play struct {
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	stores  [2]Store
	seqs    map[string]uint64
	batches int
	history []registry.Application
}

// same asks both stores and shows the first line that differs.
func (p *play) same(what string, ask func(Store) []string) {
	p.t.Helper()
	one, two := ask(p.stores[0]), ask(p.stores[1])
	for i := range max(len(one), len(two)) {
		if i >= len(one) || i >= len(two) || one[i] != two[i] {
			p.t.Errorf("%s, line %d:\n%v\n%v", what, i, one[min(i, len(one)):min(i+1, len(one))], two[min(i, len(two)):min(i+1, len(two))])
			return
		}
	}
}

func line(v ...any) []string { return []string{fmt.Sprintf("%+v", v)} }

const playPeople = 4

func (p *play) person() string           { return fmt.Sprint("P", p.random.IntN(playPeople)) }
func (p *play) document() string         { return fmt.Sprint("N", p.random.IntN(2*playPeople)) }
func (p *play) pick(of ...string) string { return of[p.random.IntN(len(of))] }

func (p *play) step(n int) string {
	switch p.random.IntN(10) {
	case 0, 1, 2:
		return p.event()
	case 3, 4, 5:
		return p.intent()
	case 6:
		p.same("release", func(s Store) []string {
			count := 0
			released, err := s.Release(p.t.Context(), p.now)
			for _, r := range released {
				count += len(r.Indices)
			}
			return line(count, err)
		})
		return "release"
	case 7:
		p.same("cover", func(s Store) []string {
			n, err := s.MarkCovered(p.t.Context(), publishedNow(p.t, s), p.now)
			return line(n, err)
		})
		return "publish"
	case 8:
		p.same("time", func(s Store) []string {
			n, err := s.ApplyDue(p.t.Context(), p.now, 3, advanceTo(p.now), func(_, after document.Subject, c document.Change) audit.Event {
				return AuditEvent(fmt.Sprint(after.Number, c.Applied))
			})
			return line(n, err)
		})
		return "time"
	}
	p.same("state", func(s Store) []string {
		invalid, waits := len(revoked(p.t, s)), waiting(p.t, s)
		return append(p.people(s), line(invalid, waits)...)
	})
	return "reading"
}

// event pushes one event of chance: mostly of registries that know what they
// do, sometimes a repeat or nonsense.
func (p *play) event() string {
	source := p.pick("R", "R", "S")
	person := p.person()
	var payload document.Payload
	switch p.random.IntN(12) {
	case 0, 1:
		payload = Portrayed(p.pick("A", "B", "C"), p.random.IntN(3000)+1)
	case 2, 3, 4:
		payload = Licence(p.document())
	case 5:
		payload = document.EntitlementPut{Kind: document.KindDriving, Territory: "UT", Privileges: []document.Privilege{{Category: p.pick("A", "B", "C")}}}
	case 6:
		payload = Ban(p.pick("M1", "M2", "M3"), p.now.Add(time.Duration(p.random.IntN(600)+1)*time.Minute))
	case 7:
		payload = document.MeasureLifted{ID: p.pick("M1", "M2", "M3")}
	case 8:
		payload = document.AppealUpheld{Measure: p.pick("M1", "M2", "M3")}
	case 9:
		payload = Annulled(p.document())
	case 10:
		payload = document.WalletLost{Wallet: p.pick("", "U1", "U2")}
	case 11:
		payload = document.PersonMerged{Into: p.person()}
	}
	seq := p.seqs[source] + 1
	app := EventAt(source, seq, person, payload, p.now)
	if p.random.IntN(4) == 0 {
		app = Future(app, payload, p.now.Add(time.Duration(p.random.IntN(300)-100)*time.Minute))
	}
	// The same event may be refused and sent again later: another token.
	app.Record.JTI = fmt.Sprintf("%s-%d-%d", source, seq, p.random.IntN(3))
	app = rename(app, payload)
	if len(p.history) > 0 && p.random.IntN(8) == 0 {
		app = p.history[p.random.IntN(len(p.history))]
	}
	accepted := false
	p.same("event", func(s Store) []string {
		r := s.ApplyEvents(p.t.Context(), []registry.Application{app})[0]
		accepted = r.Err == nil && !r.Outcome.Repeated
		r.Outcome.Lists = nil
		return line(r.Outcome, r.Err)
	})
	if accepted {
		p.seqs[source]++
		p.history = append(p.history, app)
	}
	return fmt.Sprintf("%s %s %+v", app.Record.JTI, person, app.Record.Name)
}

// rename makes what an event causes belong to the jti that it has now.
func rename(app registry.Application, payload document.Payload) registry.Application {
	rec := app.Record
	app.Decide = func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		return table.Apply(subjects, document.Event{
			ID: document.EventID{Source: rec.Source, JTI: rec.JTI}, Effective: rec.Effective, Received: rec.Accepted, Payload: payload,
		})
	}
	return app
}

func (p *play) intent() string {
	person, number := p.person(), p.document()
	subject, err := p.stores[0].Subject(p.t.Context(), person)
	if err != nil && !errors.Is(err, registry.ErrSubjectNotFound) {
		p.t.Error(err)
	}
	p.batches++
	in := Intent(fmt.Sprint("B", p.batches), person, number, subject.Version, p.random.IntN(6)+1)
	in.Recorded, in.Granted, in.TokenExpires = p.now, p.now.Add(-time.Duration(p.random.IntN(120))*time.Minute), p.now.Add(time.Hour)
	in.Expires = p.now.Add(time.Duration(p.random.IntN(60*48)+1) * time.Minute)
	in.Wallet = issuance.Wallet{Unit: p.pick("", "U1", "U2", "U3"), Expires: in.Expires}
	if p.random.IntN(8) == 0 {
		in.Status = issuance.StatusNone
	}
	end := p.random.IntN(3)
	p.same("intent", func(s Store) []string {
		given, err := s.RecordIntent(p.t.Context(), in, AuditEvent(in.Batch))
		if err == nil && end > 0 {
			err = []func() error{nil,
				func() error { return s.MarkSigned(p.t.Context(), in.Batch, AuditEvent(in.Batch)) },
				func() error { return s.MarkBurned(p.t.Context(), in.Batch, AuditEvent(in.Batch)) },
			}[end]()
		}
		return line(len(given), err)
	})
	return fmt.Sprintf("batch of %s for %s", number, person)
}

// people is what is known of everybody, and of their documents and copies.
func (p *play) people(s Store) []string {
	ctx := p.t.Context()
	var all []string
	for i := range playPeople {
		person := fmt.Sprint("P", i)
		subject, err := s.Subject(ctx, person)
		text, jErr := json.Marshal(subject)
		all = append(all, fmt.Sprint(string(text), err, jErr))
		history, err := s.History(ctx, person, document.EventID{}, 1<<20)
		for _, r := range history {
			all = append(all, r.Source+" "+r.JTI)
		}
		notices, nErr := s.Notices(ctx, person, 1<<20)
		all = append(all, fmt.Sprint(err, notices, nErr))
	}
	for i := range 2 * playPeople {
		holder, err := s.Holder(ctx, fmt.Sprint("N", i))
		copies, cErr := s.Copies(ctx, fmt.Sprint("N", i))
		invalid, public := 0, 0
		for _, c := range copies {
			if c.Invalid {
				invalid++
			}
			if c.InvalidSince > 0 {
				public++
			}
		}
		all = append(all, fmt.Sprint(holder, err, len(copies), invalid, public, cErr))
	}
	return all
}
