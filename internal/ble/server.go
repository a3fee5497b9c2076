package ble

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// Advertise implements gatt.Radio. The connection is there when a device has
// enabled notifications and written the start, which is the first value to read.
// Errors match ErrUnavailable or are those of the context.
func (r *Radio) Advertise(offer gatt.Offer, ident []byte) gatt.Connect {
	return func(ctx context.Context) (gatt.Link, error) {
		s := r.newServer(offer, ident)
		l, err := s.serve(ctx)
		if err != nil {
			s.stop()
			return nil, err
		}
		return l, nil
	}
}

// server is one service with its advertisement, for one connection.
type server struct {
	radio *Radio
	offer gatt.Offer
	ident []byte
	root  dbus.ObjectPath
	in    *inbox

	mu         sync.Mutex
	peer       dbus.ObjectPath          // the device that has started; "" before
	mtu        int                      // of its connection
	out        *socket                  // notifications of ServerClient; nil before
	subscribed bool                     // somebody takes notifications, or is about to
	touched    map[dbus.ObjectPath]bool // devices that have used the service
	failed     error                    // why nobody can come any more
	over       bool
	changed    chan struct{} // one place

	registered, advertised bool
	once                   sync.Once
}

func (r *Radio) newServer(offer gatt.Offer, ident []byte) *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.services++
	s := &server{
		radio: r, offer: offer, ident: slices.Clone(ident), root: dbus.ObjectPath(fmt.Sprintf("/vidimus/service%d", r.services)),
		in: newInbox(gatt.ClientServer), touched: map[dbus.ObjectPath]bool{}, changed: make(chan struct{}, 1),
	}
	r.servers[s] = true
	return s
}

// serve advertises until somebody starts.
func (s *server) serve(ctx context.Context) (*link, error) {
	if err := s.register(ctx); err != nil {
		return nil, err
	}
	if err := s.wait(ctx); err != nil {
		return nil, fmt.Errorf("waiting for a device: %w", err)
	}
	s.hush()
	s.mu.Lock()
	peer, mtu := s.peer, s.mtu
	s.mu.Unlock()
	s.radio.hold(peer)
	s.dismiss()
	if v := s.radio.version; mtu > clientMTU && v > 0 && v < 570 {
		s.radio.warn(fmt.Sprintf("the peer may send values that bluetoothd %d.%02d loses (MTU %d): set ExchangeMTU=512 under [GATT] in /etc/bluetooth/main.conf and restart bluetoothd, or install 5.70 or newer", v/100, v%100, mtu))
	}
	l := &link{role: gatt.Server, in: s.in, mtu: max(gatt.MinMTU, min(mtu, gatt.MaxMTU)-serverHeader), send: s.notify, state: s.notifyState, taken: s.taken}
	stop := l.watchPeer(ctx, s.radio, peer)
	l.end = func() {
		stop()
		s.stop()
		s.radio.release(peer)
	}
	return l, nil
}

// register exports the service and has it advertised.
func (s *server) register(ctx context.Context) error {
	r := s.radio
	var err error
	r.tree.see(func(all objects) {
		switch {
		case r.ready(all) != nil:
			err = r.ready(all)
		case all[r.adapter][ifAdvManager] == nil || all[r.adapter][ifGattManager] == nil:
			err = unavailable(r.Adapter()+" cannot be a peripheral", "use another adapter")
		}
	})
	if err != nil {
		return err
	}
	if err := s.export(); err != nil {
		return fmt.Errorf("exporting the service: %w", err)
	}
	s.registered = true // also when the answer does not come
	if err := r.call(ctx, r.adapter, ifGattManager+".RegisterApplication", s.root, properties{}).Err; err != nil {
		return r.failed(ctx, "registering the service", err)
	}
	s.advertised = true
	if err := r.call(ctx, r.adapter, ifAdvManager+".RegisterAdvertisement", s.advertisement(), properties{}).Err; err != nil {
		var e dbus.Error
		if errors.As(err, &e) && e.Name == errNotPermitted {
			return unavailable("bluetoothd advertises as much as it can", "end other programs that advertise, or restart bluetoothd")
		}
		return r.failed(ctx, "advertising", err)
	}
	return nil
}

// wait waits until a device has started and takes notifications.
func (s *server) wait(ctx context.Context) error {
	// What happens to the adapter meanwhile, the tree tells.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lost := make(chan error, 1)
	go func() {
		lost <- s.radio.tree.wait(ctx, func(all objects) (bool, error) { return false, s.radio.ready(all) })
	}()
	for {
		s.mu.Lock()
		failed, ready := s.failed, s.peer != "" && s.out != nil
		s.mu.Unlock()
		switch {
		case ready:
			return nil
		case failed != nil:
			// An adapter that is switched off says so a little later.
			select {
			case err := <-lost:
				return err
			case <-time.After(releaseTime):
				return failed
			}
		}
		select {
		case <-s.changed:
		case err := <-lost:
			return err
		}
	}
}

func (s *server) poke() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// touch remembers a device, and reports whether it may go on: nobody has started,
// or it has.
func (s *server) touch(device dbus.ObjectPath) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if device == "" || s.over {
		return false
	}
	s.touched[device] = true
	return s.peer == "" || s.peer == device
}

// serves reports whether a device has used the service and may start, or has.
func (s *server) serves(device dbus.ObjectPath) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.touched[device] && !s.over && (s.peer == "" || s.peer == device)
}

// subscribing: a device enables notifications. A socket that was opened for an
// earlier one is no longer BlueZ's.
func (s *server) subscribing(device dbus.ObjectPath) {
	if !s.touch(device) {
		return
	}
	s.mu.Lock()
	before := s.out
	s.out, s.subscribed = nil, true
	s.mu.Unlock()
	if before != nil {
		before.close()
	}
}

// written takes a value of State, in the order in which they come. The first
// device that starts is the peer; the others are nobody.
func (s *server) written(value []byte, device dbus.ObjectPath, mtu int) {
	if !s.touch(device) {
		return
	}
	s.mu.Lock()
	if s.peer == "" {
		if !s.subscribed || len(value) != 1 || value[0] != stateStart {
			s.mu.Unlock()
			return // a passer-by
		}
		s.peer, s.mtu = device, max(mtu, gatt.MinMTU)
	}
	s.mu.Unlock()
	s.in.state(value)
	s.poke()
}

// wrote takes a part of a message, in the order in which they come; of anybody but
// the peer it is dropped. Parts of a value are none.
func (s *server) wrote(value []byte, device dbus.ObjectPath, offset int) {
	s.touch(device)
	s.mu.Lock()
	peer := !s.over && device != "" && s.peer == device
	s.mu.Unlock()
	switch {
	case !peer:
	case offset != 0:
		s.in.end(fmt.Errorf("%w: value from byte %d", proximity.ErrMalformed, offset))
	default:
		s.in.message(value)
	}
}

// acquireNotify is where notifications go from now on.
func (s *server) acquireNotify(device dbus.ObjectPath) (*socket, error) {
	if !s.touch(device) {
		return nil, errRole
	}
	socket, err := pair()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.out = socket
	s.mu.Unlock()
	s.poke()
	return socket, nil
}

func (s *server) output() *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out
}

var errUnsubscribed = errors.New("the peer takes no notifications any more")

func (s *server) notify(ctx context.Context, value []byte) error {
	if out := s.output(); out != nil {
		return out.write(ctx, value)
	}
	return errUnsubscribed
}

func (s *server) taken(ctx context.Context) error {
	if out := s.output(); out != nil {
		return out.drained(ctx)
	}
	return errUnsubscribed
}

// released: BlueZ has ended the advertisement by itself.
func (s *server) released() {
	s.mu.Lock()
	if s.peer == "" && s.failed == nil && !s.over {
		s.failed = unavailable("bluetoothd has ended the advertisement", "see its log (journalctl -u bluetooth)")
	}
	s.mu.Unlock()
	s.poke()
}

// hush ends the advertisement.
func (s *server) hush() {
	if s.advertised {
		s.advertised = false
		s.radio.clean(s.radio.adapter, ifAdvManager+".UnregisterAdvertisement", s.advertisement())
	}
}

// dismiss disconnects who has touched the service and is in no link.
func (s *server) dismiss() {
	s.mu.Lock()
	devices := slices.Collect(maps.Keys(s.touched))
	s.mu.Unlock()
	for _, device := range devices {
		s.radio.mu.Lock()
		held := s.radio.links[device] > 0
		s.radio.mu.Unlock()
		if !held {
			s.radio.forget(device)
		}
	}
}

// stop puts everything back.
func (s *server) stop() {
	s.once.Do(func() {
		s.radio.mu.Lock()
		delete(s.radio.servers, s)
		s.radio.mu.Unlock()
		s.mu.Lock()
		s.over = true
		out := s.out
		s.mu.Unlock()
		s.hush()
		if s.registered {
			s.radio.clean(s.radio.adapter, ifGattManager+".UnregisterApplication", s.root)
		}
		s.unexport()
		s.dismiss()
		s.in.close()
		if out != nil {
			out.close()
		}
	})
}
