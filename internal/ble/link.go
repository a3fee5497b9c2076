package ble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/proximity/gatt"
)

// link is one connection (gatt.Link); client and server fill it in.
type link struct {
	mtu  int
	role gatt.Role
	in   *inbox

	// send hands a message's value to BlueZ, state a value of State; taken waits
	// until BlueZ has taken what was sent.
	send  func(ctx context.Context, value []byte) error
	state func(ctx context.Context, value []byte) error
	taken func(ctx context.Context) error
	ident func(ctx context.Context) ([]byte, error) // nil where there is none

	end  func() // puts everything back
	once sync.Once
}

var errRole = errors.New("not of this role")

// MTU implements gatt.Link. It is what values may be measured by, and can be less
// than what was agreed on (limits.go).
func (l *link) MTU() int { return l.mtu }

// Write implements gatt.Link.
func (l *link) Write(ctx context.Context, c gatt.Characteristic, value []byte) error {
	var err error
	switch {
	case c == gatt.State:
		// State takes another way than messages: it must not overtake them.
		if err = l.taken(ctx); err == nil {
			err = l.state(ctx, value)
		}
	case c == gatt.ClientServer && l.role == gatt.Client, c == gatt.ServerClient && l.role == gatt.Server:
		err = l.send(ctx, value)
	default:
		err = errRole
	}
	if err != nil {
		return fmt.Errorf("writing %v: %w", c, err)
	}
	return nil
}

// Read implements gatt.Link.
func (l *link) Read(ctx context.Context) (gatt.Characteristic, []byte, error) {
	return l.in.next(ctx)
}

// ReadIdent implements gatt.Link.
func (l *link) ReadIdent(ctx context.Context) ([]byte, error) {
	if l.ident == nil {
		return nil, fmt.Errorf("reading Ident: %w", errRole)
	}
	return l.ident(ctx)
}

// Close implements gatt.Link.
func (l *link) Close() error {
	l.once.Do(func() {
		l.in.close()
		l.end()
	})
	return nil
}

// watchPeer ends the link when the device disconnects, and returns what stops that.
func (l *link) watchPeer(ctx context.Context, r *Radio, device dbus.ObjectPath) (stop func()) {
	gone := func() { l.in.end(io.EOF) }
	stop, there := r.tree.watch(&watcher{path: device, iface: ifDevice, removed: gone, changed: func(p properties) {
		if connected, ok := p["Connected"].Value().(bool); ok && !connected {
			gone()
		}
	}})
	if !there {
		gone()
	}
	r.refresh(ctx, device) // what it did before, the watcher is told now
	return stop
}
