package storetest

import (
	"crypto/rand"
	"fmt"
	"math"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/status"
)

var coverTests = []test{
	{name: "TopsUp", run: coverTopsUp},
	{name: "NeverAllocated", run: coverNeverAllocated, with: func(o *Options) { o.OpenLists = 1 }},
	{name: "ByCopiesAlive", run: coverByAlive, with: func(o *Options) { o.OpenLists, o.Rotate = 1, 24*hour }},
	{name: "FlippedHidesNothing", run: coverFlipped, with: func(o *Options) { o.OpenLists, o.Rotate = 1, 24*hour }},
	{name: "NothingAlive", run: coverNothingAlive},
	{name: "Windows", run: coverWindows, with: func(o *Options) { *o = Mixed(rand.Reader) }},
}

func plan(window uint64, total int) status.Cover {
	begin := Now.Add(hour)
	return status.Cover{
		Window: window, Begin: begin, End: begin.Add(hour), Total: total, Alive: begin.Add(24 * hour),
		Due: func() time.Time { return begin.Add(30 * time.Minute) },
	}
}

func planCover(t *testing.T, s Store, c status.Cover, want int) {
	t.Helper()
	if n, err := s.PlanCover(t.Context(), c); err != nil || n != want {
		t.Errorf("%d flips of noise, want %d; %v", n, want, err)
	}
}

// coverTopsUp: what the real flips of the window fall short of is made up, once.
func coverTopsUp(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 5))
	intend(t, s, Intent("C", "P", "other", 2, 5))
	apply(t, s, Revoking("R", 1, "P", false, "N")) // due at the begin of the window
	planCover(t, s, plan(7, 64), 59)
	planCover(t, s, plan(7, 64), 0)
	planCover(t, s, plan(7, 640), 0)
	count := func() (cover, waits, invalid int) {
		for _, l := range lists(t, s) {
			cover, waits, invalid = cover+l.Cover, waits+l.Waiting, invalid+l.Revoked
		}
		return
	}
	if c, w, i := count(); c != 59 || w != 64 || i != 0 {
		t.Errorf("%d cover, %d wait, %d invalid", c, w, i)
	}
	publish(t, s, Now.Add(hour), 1)
	if c, w, i := count(); c != 59 || w != 59 || i != 5 {
		t.Errorf("%d cover, %d wait, %d invalid", c, w, i)
	}
	publish(t, s, Now.Add(2*hour), 0)
	if c, w, i := count(); c != 59 || w != 0 || i != 64 {
		t.Errorf("%d cover, %d wait, %d invalid", c, w, i)
	}
	// A window with enough of its own gets none.
	planCover(t, s, plan(8, 0), 0)
}

// coverNeverAllocated: noise takes indices that were not given out and never
// will be.
func coverNeverAllocated(t *testing.T, s Store) {
	person(t, s, "P", "N")
	given := map[spot]bool{}
	for _, at := range spots(intend(t, s, Intent("B", "P", "N", 2, 1000))) {
		given[at] = true
	}
	planCover(t, s, plan(1, 500), 500)
	planCover(t, s, plan(2, 1000), 500)
	release(t, s, Now.Add(2*hour))
	noise := revoked(t, s)
	if len(noise) != 1000 {
		t.Fatalf("%d flips", len(noise))
	}
	for _, at := range spots(intend(t, s, Intent("C", "P", "N", 2, 100_000))) {
		given[at] = true
	}
	for at := range noise {
		if given[at] {
			t.Errorf("%v is somebody's", at)
		}
	}
}

// coverByAlive: noise goes to lists by their copies that are alive, closed or
// not.
func coverByAlive(t *testing.T, s Store) {
	person(t, s, "P", "N")
	var uris []string
	for i, count := range []int{300, 100, 100} {
		in := Intent(fmt.Sprint("B", i), "P", "N", 2, count)
		in.Recorded = Now.Add(time.Duration(i) * 24 * hour)
		if i == 2 {
			in.Expires = Now.Add(25 * hour) // not after Alive
		}
		uris = append(uris, intend(t, s, in)[0].List)
	}
	planCover(t, s, plan(1, 1000), 1000)
	for _, l := range lists(t, s) {
		switch l.URI {
		case uris[0]:
			if l.Cover < 650 || l.Cover > 850 || !l.Closed {
				t.Errorf("%+v: 300 of 400 copies", l)
			}
		case uris[2]:
			if l.Cover != 0 {
				t.Errorf("%+v: nobody in it is alive", l)
			}
		}
	}
}

func coverNothingAlive(t *testing.T, s Store) {
	planCover(t, s, plan(1, 64), 0)
	person(t, s, "P", "N")
	in := Intent("B", "P", "N", 2, 1)
	in.Status = issuance.StatusNone
	intend(t, s, in)
	planCover(t, s, plan(2, 64), 0)
}

// coverFlipped: copies that were flipped hide no noise.
func coverFlipped(t *testing.T, s Store) {
	person(t, s, "P", "N")
	first := intend(t, s, Intent("A", "P", "N", 2, 50))[0].List
	in := Intent("B", "P", "other", 2, 1)
	in.Recorded = Now.Add(24 * hour)
	intend(t, s, in)
	apply(t, s, Revoking("R", 1, "P", true, "N"))
	planCover(t, s, plan(1, 100), 100)
	for _, l := range lists(t, s) {
		if want := map[bool]int{false: 100}[l.URI == first]; l.Cover != want {
			t.Errorf("%+v, want %d flips of noise", l, want)
		}
	}
}

// coverWindows lives through hours, some with flips of their own: each shows as
// many flips as planned, no more, spread over its ticks and over the lists by
// their copies; what is revoked in one comes out in the next, and none before.
func coverWindows(t *testing.T, s Store) {
	const hours, total, stay, each = 8, 64, 2000, 20
	schedule := status.NewSchedule(time.Minute, hour, 24*hour)
	person(t, s, "P", "N")
	alive := map[string]int{}
	for _, g := range intend(t, s, Intent("A", "P", "stays", 2, stay)) {
		alive[g.List]++
	}
	comesOut := map[spot]int{} // real copy -> hour
	uris := map[string]string{}
	for h := range hours / 2 {
		number := fmt.Sprint("goes ", h)
		for _, at := range spots(intend(t, s, Intent(number, "P", number, 2, each))) {
			comesOut[at] = 2*h + 1
		}
	}
	for _, l := range lists(t, s) {
		uris[l.ID] = l.URI
	}
	for h := range hours {
		begin := Now.Add(time.Duration(h) * hour)
		if _, err := s.PlanCover(t.Context(), schedule.Cover(begin, total, rand.Reader)); err != nil {
			t.Fatal(err)
		}
		shown, real, ticks := 0, 0, 0
		for minute := range 60 {
			now := begin.Add(time.Duration(minute) * time.Minute)
			released := release(t, s, now)
			if len(released) > 0 {
				ticks++
			}
			for _, r := range released {
				shown += len(r.Indices)
				for _, i := range r.Indices {
					if at, known := comesOut[spot{uris[r.ID], uint64(i)}]; known && at == h {
						real++
					} else if known {
						t.Errorf("a copy that is due in hour %d comes out in hour %d", at, h)
					}
				}
			}
			if h%2 == 0 && minute == 20 {
				app := Revoking("R", uint64(h/2+1), "P", false, fmt.Sprint("goes ", h/2))
				app.Record.Accepted = now.Add(time.Second)
				apply(t, s, app)
			}
		}
		if shown != total || real != h%2*each || ticks < 25 {
			t.Errorf("hour %d shows %d flips, %d of them real, at %d ticks", h, shown, real, ticks)
		}
	}
	noise := float64(hours*total - hours/2*each)
	for _, l := range lists(t, s) {
		share := float64(alive[l.URI]) / stay
		if want := share * noise; math.Abs(float64(l.Cover)-want) > 6*math.Sqrt(want*(1-share)) {
			t.Errorf("%d flips of noise in a list with %d of %d copies", l.Cover, alive[l.URI], stay)
		}
	}
}
