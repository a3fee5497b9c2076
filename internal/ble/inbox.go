package ble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// stateStart is the value of State that opens; it goes before messages, others
// behind.
const stateStart = 0x01

// inbox puts what a peer sends in one order. A server gets it all over the bus; a
// client gets messages over a socket and State over the bus, and BlueZ writes to the
// socket before it says on the bus what came later.
type inbox struct {
	from gatt.Characteristic // of the messages

	mu     sync.Mutex
	socket *socket // of a client; nil: none yet
	queue  []received
	bytes  int
	err    error // why nothing more comes
	buf    [1024]byte

	wake chan struct{} // one place
}

type received struct {
	c     gatt.Characteristic
	value []byte
}

func newInbox(from gatt.Characteristic) *inbox {
	return &inbox{from: from, wake: make(chan struct{}, 1)}
}

// connect reads the messages from s.
func (b *inbox) connect(s *socket) {
	b.mu.Lock()
	b.socket = s
	over := errors.Is(b.err, io.ErrClosedPipe)
	b.mu.Unlock()
	if over {
		s.close()
		return
	}
	go s.each(func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.drain()
	})
}

// drain queues what the socket has, and returns false when nothing more comes of
// it. b.mu is held.
func (b *inbox) drain() bool {
	for b.socket != nil && b.err == nil {
		n, err := b.socket.read(b.buf[:])
		switch {
		case errors.Is(err, errEmpty):
			return true
		case err != nil:
			b.fail(fmt.Errorf("reading from BlueZ: %w", err))
		case n == 0:
			// BlueZ has closed: a disconnected device. A value without a byte looks the
			// same, and ends a session too.
			b.fail(io.EOF)
		default:
			b.push(b.from, b.buf[:n])
		}
	}
	return false
}

// message queues a part of a message.
func (b *inbox) message(value []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.push(b.from, value)
}

// state queues a value of State in its place.
func (b *inbox) state(value []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(value) != 1 || value[0] != stateStart {
		b.drain()
	}
	b.push(gatt.State, value)
}

// end is the disconnect: what came before it is read first.
func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drain()
	b.fail(err)
}

// push queues a value. b.mu is held.
func (b *inbox) push(c gatt.Characteristic, value []byte) {
	if b.err != nil {
		return
	}
	if b.bytes+len(value) > maxQueued || len(b.queue) >= maxQueuedValues {
		b.fail(fmt.Errorf("%w: more than %d bytes that nobody has read", proximity.ErrLimit, maxQueued))
		return
	}
	b.queue = append(b.queue, received{c, slices.Clone(value)})
	b.bytes += len(value)
	b.poke()
}

// fail says that nothing more comes. b.mu is held.
func (b *inbox) fail(err error) {
	if b.err == nil {
		b.err = err
		b.poke()
	}
}

func (b *inbox) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// next waits for a value; what was queued is returned before the end.
func (b *inbox) next(ctx context.Context) (gatt.Characteristic, []byte, error) {
	for {
		b.mu.Lock()
		if len(b.queue) > 0 {
			v := b.queue[0]
			b.queue[0] = received{}
			b.queue = b.queue[1:]
			b.bytes -= len(v.value)
			b.mu.Unlock()
			return v.c, v.value, nil
		}
		err := b.err
		b.mu.Unlock()
		if err != nil {
			return 0, nil, err
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

// close ends reading at once.
func (b *inbox) close() {
	b.mu.Lock()
	b.fail(io.ErrClosedPipe)
	b.queue, b.bytes = nil, 0
	s := b.socket
	b.mu.Unlock()
	if s != nil {
		s.close()
	}
}
