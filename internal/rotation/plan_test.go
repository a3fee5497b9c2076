package rotation

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var begin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func on(days int) time.Time { return begin.Add(time.Duration(days) * day) }

// usual is a document signer of copies that live for 14 days.
var usual = Policy{Use: 30 * day, PublishBefore: 7 * day, Life: 14 * day}

func generation(id string, from, until, published int) Generation {
	return Generation{ID: id, NotBefore: on(from), NotAfter: on(until), Published: on(published)}
}

func barred(g Generation, s State) Generation {
	g.Barred = Bar{State: s, By: "somebody"}
	return g
}

// TestSigns follows who signs over the days: "A0 B30 -76" is A from day 0, B from 30,
// nobody from 76 on.
func TestSigns(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy Policy
		all    []Generation
		want   string
	}{
		{"one alone signs at once and stops a life before its end", usual, []Generation{generation("A", 0, 90, 0)}, "-0 A1 -77"},
		{"two: 30 days each, then the second goes on", usual, []Generation{generation("A", 0, 90, 0), generation("B", 20, 110, 20)}, "-0 A1 B31 -97"},
		{"in any order", usual, []Generation{generation("B", 20, 110, 20), generation("A", 0, 90, 0)}, "-0 A1 B31 -97"},
		{"three made at once", usual, []Generation{generation("A", 0, 90, 0), generation("B", 0, 90, 0), generation("C", 0, 90, 0)}, "-0 A1 B31 C61 -77"},
		{"a fourth would never sign", usual, []Generation{
			generation("A", 0, 90, 0), generation("B", 0, 90, 0), generation("C", 0, 90, 0), generation("D", 0, 90, 0),
		}, "-0 A1 B31 C61 -77"},
		{"the next one is published late: the first goes on meanwhile", usual, []Generation{generation("A", 0, 90, 0), generation("B", 20, 110, 40)}, "-0 A1 B48 -97"},
		{"never published long enough: it takes over when the first may not sign", usual, []Generation{generation("A", 0, 90, 0), generation("B", 20, 160, 72)}, "-0 A1 B77 -147"},
		{"not published at all: likewise", usual, []Generation{generation("A", 0, 90, 0), {ID: "B", NotBefore: on(20), NotAfter: on(160)}}, "-0 A1 B77 -147"},
		{"a gap", usual, []Generation{generation("A", 0, 90, 0), generation("B", 100, 190, 20)}, "-0 A1 -77 B101 -177"},
		{"shorter than a copy lives", usual, []Generation{generation("A", 0, 10, 0)}, "-0"},
		{"one that lives for longer", usual, []Generation{generation("A", 0, 450, 0)}, "-0 A1 -437"},
		{"the newer one ends first", usual, []Generation{generation("A", 0, 450, 0), generation("B", 20, 60, 20)}, "-0 A1 B31 A47 -437"},
		{"without a time of use the newest one signs", Policy{}, []Generation{generation("A", 0, 450, 0), generation("B", 20, 470, 20)}, "-0 A1 B21 -471"},
		{"none", usual, nil, "-0"},
		{"the first is stopped: the second signs at once, for as long as it would", usual, []Generation{barred(generation("A", 0, 90, 0), Stopped), generation("B", 20, 110, 20)}, "-0 B21 -97"},
		{"the second is revoked: the first goes on", usual, []Generation{generation("A", 0, 90, 0), barred(generation("B", 20, 110, 20), Revoked)}, "-0 A1 -77"},
		{"all are", usual, []Generation{barred(generation("A", 0, 90, 0), Stopped), barred(generation("B", 20, 110, 20), Revoked)}, "-0"},
	} {
		// Looked at a second after midnight: what begins at day n signs on day n+1.
		plan, got, last := New(tt.policy, tt.all...), "", "?"
		for d := range 500 {
			at, who := on(d).Add(-time.Second), "-"
			if i, ok := plan.Signs(at); ok {
				who = tt.all[i].ID
			}
			if who != last {
				got, last = fmt.Sprintf("%s %s%d", got, who, d), who
			}
		}
		if got != " "+tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestStates is what is published of two generations: the next one before it signs.
func TestStates(t *testing.T) {
	plan := New(usual, generation("A", 0, 90, 0), generation("B", 20, 110, 20))
	for _, tt := range []struct {
		day  int
		a, b State
	}{{0, Current, Next}, {29, Current, Next}, {30, Retired, Current}, {89, Retired, Current}, {91, Ended, Current}, {97, Ended, Retired}, {111, Ended, Ended}} {
		if a, b := plan.State(0, on(tt.day)), plan.State(1, on(tt.day)); a != tt.a || b != tt.b {
			t.Errorf("day %d: %s and %s, want %s and %s", tt.day, a, b, tt.a, tt.b)
		}
	}
	if next, from, ok := plan.Next(on(3)); !ok || next != 1 || !from.Equal(on(30)) {
		t.Errorf("next: %d at %s, %v", next, from, ok)
	}
	if _, _, ok := plan.Next(on(30)); ok {
		t.Error("nobody follows the last one")
	}
	for d, want := range map[int]int{0: 96, 50: 96, 96: 96, 100: 100} {
		if got := plan.Stops(on(d)); !got.Equal(on(want)) {
			t.Errorf("on day %d: stops at %s, want day %d", d, got, want)
		}
	}
}

// TestBarredStates: who may not sign is published with the reason, until the end.
func TestBarredStates(t *testing.T) {
	plan := New(usual, barred(generation("A", 0, 90, 0), Stopped), barred(generation("B", 20, 110, 20), Revoked), generation("C", 20, 110, 20))
	for _, tt := range []struct {
		day     int
		a, b, c State
	}{{0, Stopped, Revoked, Next}, {30, Stopped, Revoked, Current}, {91, Ended, Revoked, Current}, {111, Ended, Ended, Ended}} {
		if a, b, c := plan.State(0, on(tt.day)), plan.State(1, on(tt.day)), plan.State(2, on(tt.day)); a != tt.a || b != tt.b || c != tt.c {
			t.Errorf("day %d: %s, %s and %s, want %s, %s and %s", tt.day, a, b, c, tt.a, tt.b, tt.c)
		}
	}
	if b := plan.Barred(0); !b.Bars() || b.String() != "stopped by somebody" || plan.Barred(2).Bars() {
		t.Errorf("%v and %v", b, plan.Barred(2))
	}
	if stops := New(usual, barred(generation("A", 0, 90, 0), Stopped)).Stops(on(5)); !stops.Equal(on(5)) {
		t.Errorf("stops at %s", stops)
	}
}

// TestAlarm: bad input K04, a certificate that ends in five days.
func TestAlarm(t *testing.T) {
	end := on(100)
	for left, want := range map[time.Duration]Level{
		31 * day: Quiet, 30*day + 1: Quiet, 30 * day: Month, 8 * day: Month, 7 * day: Week, 5 * day: Week, day + 1: Week, day: Day, time.Second: Day, 0: Over, -day: Over,
	} {
		if got := Alarm(end, end.Add(-left)); got != want {
			t.Errorf("%s left: %s, want %s", left, got, want)
		}
	}
	for at, want := range map[int]time.Time{0: on(70), 69: on(70), 70: on(93), 93: on(99), 99: on(100), 100: {}, 101: {}} {
		if got := Rises(end, on(at)); !got.Equal(want) {
			t.Errorf("on day %d the level rises at %s, want %s", at, got, want)
		}
	}
}

// TestPromises holds any generations to what the package says: somebody signs exactly
// when somebody can, nothing outlives its signer, order is of no account, nobody is
// ahead of their publication while another could have signed, and who is barred is as
// good as not there.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := func(from, to int, label string) int { return rapid.IntRange(from, to).Draw(t, label) }
		policy := Policy{Use: time.Duration(days(0, 40, "use")) * day, PublishBefore: time.Duration(days(0, 10, "publish")) * day, Life: time.Duration(days(0, 20, "life")) * day}
		var all []Generation
		for i := range days(0, 5, "generations") {
			from := days(0, 150, "from")
			g := generation(fmt.Sprint(i), from, from+days(0, 120, "length"), days(0, 150, "published"))
			if days(0, 4, "hidden") == 0 {
				g.Published = time.Time{}
			}
			if days(0, 3, "barred") == 0 {
				g = barred(g, Stopped)
			}
			all = append(all, g)
		}
		plan := New(policy, all...)
		var free []Generation
		for _, g := range all {
			if !g.Barred.Bars() {
				free = append(free, g)
			}
		}
		others := New(policy, free...)
		turned := make([]Generation, len(all))
		for i, g := range all {
			turned[len(all)-1-i] = g
		}
		back := New(policy, turned...)
		for d := range 300 {
			at := on(d).Add(time.Duration(days(0, 86400, "second")) * time.Second)
			signs, ok := plan.Signs(at)
			could, public := false, false
			for _, g := range all {
				can := !g.Barred.Bars() && !at.Before(g.NotBefore) && !at.Add(policy.Life).After(g.NotAfter)
				could = could || can
				public = public || can && !g.Published.IsZero() && !at.Before(g.Published.Add(policy.PublishBefore))
			}
			if ok != could {
				t.Fatalf("at %s: signs %v, could %v", at, ok, could)
			}
			if stops := plan.Stops(at); stops.Before(at) || !ok && !stops.Equal(at) {
				t.Fatalf("at %s: stops at %s, signs %v", at, stops, ok)
			}
			if other, also := back.Signs(at); also != ok || ok && turned[other].ID != all[signs].ID {
				t.Fatalf("at %s: the order of the generations decides", at)
			}
			if other, also := others.Signs(at); also != ok || ok && free[other].ID != all[signs].ID {
				t.Fatalf("at %s: who is barred changes the order of the others", at)
			}
			if !plan.Stops(at).Equal(others.Stops(at)) {
				t.Fatalf("at %s: who is barred counts for when it stops", at)
			}
			if !ok {
				continue
			}
			g := all[signs]
			if at.Before(g.NotBefore) || at.Add(policy.Life).After(g.NotAfter) {
				t.Fatalf("at %s: %s does not cover what it signs", at, g.ID)
			}
			if public && (g.Published.IsZero() || at.Before(g.Published.Add(policy.PublishBefore))) {
				t.Fatalf("at %s: %s signs before it is public, and another could", at, g.ID)
			}
			if plan.State(signs, at) != Current {
				t.Fatalf("at %s: who signs is %s", at, plan.State(signs, at))
			}
		}
	})
}
