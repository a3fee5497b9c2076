package rotation

import (
	"cmp"
	"slices"
	"time"
)

// Generation is one key of a signer.
type Generation struct {
	ID string // orders generations that are alike in all else
	// NotBefore and NotAfter are when its certificate is valid, with those above it.
	NotBefore, NotAfter time.Time
	// Published is since when those who rely on it can know its certificate; zero
	// when they cannot yet.
	Published time.Time
	// Barred is why it may not sign, whatever its certificate says.
	Barred Bar
}

// Bar is what keeps a generation from signing for good; the zero value keeps none.
type Bar struct {
	State State  // Stopped or Revoked
	By    string // who said so, for people
}

// Bars says whether it keeps anybody from signing.
func (b Bar) Bars() bool { return b.State != "" }

// String is the bar for people: "stopped by emergency plan e-1".
func (b Bar) String() string { return string(b.State) + " by " + b.By }

// Policy is how a signer changes its keys.
type Policy struct {
	// Use is how long one generation signs where another can follow; 0 lets a newer
	// one follow as soon as it may.
	Use time.Duration
	// PublishBefore is how long a generation is public before it signs.
	PublishBefore time.Duration
	// Life is how long after its signature what is signed is relied on.
	Life time.Duration
}

// Plan is who signs when. It does not change and may be used concurrently.
type Plan struct {
	policy Policy
	all    []Generation
	order  []int // of all that are not barred, by when they are ready
	turns  []turn
}

// turn is when a generation begins to sign.
type turn struct {
	generation int
	from       time.Time
}

// New plans for the generations of a signer. No generation at all is a plan in
// which nobody signs.
func New(p Policy, generations ...Generation) *Plan {
	plan := &Plan{policy: p, all: slices.Clone(generations)}
	for i, g := range plan.all {
		if !g.Barred.Bars() {
			plan.order = append(plan.order, i)
		}
	}
	slices.SortFunc(plan.order, func(i, j int) int {
		a, b := plan.all[i], plan.all[j]
		return cmp.Or(plan.ready(a).Compare(plan.ready(b)), a.NotBefore.Compare(b.NotBefore), a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.ID, b.ID), cmp.Compare(i, j))
	})
	for _, i := range plan.order {
		plan.turn(i)
	}
	return plan
}

// never is after the end of every certificate (RFC 5280, 4.1.2.5).
var never = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

// ready is from when a generation may sign though others can.
func (p *Plan) ready(g Generation) time.Time {
	if g.Published.IsZero() {
		return never
	}
	return later(g.NotBefore, g.Published.Add(p.policy.PublishBefore))
}

// last is until when what a generation signs does not outlive its certificate.
func (p *Plan) last(g Generation) time.Time { return g.NotAfter.Add(-p.policy.Life) }

// can says whether a generation could sign at an instant.
func (p *Plan) can(g Generation, at time.Time) bool {
	return !g.Barred.Bars() && !at.Before(g.NotBefore) && !at.After(p.last(g))
}

// turn appends the turn of the generation that is ready next, if it gets one.
func (p *Plan) turn(i int) {
	g := p.all[i]
	from := g.NotBefore // nobody before it is ready: it signs as soon as it can
	if n := len(p.turns); n > 0 {
		before := p.turns[n-1]
		end := p.last(p.all[before.generation])
		from = later(p.ready(g), before.from.Add(p.policy.Use))
		if from.After(end) { // it follows without having been public long enough
			from = later(g.NotBefore, end)
		}
	}
	if !from.After(p.last(g)) {
		p.turns = append(p.turns, turn{i, from})
	}
}

// Signs gives the generation that signs at an instant, as its place among those
// that New was given; not ok when none may.
func (p *Plan) Signs(at time.Time) (generation int, ok bool) {
	for _, t := range slices.Backward(p.turns) {
		if t.from.After(at) {
			continue
		}
		if g := p.all[t.generation]; p.can(g, at) && !p.ready(g).After(at) {
			return t.generation, true
		}
		break
	}
	// Before the first is ready, between two turns, after the last: whoever can, and
	// was ready first.
	for _, i := range p.order {
		if p.can(p.all[i], at) {
			return i, true
		}
	}
	return 0, false
}

// begins is when a generation signs, by its turn: once it is ready, if another can
// sign until then.
func (p *Plan) begins(t turn, at time.Time) time.Time {
	if ready := p.ready(p.all[t.generation]); !t.from.After(at) && ready.After(at) {
		return ready
	}
	return t.from
}

// Next gives the generation that is to follow the one that signs at an instant, and
// when; not ok when none is known.
func (p *Plan) Next(at time.Time) (generation int, from time.Time, ok bool) {
	signs, signing := p.Signs(at)
	for _, t := range p.turns {
		if from = p.begins(t, at); from.After(at) && !(signing && t.generation == signs) {
			return t.generation, from, true
		}
	}
	return 0, time.Time{}, false
}

// Stops is from when on no generation may sign: the end of the unbroken time after
// an instant in which one can, or the instant itself when none can then.
func (p *Plan) Stops(at time.Time) time.Time {
	for grown := true; grown; {
		grown = false
		for _, g := range p.all {
			if p.can(g, at) && p.last(g).After(at) {
				at, grown = p.last(g), true
			}
		}
	}
	return at
}

// State is what a generation is at an instant.
type State string

// The states.
const (
	Current State = "current" // it signs
	Next    State = "next"    // it is to sign
	Retired State = "retired" // it signs no more; what it signed stands
	Ended   State = "ended"   // its certificate has ended, and with it what it signed
	Stopped State = "stopped" // an emergency stopped it for ever: it signs no more, and what it signed is taken back
	Revoked State = "revoked" // its root has revoked the certificate: nothing that it signed counts
)

// State tells what a generation is at an instant.
func (p *Plan) State(generation int, at time.Time) State {
	g := p.all[generation]
	if signs, ok := p.Signs(at); ok && signs == generation {
		return Current
	}
	switch {
	case at.After(g.NotAfter):
		return Ended
	case g.Barred.Bars():
		return g.Barred.State
	case at.After(p.last(g)):
		return Retired
	}
	for _, t := range p.turns {
		if t.generation == generation && !p.begins(t, at).After(at) {
			return Retired
		}
	}
	return Next
}

// Barred is why a generation may not sign whatever its certificate says.
func (p *Plan) Barred(generation int) Bar { return p.all[generation].Barred }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
