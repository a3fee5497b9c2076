package verifierhttp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/problem"
)

// phase is how far a reading got.
type phase int

const (
	running phase = iota
	failed        // no verdict
	decided
)

// reading is one question to one phone. Its fields are those of the slot, which
// locks.
type reading struct {
	id     string // the secret of the browser that began it
	wish   Wish
	phase  phase
	steps  []moment
	reason string // of a failed one
	answer *Answer
	ends   time.Time // when it is wiped; zero while it runs
	cancel context.CancelFunc
	stop   func() bool
}

// moment is a step and when it was.
type moment struct {
	Step string
	At   time.Time
}

// ref names a reading in a page: it tells nobody the secret.
func (r *reading) ref() string {
	d := sha256.Sum256([]byte("ref " + r.id))
	return hex.EncodeToString(d[:8])
}

// slot holds the one reading. Safe for concurrent use.
type slot struct {
	reader Reader
	clock  clock.Clock
	rand   io.Reader
	after  func(time.Duration, func()) (stop func() bool)

	mu  sync.Mutex
	now *reading // nil for none
}

// errBusy: somebody else's reading runs.
var errBusy = problem.New(problem.Conflict, "a reading is under way in another window")

// begin starts a reading for a browser that has that of own, "" for none. What was
// shown before is wiped, to whomever.
func (s *slot) begin(w Wish, own string) (id string, err error) {
	var raw [32]byte
	if _, err := io.ReadFull(s.rand, raw[:]); err != nil {
		return "", problem.Wrap(problem.Unavailable, err, "try again later")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if s.now != nil && s.now.phase == running && !s.owns(own) {
		return "", errBusy
	}
	s.wipe()
	// Longer than the request that begins it.
	ctx, cancel := context.WithCancel(context.Background())
	r := &reading{id: hex.EncodeToString(raw[:]), wish: w, cancel: cancel}
	s.now = r
	go s.run(ctx, r, w)
	return r.id, nil
}

// run has the wish for itself: that of r may be wiped at any time.
func (s *slot) run(ctx context.Context, r *reading, w Wish) {
	answer, err := s.read(ctx, r, w)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer r.cancel()
	r.wish.Code = ""
	if s.now != r { // given up meanwhile
		if answer != nil {
			answer.Wipe()
		}
		return
	}
	r.phase, r.answer = decided, answer
	if err != nil {
		r.phase, r.reason = failed, err.Error()
	}
	r.ends = s.clock.Now().Add(Shown)
	r.stop = s.after(Shown, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.now == r {
			s.wipe()
		}
	})
}

// read turns a panic into a failure: an answer of a stranger must not end the
// program, and what was shown before it least of all.
func (s *slot) read(ctx context.Context, r *reading, w Wish) (answer *Answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			answer, err = nil, fmt.Errorf("a mistake of this program (%T)", v)
		}
	}()
	return s.reader.Read(ctx, w, func(step string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(r.steps) < maxSteps {
			r.steps = append(r.steps, moment{step, s.clock.Now()})
		}
	})
}

// wipe ends and forgets what is there.
func (s *slot) wipe() {
	r := s.now
	s.now = nil
	if r == nil {
		return
	}
	r.cancel()
	if r.stop != nil {
		r.stop()
	}
	if r.answer != nil {
		r.answer.Wipe()
	}
	r.answer, r.reason, r.steps, r.wish = nil, "", nil, Wish{}
}

// expire wipes what is over, should the timer be late: a laptop that slept.
func (s *slot) expire() {
	if s.now != nil && s.now.phase != running && !s.clock.Now().Before(s.now.ends) {
		s.wipe()
	}
}

// see lets f look at the reading of a browser, while nobody changes it; false says
// that there is none.
func (s *slot) see(id string, f func(*reading)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if !s.owns(id) {
		return false
	}
	f(s.now)
	return true
}

// owns says whether the reading is that of who has this secret.
func (s *slot) owns(id string) bool {
	return s.now != nil && subtle.ConstantTimeCompare([]byte(s.now.id), []byte(id)) == 1
}

// leave wipes the reading of a browser; ref names it, "" for whichever is its own.
func (s *slot) leave(id, ref string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owns(id) && (ref == "" || ref == s.now.ref()) {
		s.wipe()
	}
}

// close wipes whatever is there.
func (s *slot) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}
