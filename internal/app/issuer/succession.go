package issuer

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/rotation"
)

// succession is the generations of one signer, and which of them signs when.
type succession struct {
	name        string
	generations []*identity
	all         []rotation.Generation // as plans see them, while nobody is barred
	policy      rotation.Policy
	plan        atomic.Pointer[rotation.Plan]
	issues      bool      // it signs copies of some credential configuration
	running     bool      // it is changed while the office runs, others at its start
	held        *identity // who signs until the next start; nil where running
}

// succeed plans for the generations of a signer; published tells since when one is
// public, nil says that of all.
func succeed(name string, generations []*identity, p rotation.Policy, published func(*identity) time.Time) *succession {
	s := &succession{name: name, generations: generations, policy: p, all: make([]rotation.Generation, len(generations))}
	for i, id := range generations {
		s.all[i] = rotation.Generation{ID: hex.EncodeToString(id.leaf.Fingerprint[:]), NotBefore: id.leaf.NotBefore(), NotAfter: id.ends, Published: id.leaf.NotBefore()}
		if published != nil {
			s.all[i].Published = published(id)
		}
	}
	s.plan.Store(rotation.New(p, s.all...))
	return s
}

// bar plans anew where somebody may not sign who might before. That is for good,
// whoever read the store or the lists first.
func (s *succession) bar(why func(keyID string, leaf *pki.Certificate) rotation.Bar) {
	for {
		last := s.plan.Load()
		var next []rotation.Generation
		for i, id := range s.generations {
			before, bar := last.Barred(i), why(id.keyID, id.leaf)
			if !bar.Bars() || bar.State == before.State || before.State == rotation.Revoked {
				continue
			}
			if next == nil {
				next = slices.Clone(s.all)
				for j := range next {
					next[j].Barred = last.Barred(j)
				}
			}
			next[i].Barred = bar
		}
		if next == nil || s.plan.CompareAndSwap(last, rotation.New(s.policy, next...)) {
			return
		}
	}
}

// holds is until when the one that was chosen at the start may sign; not ok where keys
// change by themselves.
func (s *succession) holds(now time.Time) (ends time.Time, ok bool) {
	switch {
	case s.running || s.held == nil:
		return time.Time{}, false
	case s.barred(s.held).Bars() || s.held.ends.Before(now):
		return now, true
	}
	return s.held.ends, true
}

// halted are the generations that may not sign, whatever their certificates say.
func (s *succession) halted() (out []*identity) {
	plan := s.plan.Load()
	for i, id := range s.generations {
		if plan.Barred(i).Bars() {
			out = append(out, id)
		}
	}
	return out
}

// halts says for people who may not sign, and why; "" when all may.
func (s *succession) halts() string {
	var out []string
	for _, id := range s.halted() {
		out = append(out, fmt.Sprintf("%s (key %s) is %s", id.label, id.keyID, s.barred(id)))
	}
	return strings.Join(out, ", ")
}

// barred is why a generation may not sign.
func (s *succession) barred(id *identity) rotation.Bar {
	if i := slices.Index(s.generations, id); i >= 0 {
		return s.plan.Load().Barred(i)
	}
	return rotation.Bar{}
}

// at gives the generation that signs at an instant; nil when none may.
func (s *succession) at(now time.Time) *identity {
	if i, ok := s.plan.Load().Signs(now); ok {
		return s.generations[i]
	}
	return nil
}

// next gives the generation that follows, and when; nil when none is known.
func (s *succession) next(now time.Time) (*identity, time.Time) {
	if i, from, ok := s.plan.Load().Next(now); ok {
		return s.generations[i], from
	}
	return nil, time.Time{}
}

// stops is from when on no generation may sign.
func (s *succession) stops(now time.Time) time.Time { return s.plan.Load().Stops(now) }

// state is what the generation with a certificate is; not ok when it is none of ours.
func (s *succession) state(leaf *pki.Certificate, now time.Time) (rotation.State, bool) {
	for i, id := range s.generations {
		if id.leaf.Equal(leaf) {
			return s.plan.Load().State(i, now), true
		}
	}
	return "", false
}

// or gives the generation that signs, or where none may the one that is valid for
// longest, of those that are barred only where there is no other: for what cannot stop.
func (s *succession) or(now time.Time) *identity {
	if id := s.at(now); id != nil {
		return id
	}
	plan := s.plan.Load()
	last := 0
	better := func(i int) bool {
		for _, is := range []func(int) bool{
			func(i int) bool { return s.generations[i].valid(now) == nil },
			func(i int) bool { return !plan.Barred(i).Bars() },
		} {
			if is(i) != is(last) {
				return is(i)
			}
		}
		return s.generations[i].valid(now) == nil && s.generations[i].ends.After(s.generations[last].ends)
	}
	for i := range s.generations {
		if better(i) {
			last = i
		}
	}
	return s.generations[last]
}

// current reads the certificates of a signer and gives the generation that signs now,
// without its key; none that our own root has revoked. It is for signers that need not
// be public before they sign.
func (c *Config) current(name string, r roots, now time.Time) (generation, *identity, error) {
	g, id, bar, err := c.latest(name, r, now)
	if err == nil && bar.Bars() {
		err = fmt.Errorf("%s is %s: it signs no more; %s", id.label, bar, c.newRemedy(name))
	}
	if err != nil {
		return generation{}, nil, err
	}
	return g, id, nil
}

// latest is current of one that may be revoked, where there is no other.
func (c *Config) latest(name string, r roots, now time.Time) (generation, *identity, rotation.Bar, error) {
	all := c.generations(name)
	var ids []*identity
	for _, g := range all {
		id, err := c.chainOf(g, r, now)
		if err != nil {
			return generation{}, nil, rotation.Bar{}, fmt.Errorf("%s: %w", g.label, err)
		}
		ids = append(ids, id)
	}
	b, err := c.barred(nil, r, &crlServed{}) // emergencies stop keys of credentials alone
	if err != nil {
		return generation{}, nil, rotation.Bar{}, err
	}
	s := succeed(name, ids, rotation.Policy{}, nil)
	s.bar(b.why)
	id := s.or(now)
	if err := id.valid(now); err != nil {
		return generation{}, nil, rotation.Bar{}, fmt.Errorf("%s: %w", id.label, err)
	}
	return all[slices.Index(ids, id)], id, s.barred(id), nil
}
