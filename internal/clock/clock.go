// Package clock is the one source of the present instant.
//
// Services on floor 4 and above hold a Clock; the pure rooms below take `now`
// as an argument. Fake is for tests and for the demo: it moves only when told.
package clock

import (
	"sync"
	"time"
)

// Clock tells the present instant.
type Clock interface{ Now() time.Time }

// System is the clock of the machine, in UTC.
type System struct{}

// Now is the machine's time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// Fake stands still until it is set or advanced. Safe for concurrent use.
type Fake struct {
	mu  sync.Mutex
	now time.Time
}

// NewFake makes a clock that stands at t.
func NewFake(t time.Time) *Fake { return &Fake{now: t.UTC()} }

// Now is where the clock was last put.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Set puts the clock at t, which may lie in the past.
func (f *Fake) Set(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = t.UTC()
}

// Advance moves the clock by d.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}
