package pkcs11

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// lanes make the signatures of a token: each is a thread that is in C. Who comes first
// is served first, and a lane that is done goes on with the next in line, without
// waking anybody in between.
//
// A module that waits for a device gets as many lanes as there are requests, up to
// maxParallel. One that computes on this machine's processors, as SoftHSM does, gets
// few: more would only wait for its locks, and for the processors that verify. A call
// that stays away holds up nobody: there are two lanes more for it.
type lanes struct {
	patience time.Duration // after which a call stays away
	few      int           // for a module that computes here

	mu      sync.Mutex
	most    int
	open    int       // lanes that serve
	held    int       // of them, those whose call stays away
	waiting list.List // of *job
	running list.List // of *job: lanes have them
	ticks   uint64    // of the watch
	watched bool
	pace    pace
}

// pace is what the first calls of a connection say of where its module computes.
type pace struct {
	of         any // the connection
	calls      int
	least, cpu time.Duration // the fastest, and what of it this machine computed
}

// job is one call. begin is before it; end is after all that began, called or not.
// Nothing of a call that came late is seen again.
type job struct {
	of    any // the connection that it is made in
	begin func() error
	call  func() error
	end   func(called bool)
	hangs func(int64) // counts the calls that do not come back

	place  *list.Element // where it waits or runs
	served bool          // a lane has it
	began  uint64        // at which tick
	held   bool
	state  atomic.Int32
	done   chan struct{}
	err    error
}

// What becomes of a job: it waits, until it is in C or its caller has gone; in C, until
// it is over or its caller has gone.
const (
	waits = iota
	inC
	over
	left
)

var (
	errCrowded = errors.New("too many requests wait for the token")
	// errTimeout is for a call that did not return in time.
	errTimeout = errors.New("no answer in time")
)

func newLanes(processors int) *lanes {
	few := max(1, processors/2) // the others verify
	return &lanes{patience: lanePatience, few: few, most: few}
}

// do makes a call. An error that matches errTimeout means that it began and is
// still in C; ctx.Err() alone, that it did not begin.
func (l *lanes) do(ctx context.Context, j *job) error {
	j.done = make(chan struct{})
	l.mu.Lock()
	if l.waiting.Len() >= maxWaiting {
		l.mu.Unlock()
		return errCrowded
	}
	j.place = l.waiting.PushBack(j)
	l.more()
	l.watch()
	l.mu.Unlock()
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	if l.gaveUp(j) {
		return ctx.Err()
	}
	if l.lost(j) {
		return fmt.Errorf("%w: %w", errTimeout, ctx.Err())
	}
	<-j.done
	return j.err
}

// gaveUp ends a job that is not in C, and never will be.
func (l *lanes) gaveUp(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !j.state.CompareAndSwap(waits, left) {
		return false
	}
	if !j.served {
		l.waiting.Remove(j.place)
	}
	return true
}

// lost gives up a job that is in C, and its lane.
func (l *lanes) lost(j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if j.state.Load() != inC {
		return false
	}
	j.hangs(1) // before its lane can say that it is back
	if !j.state.CompareAndSwap(inC, left) {
		j.hangs(-1)
		return false
	}
	l.returned(j)
	l.open--
	l.more()
	return true
}

// more opens the lanes that may be, for those who wait; mu is held.
func (l *lanes) more() {
	for n := l.waiting.Len(); n > 0 && l.open < min(l.most+2*l.held, maxParallel); n-- {
		l.open++
		go l.serve()
	}
}

// watch looks for calls that stay away as long as somebody waits; mu is held.
func (l *lanes) watch() {
	if l.watched || l.waiting.Len() == 0 {
		return
	}
	l.watched = true
	time.AfterFunc(l.patience, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watched = false
		l.ticks++
		for e := l.running.Front(); e != nil; e = e.Next() {
			if j := e.Value.(*job); !j.held && j.began+1 < l.ticks { // a whole tick ago
				j.held = true
				l.held++
			}
		}
		l.more()
		l.watch()
	})
}

// returned is for a job that its lane is done with, or is lost with; mu is held.
func (l *lanes) returned(j *job) {
	l.running.Remove(j.place)
	if j.held {
		l.held--
	}
}

// serve does what waits, until nothing does.
func (l *lanes) serve() {
	for {
		l.mu.Lock()
		if l.waiting.Len() == 0 || l.open > l.most+2*l.held {
			l.open--
			l.mu.Unlock()
			return
		}
		j := l.waiting.Remove(l.waiting.Front()).(*job)
		j.served, j.place, j.began = true, l.running.PushBack(j), l.ticks
		look := l.pace.looks(j.of)
		l.mu.Unlock()
		if !l.one(j, look) {
			return
		}
	}
}

// one makes a call; false when the lane was given up meanwhile.
func (l *lanes) one(j *job, look bool) bool {
	err := j.begin()
	var wall, cpu time.Duration
	switch {
	case err != nil:
		if j.state.CompareAndSwap(waits, over) {
			j.err = err
		}
	case !j.state.CompareAndSwap(waits, inC):
		j.end(false)
	default:
		if look {
			wall, cpu = measured(func() { err = j.call() })
		} else {
			err = j.call()
		}
		j.err = err
		if !j.state.CompareAndSwap(inC, over) {
			j.hangs(-1)
			j.end(true)
			return false
		}
		j.end(true)
	}
	l.mu.Lock()
	l.returned(j)
	if wall > 0 && err == nil {
		l.most = l.pace.learn(j.of, wall, cpu, l.few, l.most)
		l.more()
	}
	l.mu.Unlock()
	close(j.done)
	return true
}

// looks says whether a call of a connection is to be measured.
func (p *pace) looks(of any) bool {
	if p.of != of {
		*p = pace{of: of}
	}
	return p.calls < paceCalls
}

// learn takes a measured call in, and says how many lanes there may be: when the last
// is known, the fastest decides, for the others waited for processors or each other.
func (p *pace) learn(of any, wall, cpu time.Duration, few, most int) int {
	if p.of != of || p.calls >= paceCalls {
		return most
	}
	if p.calls++; p.calls == 1 || wall < p.least {
		p.least, p.cpu = wall, cpu
	}
	switch {
	case p.calls < paceCalls:
		return most
	case p.cpu > p.least/2:
		return few
	}
	return maxParallel
}

// inFlight counts who waits or is in C.
func (l *lanes) inFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running.Len() + l.waiting.Len()
}
