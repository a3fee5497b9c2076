package gatt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"vidimus/internal/proximity"
)

// Options say whose end of a connection a transport is.
type Options struct {
	Mode Mode
	Side Side

	// Ident is what the engagement derives ([proximity.Engagement.Ident], 16
	// bytes). The holder compares it with the reader's in mdoc central client mode;
	// nil leaves that out, as the standard allows. It routes, it proves nothing.
	Ident []byte

	// MessageTime bounds the time from the first value of a message to its last,
	// Linger the time that Close waits for the peer to leave first. Zero means the
	// default, below zero none at all.
	MessageTime, Linger time.Duration

	// Progress is told Connected once, and Sending and Receiving with each value.
	Progress proximity.Progress

	// turn has one place, for the one of several modes that a reader starts; nil
	// when there are no others.
	turn chan struct{}
}

// Transport is a started connection that carries whole messages
// (proximity.Transport). Besides what that promises: an error other than that of
// a context between two messages is final, and the same for every later call.
type Transport struct {
	link Link
	role Role
	opt  Options

	sending sync.Mutex
	half    bool // a message went out in part: nothing may follow it

	receiving sync.Mutex
	in        assembly
	first     []byte // a message that hear has received; nil: none

	mu   sync.Mutex
	over error // why nothing goes any more; io.EOF when the peer ended
	sent bool  // something went out to which nothing has come back
	once sync.Once
}

var _ proximity.Transport = (*Transport)(nil)

func newTransport(link Link, opt Options) *Transport {
	if opt.MessageTime == 0 {
		opt.MessageTime = DefaultMessageTime
	}
	if opt.Linger == 0 {
		opt.Linger = DefaultLinger
	}
	return &Transport{link: link, role: opt.Mode.Role(opt.Side), opt: opt}
}

// Send cuts msg into values and writes them. A message that was cut off, by ctx
// too, ends the transport: the peer could not tell where the next one begins.
func (t *Transport) Send(ctx context.Context, msg []byte) error {
	if len(msg) > proximity.MaxMessage {
		return fmt.Errorf("%w: message of %d bytes, at most %d", proximity.ErrLimit, len(msg), proximity.MaxMessage)
	}
	t.sending.Lock()
	defer t.sending.Unlock()
	if err := t.ended(); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrClosedPipe
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	mtu := t.link.MTU()
	if mtu < MinMTU {
		return t.fail(fmt.Errorf("%w: MTU %d, at least %d", proximity.ErrLimit, mtu, MinMTU))
	}
	t.half = true
	t.setSent(true)
	n := 0
	for value := range chunks(msg, valueSize(mtu)) {
		if err := t.link.Write(ctx, t.role.out(), value); err != nil {
			return t.fail(lost(ctx, "writing a message", err))
		}
		n += len(value) - 1
		t.opt.Progress.Tell(proximity.Sending, n)
	}
	t.half = false
	return nil
}

// Recv returns the next message, io.EOF when the peer has ended or left between
// two messages, and ErrLost when it did so within one.
func (t *Transport) Recv(ctx context.Context) ([]byte, error) {
	t.receiving.Lock()
	defer t.receiving.Unlock()
	if err := t.ended(); err != nil {
		return nil, err
	}
	if message := t.first; message != nil {
		t.first = nil
		return message, nil
	}
	whole := ctx
	for {
		c, value, err := t.link.Read(whole)
		if err != nil {
			return nil, t.readError(ctx, whole, err)
		}
		message, err := t.take(c, value)
		if err != nil {
			t.in.parts = nil
			return nil, t.fail(err)
		}
		if message != nil {
			t.setSent(false)
			return message, nil
		}
		if whole == ctx && t.opt.MessageTime > 0 {
			var cancel context.CancelFunc
			whole, cancel = context.WithTimeout(ctx, t.opt.MessageTime)
			defer cancel()
		}
	}
}

// hear waits for the first message, and leaves it to Recv.
func (t *Transport) hear(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, proximity.RequestTime)
	defer cancel()
	message, err := t.Recv(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("%w after %v", proximity.ErrTimeout, proximity.RequestTime)
	}
	if err != nil {
		return fmt.Errorf("%v: waiting for the request: %w", t.opt.Mode, err)
	}
	t.first = message
	return nil
}

// readError says what the end of reading means: whole is the context of the
// message that has begun, or ctx.
func (t *Transport) readError(ctx, whole context.Context, err error) error {
	switch {
	case ctx.Err() != nil && !t.in.open:
		return ctx.Err() // nothing is lost, the caller may come again
	case ctx.Err() != nil:
		return t.fail(ctx.Err())
	case whole.Err() != nil:
		return t.fail(fmt.Errorf("%w: message is not complete after %v", proximity.ErrLimit, t.opt.MessageTime))
	case errors.Is(err, io.EOF) && !t.in.open:
		return t.fail(io.EOF)
	case errors.Is(err, io.EOF):
		return t.fail(fmt.Errorf("%w: within a message, after %d bytes", ErrLost, len(t.in.parts)))
	}
	return t.fail(lost(ctx, "reading", err))
}

// take is what a started transport does with a value: the message that it
// completes, or nil.
func (t *Transport) take(c Characteristic, value []byte) ([]byte, error) {
	switch c {
	case t.role.in():
		message, err := t.in.add(value)
		if err == nil && message == nil {
			t.opt.Progress.Tell(proximity.Receiving, len(t.in.parts))
		}
		return message, err
	case State:
		return nil, t.state(value)
	}
	return nil, fmt.Errorf("%w: value of %v", proximity.ErrState, c)
}

// state is what a value of State means after the start: always an error, io.EOF
// for an end in its place.
func (t *Transport) state(value []byte) error {
	switch {
	case len(value) != 1 || value[0] != stateStart && value[0] != stateEnd:
		return fmt.Errorf("%w: State of %d bytes, %x", proximity.ErrMalformed, len(value), value[:min(len(value), 4)])
	case value[0] == stateStart:
		return fmt.Errorf("%w: second start", proximity.ErrState)
	case t.in.open:
		return fmt.Errorf("%w: ended within a message, after %d bytes", ErrLost, len(t.in.parts))
	}
	return io.EOF
}

// lost wraps an error of the link, unless the context is the reason.
func lost(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if errors.Is(err, ErrLost) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrLost, doing, err)
}

func (t *Transport) ended() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

func (t *Transport) setSent(sent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = sent
}

// fail ends the transport; the first reason stays.
func (t *Transport) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over == nil {
		t.over = err
	}
	return t.over
}

// Close says the end by State, where the peer has not, and disconnects. It waits
// for the peer to leave first, at most Linger: a stack that is closed at once
// drops what it has not sent yet. Pending calls end.
func (t *Transport) Close() error {
	var err error
	t.once.Do(func() {
		why := t.ended()
		gone := errors.Is(why, io.EOF) || errors.Is(why, ErrLost)
		t.fail(io.ErrClosedPipe)
		if !gone && !t.linger() && t.sayEnd() && t.role == Server {
			t.linger() // it is the client that disconnects
		}
		err = t.link.Close()
	})
	return err
}

// sayEnd writes the end, unless a message is half out: the end would be read as
// its continuation.
func (t *Transport) sayEnd() bool {
	if !t.sending.TryLock() {
		return false
	}
	defer t.sending.Unlock()
	if t.half {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return t.link.Write(ctx, State, []byte{stateEnd}) == nil
}

// linger reads what nobody waits for any more, and reports whether the peer ended
// or left meanwhile. It waits for nothing when a Recv waits, or when the last thing
// was a message of the peer: who has answered has what came before.
func (t *Transport) linger() bool {
	t.mu.Lock()
	sent := t.sent
	t.mu.Unlock()
	if !sent || t.opt.Linger < 0 || !t.receiving.TryLock() {
		return false
	}
	defer t.receiving.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), t.opt.Linger)
	defer cancel()
	for {
		c, value, err := t.link.Read(ctx)
		if err != nil {
			return ctx.Err() == nil
		}
		if c == State && len(value) == 1 && value[0] == stateEnd {
			return true
		}
	}
}
