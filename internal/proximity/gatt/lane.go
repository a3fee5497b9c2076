package gatt

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// laneDepth is how many values wait to be read: a stack's buffers.
	laneDepth = 16

	// heldTime is how long a value that is overtaken waits for what overtakes it.
	heldTime = 20 * time.Millisecond
)

type sentValue struct {
	c     Characteristic
	value []byte
}

// lane is one direction of a connection.
type lane struct {
	wire *wire
	wake chan struct{} // something to read; one place
	room chan struct{} // something was read; one place

	mu    sync.Mutex
	rand  *rand.Rand
	queue []sentValue
	held  *sentValue // overtaken by the next one
}

func newLane(w *wire, r *rand.Rand) *lane {
	return &lane{wire: w, rand: r, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// poke fills a channel of one place.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put waits for the air and for room, and lets the conditions have their way.
func (l *lane) put(ctx context.Context, v sentValue, closed <-chan struct{}) error {
	if err := l.air(ctx, len(v.value), closed); err != nil {
		return err
	}
	for {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case l.wire.isDown():
			return errDown
		}
		if l.tryPut(v) {
			return nil
		}
		select {
		case <-l.room:
		case <-l.wire.down:
		case <-closed:
			return io.ErrClosedPipe
		case <-ctx.Done():
		}
	}
}

// air is the time that a value takes.
func (l *lane) air(ctx context.Context, n int, closed <-chan struct{}) error {
	c := l.wire.conditions
	var wait time.Duration
	if c.BytesPerSecond > 0 {
		wait = time.Duration(n) * time.Second / time.Duration(c.BytesPerSecond)
	}
	if c.Delay > 0 {
		l.mu.Lock()
		wait += time.Duration(l.rand.Int64N(int64(c.Delay) + 1))
		l.mu.Unlock()
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.wire.down:
		return errDown
	case <-closed:
		return io.ErrClosedPipe
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryPut puts a value, if there is room for it and a copy.
func (l *lane) tryPut(v sentValue) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > laneDepth-3 {
		return false
	}
	// What was taken is the stack's: that it is lost in the air, the sender does
	// not learn.
	if !l.wire.pass(len(v.value)) {
		return true
	}
	c := l.wire.conditions
	if l.draw(c.Loss) {
		return true
	}
	if l.draw(c.Truncate) && len(v.value) > 0 {
		v.value = v.value[:l.rand.IntN(len(v.value))]
	}
	if l.held == nil && l.draw(c.Reorder) {
		l.held = &v
		poke(l.wake)
		return true
	}
	l.queue = append(l.queue, v)
	if l.draw(c.Duplicate) {
		l.queue = append(l.queue, sentValue{v.c, slices.Clone(v.value)})
	}
	l.release()
	poke(l.wake)
	return true
}

func (l *lane) draw(p float64) bool { return p > 0 && l.rand.Float64() < p }

// release puts the value that was overtaken behind the others.
func (l *lane) release() {
	if l.held != nil {
		l.queue, l.held = append(l.queue, *l.held), nil
	}
}

// get returns the next value; what was sent before the end is read first.
func (l *lane) get(ctx context.Context, closed <-chan struct{}) (sentValue, error) {
	for {
		down := l.wire.isDown()
		v, held, ok := l.tryGet(down)
		switch {
		case ok:
			return v, nil
		case down:
			return sentValue{}, io.EOF
		case ctx.Err() != nil:
			return sentValue{}, ctx.Err()
		}
		var late <-chan time.Time
		if held {
			timer := time.NewTimer(heldTime)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-l.wake:
		case <-l.wire.down:
		case <-late:
			l.mu.Lock()
			l.release()
			l.mu.Unlock()
		case <-closed:
			return sentValue{}, io.ErrClosedPipe
		case <-ctx.Done():
		}
	}
}

// tryGet takes a value that is there; held says that one is on its way.
func (l *lane) tryGet(down bool) (v sentValue, held, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if down {
		l.release()
		if l.wire.conditions.Abrupt {
			l.queue = nil
		}
	}
	if len(l.queue) == 0 {
		return sentValue{}, l.held != nil, false
	}
	v = l.queue[0]
	l.queue = l.queue[1:]
	poke(l.room)
	return v, false, true
}
