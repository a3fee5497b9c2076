package gatt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Misuse of a link of the model.
var errMisuse = errors.New("not by the rules of GATT")

// modelLink is one end of a connection of a Model.
type modelLink struct {
	wire    *wire
	role    Role
	out, in *lane
	ident   []byte // what a client may read; nil when the service has none

	once   sync.Once
	closed chan struct{}
}

// MTU implements Link.
func (l *modelLink) MTU() int { return l.wire.conditions.MTU }

// Write implements Link. A value that is too large is an error, where a real
// stack cuts it off.
func (l *modelLink) Write(ctx context.Context, c Characteristic, value []byte) error {
	switch {
	case c != State && c != l.role.out():
		return fmt.Errorf("%w: role %d writes %v", errMisuse, l.role, c)
	case len(value) > valueSize(l.wire.conditions.MTU):
		return fmt.Errorf("%w: value of %d bytes", errMisuse, len(value))
	case l.isClosed():
		return io.ErrClosedPipe
	}
	return l.out.put(ctx, sentValue{c, bytes.Clone(value)}, l.closed)
}

// Read implements Link.
func (l *modelLink) Read(ctx context.Context) (Characteristic, []byte, error) {
	if l.isClosed() {
		return 0, nil, io.ErrClosedPipe
	}
	v, err := l.in.get(ctx, l.closed)
	return v.c, v.value, err
}

// ReadIdent implements Link.
func (l *modelLink) ReadIdent(ctx context.Context) ([]byte, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case l.role != Client || l.ident == nil:
		return nil, fmt.Errorf("%w: no Ident to read", errMisuse)
	case l.isClosed() || l.wire.isDown():
		return nil, errDown
	}
	return bytes.Clone(l.ident), nil
}

// Close implements Link.
func (l *modelLink) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.wire.disconnect()
	})
	return nil
}

func (l *modelLink) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}
