package issuance

import (
	"container/list"
	"context"
	"sync"

	"vidimus/internal/problem"
)

// turns bounds how many requests are worked on at once, and how many wait for
// that. Who comes when as many wait as may is sent away at once, before anything
// of his is used up: an answer that nobody waits for any more is worth nothing,
// and each request under way holds memory for all its copies.
type turns struct {
	most int // who may wait, and who may be aside

	mu   sync.Mutex
	free int // places; none while anybody waits
	away int // who are aside, or wait to come back
	// came wait to begin, back to go on: these go first. Each is a channel that
	// is closed when its place is free.
	came, back list.List
}

func newTurns(places, most int) *turns { return &turns{free: places, most: most} }

// errBusy is what those are told who are sent away.
var errBusy = problem.New(problem.Unavailable, "too many wallets ask at once: try again later")

// busy gives errBusy when the next one would be sent away.
func (t *turns) busy() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.came.Len() >= t.most && t.free == 0 {
		return errBusy
	}
	return nil
}

// begin waits for a place. The error is errBusy, or that ctx has ended.
func (t *turns) begin(ctx context.Context) (*turn, error) {
	t.mu.Lock()
	if t.came.Len() >= t.most && t.free == 0 {
		t.mu.Unlock()
		return nil, errBusy
	}
	if err := t.wait(ctx, &t.came); err != nil {
		return nil, err
	}
	return &turn{of: t, held: true}, nil
}

// wait takes a place, or stands in a queue. It is called with the lock, and
// returns without.
func (t *turns) wait(ctx context.Context, queue *list.List) error {
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	given := make(chan struct{})
	e := queue.PushBack(given)
	t.mu.Unlock()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	select {
	case <-given: // in the meantime: to whoever is next
		t.mu.Unlock()
		t.give()
	default:
		queue.Remove(e)
		t.mu.Unlock()
	}
	return unavailable(ctx.Err())
}

// give frees a place.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, queue := range []*list.List{&t.back, &t.came} {
		if e := queue.Front(); e != nil {
			close(queue.Remove(e).(chan struct{}))
			return
		}
	}
	t.free++
}

// turn is the place of one request; nil is that of a caller who needs none.
type turn struct {
	of   *turns
	held bool
}

// end gives the place back.
func (t *turn) end() {
	if t != nil && t.held {
		t.held = false
		t.of.give()
	}
}

// aside calls do without the place: for what waits for other people's machines,
// which must not keep out the wallets that do not need them. Who comes when as
// many are aside as may wait is sent away: what is held for them is bounded too.
func (t *turn) aside(ctx context.Context, do func() error) error {
	if t == nil {
		return do()
	}
	t.of.mu.Lock()
	if t.of.away >= t.of.most {
		t.of.mu.Unlock()
		return errBusy
	}
	t.of.away++
	t.of.mu.Unlock()
	defer func() {
		t.of.mu.Lock()
		t.of.away--
		t.of.mu.Unlock()
	}()
	t.end()
	if err := do(); err != nil {
		return err
	}
	t.of.mu.Lock()
	if err := t.of.wait(ctx, &t.of.back); err != nil {
		return err
	}
	t.held = true
	return nil
}
