package proximity

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Transport carries whole messages between the two sides, in order. Send returns
// when the message is on its way; it keeps no reference to msg. Recv returns
// io.EOF once the other side has closed and everything that it sent has been
// received; what it returns belongs to the caller. An implementation bounds the size of a message it puts together
// ([MaxMessage]).
type Transport interface {
	Send(ctx context.Context, msg []byte) error
	Recv(ctx context.Context) ([]byte, error)
	Close() error
}

// pipeDepth is how many messages one direction of a pipe holds: the session
// alternates, but for the status that may follow a response.
const pipeDepth = 4

// Pipe returns the two ends of a transport in memory.
func Pipe() (Transport, Transport) {
	ab, ba := make(chan []byte, pipeDepth), make(chan []byte, pipeDepth)
	a := &pipe{in: ba, out: ab, closed: make(chan struct{})}
	b := &pipe{in: ab, out: ba, closed: make(chan struct{})}
	a.peer, b.peer = b.closed, a.closed
	return a, b
}

type pipe struct {
	in, out chan []byte
	closed  chan struct{}
	peer    <-chan struct{}
	once    sync.Once
}

func (p *pipe) Send(ctx context.Context, msg []byte) error {
	if len(msg) > MaxMessage {
		return fmt.Errorf("%w: message of %d bytes, at most %d", ErrLimit, len(msg), MaxMessage)
	}
	// A select among several ready cases picks any: what forbids sending comes first.
	select {
	case <-p.closed:
		return io.ErrClosedPipe
	case <-p.peer:
		return io.ErrClosedPipe
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	select {
	case p.out <- slices.Clone(msg):
		return nil
	case <-p.closed:
		return io.ErrClosedPipe
	case <-p.peer:
		return io.ErrClosedPipe
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) Recv(ctx context.Context) ([]byte, error) {
	select {
	case <-p.closed:
		return nil, io.ErrClosedPipe
	default:
	}
	select {
	case msg := <-p.in:
		return msg, nil
	default:
	}
	select {
	case msg := <-p.in:
		return msg, nil
	case <-p.closed:
		return nil, io.ErrClosedPipe
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.peer:
	}
	select { // sent before the other side closed
	case msg := <-p.in:
		return msg, nil
	default:
		return nil, io.EOF
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}
