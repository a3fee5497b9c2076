package ble

import (
	"context"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/proximity/gatt"
)

// Scan implements gatt.Radio. The connection is there when notifications are on.
// Errors match ErrUnavailable, ErrPeer, or are those of the context.
func (r *Radio) Scan(offer gatt.Offer) gatt.Connect {
	return func(ctx context.Context) (gatt.Link, error) {
		device, err := r.discover(ctx, offer.Service.String())
		if err != nil {
			return nil, err
		}
		if err := r.resolve(ctx, device); err != nil {
			return nil, err
		}
		l, err := r.client(ctx, device, offer)
		if err != nil {
			r.release(device)
			return nil, err
		}
		return l, nil
	}
}

// client makes a link of a connected device, which is held.
func (r *Radio) client(ctx context.Context, device dbus.ObjectPath, offer gatt.Offer) (_ gatt.Link, err error) {
	found, err := r.find(ctx, device, offer)
	if err != nil {
		return nil, err
	}
	l := &link{role: gatt.Client, in: newInbox(gatt.ServerClient)}
	var cleanup []func()
	l.end = func() {
		for _, f := range slices.Backward(cleanup) {
			f()
		}
	}
	defer func() {
		if err != nil {
			l.in.close()
			l.end()
		}
	}()

	cleanup = append(cleanup, l.watchPeer(ctx, r, device))

	state := found[gatt.State]
	stop, _ := r.tree.watch(&watcher{path: state.path, iface: ifCharacteristic, removed: func() {}, changed: func(p properties) {
		if value, ok := p["Value"].Value().([]byte); ok {
			l.in.state(value)
		}
	}})
	cleanup = append(cleanup, stop)
	if err := r.call(ctx, state.path, ifCharacteristic+".StartNotify").Err; err != nil {
		return nil, peerError(ctx, "enabling State", err)
	}
	in, mtu, err := r.acquire(ctx, found[gatt.ServerClient].path, "AcquireNotify")
	if err != nil {
		return nil, err
	}
	l.in.connect(in)

	cleanupOut, outMTU, err := r.output(ctx, l, found[gatt.ClientServer])
	if err != nil {
		return nil, err
	}
	cleanup = append(cleanup, cleanupOut)
	l.mtu = min(max(mtu, outMTU), clientMTU)

	l.state = func(ctx context.Context, value []byte) error { return r.write(ctx, state, value) }
	if ident, ok := found[gatt.Ident]; ok {
		l.ident = func(ctx context.Context) ([]byte, error) {
			var value []byte
			err := r.call(ctx, ident.path, ifCharacteristic+".ReadValue", properties{}).Store(&value)
			return value, peerError(ctx, "reading Ident", err)
		}
	}
	cleanup = slices.Insert(cleanup, 0, func() { r.release(device) }) // last of all
	return l, nil
}

// output is how the client sends messages: over a socket, or by requests, for
// peers that offer nothing else.
func (r *Radio) output(ctx context.Context, l *link, c remoteCharacteristic) (end func(), mtu int, err error) {
	if !slices.Contains(c.flags, "write-without-response") {
		l.send = func(ctx context.Context, value []byte) error { return r.write(ctx, c, value) }
		l.taken = func(context.Context) error { return nil }
		return func() {}, 0, nil
	}
	out, mtu, err := r.acquire(ctx, c.path, "AcquireWrite")
	if err != nil {
		return nil, 0, err
	}
	l.send, l.taken = out.write, out.drained
	return out.close, mtu, nil
}

// write writes a value over the bus, as the characteristic wants it, without
// response where it can be.
func (r *Radio) write(ctx context.Context, c remoteCharacteristic, value []byte) error {
	kind := "request"
	if slices.Contains(c.flags, "write-without-response") {
		kind = "command"
	}
	err := r.call(ctx, c.path, ifCharacteristic+".WriteValue", value, properties{"type": dbus.MakeVariant(kind)}).Err
	return peerError(ctx, "writing", err)
}

// acquire gets a socket and the MTU. An answer that comes after ctx has ended is
// closed.
func (r *Radio) acquire(ctx context.Context, path dbus.ObjectPath, method string) (*socket, int, error) {
	calls := make(chan *dbus.Call, 1)
	r.conn.Object(bluez, path).Go(ifCharacteristic+"."+method, 0, calls, properties{})
	select {
	case call := <-calls:
		return acquired(ctx, method, call)
	case <-ctx.Done():
		go func() {
			if s, _, err := acquired(context.Background(), method, <-calls); err == nil {
				s.close()
			}
		}()
		return nil, 0, ctx.Err()
	}
}

func acquired(ctx context.Context, method string, call *dbus.Call) (*socket, int, error) {
	var fd dbus.UnixFD
	var mtu uint16
	if err := call.Store(&fd, &mtu); err != nil {
		return nil, 0, peerError(ctx, method, err)
	}
	s, err := adopt(int(fd))
	if err != nil {
		return nil, 0, err
	}
	if mtu < gatt.MinMTU {
		s.close()
		return nil, 0, fmt.Errorf("%w: MTU %d, at least %d", ErrPeer, mtu, gatt.MinMTU)
	}
	return s, int(mtu), nil
}
