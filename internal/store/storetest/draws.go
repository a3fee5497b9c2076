package storetest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Mixed are the options of an office: flips and noise drawn over windows of an
// hour, lists that follow each other.
func Mixed(random io.Reader) Options {
	o := Usual()
	o.Schedule, o.Rand = status.NewSchedule(time.Minute, hour, 24*hour), random
	return o
}

// Draws plays a history of half a year on two stores that were opened with the
// same Mixed options and draw from the same octets, each from its own reader.
// They open the same lists, give out the same indices, make the same flips due
// and hide them under the same noise: what is proved of how one of them draws
// holds for the other.
func Draws(t *testing.T, seed uint64, steps int, a, b Store, randoms [2]io.Reader) {
	p := &play{t: t, random: rand.New(rand.NewPCG(seed, 5)), now: Now, stores: [2]Store{a, b}, seqs: map[string]uint64{}}
	random := map[Store]io.Reader{a: randoms[0], b: randoms[1]}
	for i := range playPeople {
		for _, s := range p.stores {
			apply(t, s, Event(fmt.Sprint("registry of ", i), 1, fmt.Sprint("P", i), Person("A")))
		}
	}
	pause := 180 * 24 * hour / time.Duration(steps)
	for n := range steps {
		p.now = p.now.Add(pause/2 + time.Duration(p.random.Int64N(int64(pause))))
		what := p.draw(n, random)
		p.same("lists", func(s Store) []string {
			var all []string
			for _, l := range lists(t, s) {
				indices, version, err := s.Revoked(t.Context(), l.ID)
				all = append(all, line(l, indices, version, err)...)
			}
			return all
		})
		if t.Failed() {
			t.Fatalf("seed %d, step %d: %s", seed, n, what)
		}
	}
	if n := len(lists(t, a)); n < 2*Usual().OpenLists {
		t.Errorf("%d lists in half a year", n)
	}
}

func (p *play) draw(n int, random map[Store]io.Reader) string {
	ctx := p.t.Context()
	switch p.random.IntN(6) {
	case 0, 1:
		person := p.person()
		subject, err := p.stores[0].Subject(ctx, person)
		if err != nil {
			p.t.Fatal(err)
		}
		in := Intent(fmt.Sprintf("B%05d", n), person, p.document(), subject.Version, p.random.IntN(30)+1)
		in.Recorded, in.Granted, in.TokenExpires = p.now, p.now, p.now.Add(hour)
		in.Expires = p.now.AddDate(0, 0, 14).Truncate(24 * hour)
		in.Wallet = issuance.Wallet{Unit: p.pick("", "U1", "U2"), Expires: in.Expires}
		if p.random.IntN(4) == 0 {
			in.Status = issuance.StatusIdentifier
		}
		p.same("intent", func(s Store) []string {
			given, err := s.RecordIntent(ctx, in, AuditEvent(in.Batch))
			return line(given, err)
		})
		return "intent " + in.Batch
	case 2:
		p.seqs["R"]++
		change := document.Change{Applied: true, Revoke: []document.Revocation{
			{Document: p.document(), Fact: document.FactPersonChanged, Urgent: p.random.IntN(4) == 0},
			{Document: p.document(), Fact: document.FactPersonChanged},
		}}
		if p.random.IntN(4) == 0 {
			change.Revoke = []document.Revocation{{Wallet: p.pick("U1", "U2"), Fact: document.FactPersonChanged}}
		}
		app := Deciding("R", p.seqs["R"], p.person(), change)
		app.Record.Accepted, app.Record.Effective = p.now, p.now
		p.same("event", func(s Store) []string {
			r := s.ApplyEvents(ctx, []registry.Application{app})[0]
			return line(r.Outcome, r.Err)
		})
		return fmt.Sprintf("event %+v", change.Revoke)
	case 3:
		p.same("cover", func(s Store) []string {
			planned, err := s.PlanCover(ctx, status.NewSchedule(time.Minute, hour, 24*hour).Cover(p.now, 64, random[s]))
			return line(planned, err)
		})
		return "cover"
	case 4:
		p.same("release", func(s Store) []string {
			released, err := s.Release(ctx, p.now)
			return line(released, err)
		})
		return "release"
	}
	p.same("publication", func(s Store) []string {
		covered, err := s.MarkCovered(ctx, publishedNow(p.t, s), p.now)
		gone, gErr := s.Retire(ctx, p.now.Add(-24*hour))
		return line(covered, err, gone, gErr)
	})
	return "publication"
}
