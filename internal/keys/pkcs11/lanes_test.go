package pkcs11

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// work is a job that is not in C.
type work struct {
	job
	began, ended, called, hanging atomic.Int64
}

func newWork(call func() error) *work {
	w := new(work)
	w.job = job{
		begin: func() error { w.began.Add(1); return nil },
		end:   func(bool) { w.ended.Add(1) },
		call:  func() error { w.called.Add(1); return call() },
		hangs: func(n int64) { w.hanging.Add(n) },
	}
	return w
}

// calm waits until nothing is served any more, and says what is left over.
func calm(t *testing.T, l *lanes) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; runtime.Gosched() {
		l.mu.Lock()
		open, held, waiting, running := l.open, l.held, l.waiting.Len(), l.running.Len()
		l.mu.Unlock()
		if open == 0 && held == 0 && waiting == 0 && running == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d lanes, %d held, %d wait, %d run", open, held, waiting, running)
		}
	}
}

// waiting waits until so many are in line.
func waiting(l *lanes, n int) {
	for {
		l.mu.Lock()
		have := l.waiting.Len()
		l.mu.Unlock()
		if have == n {
			return
		}
		runtime.Gosched()
	}
}

func TestLanes(t *testing.T) {
	l := newLanes(2)
	l.patience = time.Hour
	let := make(chan struct{})
	var wg sync.WaitGroup
	first := newWork(func() error { <-let; return nil })
	wg.Go(func() {
		if err := l.do(t.Context(), &first.job); err != nil {
			t.Error(err)
		}
	})
	for first.called.Load() == 0 {
		runtime.Gosched()
	}
	// In line, in their order; one gives up before its turn.
	ctx, cancel := context.WithCancel(t.Context())
	gone := newWork(func() error { t.Error("called for nobody"); return nil })
	wg.Go(func() {
		if err := l.do(ctx, &gone.job); !errors.Is(err, context.Canceled) || errors.Is(err, errTimeout) {
			t.Error(err)
		}
	})
	waiting(l, 1)
	var order []int
	why := errors.New("why")
	for i := range 3 {
		w := newWork(func() error { order = append(order, i); return why })
		wg.Go(func() {
			if err := l.do(t.Context(), &w.job); !errors.Is(err, why) {
				t.Error(err)
			}
		})
		waiting(l, 2+i)
	}
	cancel()
	waiting(l, 3)
	if n := l.inFlight(); n != 4 {
		t.Errorf("%d in flight", n)
	}
	close(let)
	wg.Wait()
	calm(t, l)
	if !slices.Equal(order, []int{0, 1, 2}) || gone.began.Load() != gone.ended.Load() {
		t.Errorf("served as %v", order)
	}
	for range maxWaiting {
		l.waiting.PushBack(&newWork(nil).job)
	}
	if err := l.do(t.Context(), &newWork(nil).job); !errors.Is(err, errCrowded) {
		t.Errorf("one more waits: %v", err)
	}
}

// A call that stays away costs its caller the time it has, and the others the patience.
func TestLaneHeld(t *testing.T) {
	l := newLanes(1)
	l.patience = time.Millisecond
	let := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	away := newWork(func() error { <-let; return nil })
	done := make(chan error)
	go func() { done <- l.do(ctx, &away.job) }()
	for away.called.Load() == 0 {
		runtime.Gosched()
	}
	for range 100 {
		if err := l.do(t.Context(), &newWork(func() error { return nil }).job); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, errTimeout) || !errors.Is(err, context.Canceled) || away.hanging.Load() != 1 || away.ended.Load() != 0 {
		t.Errorf("%v, %d hang", err, away.hanging.Load())
	}
	close(let)
	for away.ended.Load() == 0 {
		runtime.Gosched()
	}
	if away.hanging.Load() != 0 {
		t.Error("it came back, and hangs")
	}
	calm(t, l)
	// Many that stay away at once have all of the lanes soon.
	let = make(chan struct{})
	var inside atomic.Int64
	var wg sync.WaitGroup
	for range 2 * maxParallel {
		wg.Go(func() {
			l.do(t.Context(), &newWork(func() error { inside.Add(1); <-let; return nil }).job)
		})
	}
	for inside.Load() < maxParallel {
		runtime.Gosched()
	}
	if n := inside.Load(); n > maxParallel {
		t.Errorf("%d at once", n)
	}
	close(let)
	wg.Wait()
	calm(t, l)
}

// Where a module computes decides how many lanes it gets, for each connection anew.
func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name      string
		wall, cpu []time.Duration
		most      int
	}{
		{"here", []time.Duration{ms}, []time.Duration{ms}, 2},
		{"here_on_a_busy_machine", []time.Duration{9 * ms, ms, 30 * ms}, []time.Duration{ms, ms, ms}, 2},
		{"elsewhere", []time.Duration{ms}, []time.Duration{ms / 10}, maxParallel},
		{"not_known", []time.Duration{ms}, []time.Duration{0}, maxParallel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pace
			most := 2
			for i := range paceCalls {
				if !p.looks("one") || most != 2 {
					t.Fatalf("%d lanes after %d calls", most, i)
				}
				most = p.learn("one", tt.wall[i%len(tt.wall)], tt.cpu[i%len(tt.cpu)], 2, most)
			}
			if most != tt.most || p.looks("one") || p.learn("one", ms, 0, 2, 7) != 7 || !p.looks("other") || p.learn("one", ms, 0, 2, 7) != 7 {
				t.Errorf("%d lanes", most)
			}
		})
	}
}

// Many come, go and give up: there are never more inside than lanes, everything that
// began ends once, and in the end all is as it was.
func TestLanesAreKept(t *testing.T) {
	l := newLanes(6)
	l.patience, l.pace.calls = time.Hour, paceCalls // as few as there are, for good
	var inside, hanging, began, ended atomic.Int64
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				if (g+i)%3 == 0 {
					go cancel()
				}
				j := &job{
					begin: func() error { began.Add(1); return nil },
					end:   func(bool) { ended.Add(1) },
					call: func() error {
						inside.Add(1)
						l.mu.Lock()
						if l.running.Len() > 3 || l.open > 3 { // those left are not counted
							t.Errorf("%d run in %d lanes", l.running.Len(), l.open)
						}
						l.mu.Unlock()
						runtime.Gosched()
						inside.Add(-1)
						return nil
					},
					hangs: func(n int64) { hanging.Add(n) },
				}
				if err := l.do(ctx, j); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	calm(t, l)
	for end := time.Now().Add(time.Minute); (hanging.Load() != 0 || began.Load() != ended.Load()) && time.Now().Before(end); {
		runtime.Gosched()
	}
	if hanging.Load() != 0 || began.Load() != ended.Load() || inside.Load() != 0 {
		t.Errorf("%d hang, %d began, %d ended, %d inside", hanging.Load(), began.Load(), ended.Load(), inside.Load())
	}
}
