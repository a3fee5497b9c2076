package gatt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/proximity"
)

// Open connects and starts. A connection that drops before the start, and a
// connect that fails, are repeated with the same engagement (8.3.3.1.1.5): once by
// a client, a few times by a server, which passing scanners visit too. The limit
// in time is that of ctx. A server stops advertising when Open returns. The error is
// the cause of the last try, and when ctx ended that one, of the try before.
func Open(ctx context.Context, connect Connect, opt Options) (*Transport, error) {
	tries := clientConnects
	if opt.Mode.Role(opt.Side) == Server {
		tries = serverConnects
	}
	var before error
	for {
		tries--
		t, err := open(ctx, connect, opt)
		switch {
		case err == nil:
			return t, nil
		case ctx.Err() != nil && before != nil:
			return nil, fmt.Errorf("%v: %w, after %w", opt.Mode, ctx.Err(), before)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%v: %w", opt.Mode, ctx.Err())
		case tries == 0 && errors.Is(err, ErrLost):
			return nil, fmt.Errorf("%v: %w: hold the devices nearer and show the code again", opt.Mode, err)
		case tries == 0 || !errors.Is(err, ErrUnreached) && !errors.Is(err, ErrLost) && !errors.Is(err, ErrIdent):
			return nil, fmt.Errorf("%v: %w", opt.Mode, err) // what to do about a radio, it says itself
		}
		before = err
	}
}

func open(ctx context.Context, connect Connect, opt Options) (*Transport, error) {
	link, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	return Start(ctx, link, opt)
}

// Start checks Ident where this end does, exchanges the start over a link, and
// returns the transport: the reader may send. On an error the link is closed:
// ErrLost, ErrIdent, or what the peer did wrong. A holder must not come back to a
// reader whose Ident is another one's with the same link.
func Start(ctx context.Context, link Link, opt Options) (*Transport, error) {
	t := newTransport(link, opt)
	start := t.await
	if t.role == Client {
		start = t.announce
	}
	if err := start(ctx); err != nil {
		link.Close()
		return nil, err
	}
	opt.Progress.Tell(proximity.Connected, 0)
	return t, nil
}

// announce is the client's start.
func (t *Transport) announce(ctx context.Context) error {
	if t.opt.Mode == CentralClient && t.opt.Ident != nil {
		ident, err := t.link.ReadIdent(ctx)
		if err != nil {
			return lost(ctx, "reading Ident", err)
		}
		if !bytes.Equal(ident, t.opt.Ident) {
			return ErrIdent
		}
	}
	if err := t.decide(ctx); err != nil {
		return lost(ctx, "starting", err)
	}
	if err := t.link.Write(ctx, State, []byte{stateStart}); err != nil {
		t.undecide()
		return lost(ctx, "starting", err)
	}
	return nil
}

// decide makes this mode that of the reader, unless another one is.
func (t *Transport) decide(ctx context.Context) error {
	if t.opt.turn == nil {
		return nil
	}
	select {
	case t.opt.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// undecide leaves it to another mode.
func (t *Transport) undecide() {
	if t.opt.turn != nil {
		<-t.opt.turn
	}
}

// await is the server's: nothing but a start is taken.
func (t *Transport) await(ctx context.Context) error {
	c, value, err := t.link.Read(ctx)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the peer left before the start", ErrLost)
	case err != nil:
		return lost(ctx, "waiting for the start", err)
	case c != State:
		return fmt.Errorf("%w: value of %v before the start", proximity.ErrState, c)
	case len(value) == 1 && value[0] == stateStart:
		if err := t.decide(ctx); err != nil {
			return lost(ctx, "starting", err)
		}
		return nil
	case len(value) == 1 && value[0] == stateEnd:
		return fmt.Errorf("%w: the peer ended before the start", ErrLost)
	}
	return fmt.Errorf("%w: State of %d bytes before the start", proximity.ErrMalformed, len(value))
}
