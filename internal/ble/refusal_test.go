package ble

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/ble/bletest"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// Whatever a machine lacks, the error says it and what to do.
func TestOpenRefused(t *testing.T) {
	for _, c := range []struct {
		name, adapter string
		opt           bletest.Options
		words         []string
	}{
		{"no adapter", "", bletest.Options{Adapters: -1}, []string{"no Bluetooth adapter", "plug one in"}},
		{"no such adapter", "hci7", bletest.Options{}, []string{"hci7", "name one of hci0, hci1"}},
		{"off", "", bletest.Options{Off: true}, []string{"hci0, hci1 is switched off", "bluetoothctl power on"}},
		{"off by name", "hci1", bletest.Options{Off: true}, []string{"hci1 is switched off", "rfkill"}},
		{"denied", "", bletest.Options{Deny: "GetManagedObjects"}, []string{"permission denied", "group bluetooth"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, c.opt)
			_, err := Open(t.Context(), Options{Bus: m.bus.Address, Adapter: c.adapter})
			expect(t, err, ErrUnavailable, c.words...)
		})
	}
	t.Run("no bluetoothd", func(t *testing.T) {
		bus, err := bletest.StartBus(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close()
		_, err = Open(t.Context(), Options{Bus: bus.Address})
		expect(t, err, ErrUnavailable, "bluetoothd does not run", "systemctl start bluetooth")
	})
	t.Run("no bus", func(t *testing.T) {
		_, err := Open(t.Context(), Options{Bus: "unix:path=" + filepath.Join(t.TempDir(), "none")})
		expect(t, err, ErrUnavailable, "no D-Bus", "start dbus")
	})
	t.Run("cancelled", func(t *testing.T) {
		m := newMachine(t, bletest.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Open(ctx, Options{Bus: m.bus.Address})
		expect(t, err, context.Canceled)
	})
}

func expect(t *testing.T, err, class error, words ...string) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("%v is no %v", err, class)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

// What BlueZ refuses while connecting, in the role that needs it.
func TestConnectRefused(t *testing.T) {
	service := proximity.UUID{1, 2, 3}
	for _, c := range []struct {
		name   string
		opt    bletest.Options
		server bool
		class  error
		words  []string
	}{
		{"no peripheral", bletest.Options{CentralOnly: true}, true, ErrUnavailable, []string{"cannot be a peripheral", "another adapter"}},
		{"adverts full", bletest.Options{AdvertsFull: true}, true, ErrUnavailable, []string{"advertises as much as it can"}},
		{"application denied", bletest.Options{Deny: "RegisterApplication"}, true, ErrUnavailable, []string{"permission denied", "usermod"}},
		{"advert denied", bletest.Options{Deny: "RegisterAdvertisement"}, true, ErrUnavailable, []string{"permission denied"}},
		{"filter denied", bletest.Options{Deny: "SetDiscoveryFilter"}, false, ErrUnavailable, []string{"permission denied"}},
		{"scan denied", bletest.Options{Deny: "StartDiscovery"}, false, ErrUnavailable, []string{"permission denied"}},
		{"connect denied", bletest.Options{Deny: "Connect"}, false, ErrUnavailable, []string{"permission denied"}},
		{"connect fails", bletest.Options{Refusals: 1}, false, ErrPeer, []string{"le-connection-abort-by-local"}},
		{"no characteristics", bletest.Options{NoAttributes: true}, false, ErrPeer, []string{"no State"}},
		{"notify denied", bletest.Options{Deny: "StartNotify"}, false, ErrUnavailable, []string{"permission denied"}},
		{"acquire denied", bletest.Options{Deny: "AcquireNotify"}, false, ErrUnavailable, []string{"permission denied"}},
		{"write denied", bletest.Options{Deny: "AcquireWrite"}, false, ErrUnavailable, []string{"permission denied"}},
		{"MTU", bletest.Options{MTU: 22}, false, ErrPeer, []string{"MTU 22"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, c.opt)
			offer := gatt.Offer{Mode: gatt.PeripheralServer, Service: service}
			ctx, cancel := context.WithCancel(limited(t))
			connect := m.radio(t, "hci0", nil).Scan(offer)
			ended := make(chan struct{})
			if c.server {
				connect = m.radio(t, "hci0", nil).Advertise(offer, nil)
				close(ended)
			} else {
				other := m.radio(t, "hci1", nil)
				go func() {
					defer close(ended)
					if l, err := other.Advertise(offer, nil)(ctx); err == nil {
						l.Close()
					}
				}()
			}
			_, err := connect(ctx)
			expect(t, err, c.class, c.words...)
			cancel()
			<-ended
			m.clean(t)
		})
	}
}

// A machine that loses its Bluetooth meanwhile ends what waits for it.
func TestLostWhileWaiting(t *testing.T) {
	for name, lose := range map[string]func(*machine){
		"switched off": func(m *machine) { m.daemon.SetPowered("hci0", false) },
		"unplugged":    func(m *machine) { m.daemon.Unplug("hci0") },
		"daemon stops": func(m *machine) { m.daemon.Close() },
		"bus ends":     func(m *machine) { m.bus.Close() },
		"advert ended": func(m *machine) {
			for range 500 { // the call of RegisterAdvertisement may not be over
				if m.daemon.Release("hci0") > 0 {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Error("nothing was advertised")
		},
	} {
		for _, role := range []gatt.Role{gatt.Server, gatt.Client} {
			if name == "advert ended" && role == gatt.Client {
				continue
			}
			m := newMachine(t, bletest.Options{})
			r := m.radio(t, "hci0", nil)
			connect, last := r.Scan(gatt.Offer{Mode: gatt.PeripheralServer}), "StartDiscovery"
			if role == gatt.Server {
				connect, last = r.Advertise(gatt.Offer{Mode: gatt.PeripheralServer}, nil), "RegisterAdvertisement"
			}
			done := make(chan error, 1)
			go func() {
				_, err := connect(limited(t))
				done <- err
			}()
			m.called(t, last)
			lose(m)
			if err := <-done; !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s, role %d: %v", name, role, err)
			}
		}
	}
}

// Who waits no longer leaves nothing behind.
func TestCancelled(t *testing.T) {
	for _, role := range []gatt.Role{gatt.Server, gatt.Client} {
		m := newMachine(t, bletest.Options{})
		r := m.radio(t, "hci0", nil)
		connect, last := r.Scan(gatt.Offer{Mode: gatt.PeripheralServer}), "StartDiscovery"
		if role == gatt.Server {
			connect, last = r.Advertise(gatt.Offer{Mode: gatt.PeripheralServer}, nil), "RegisterAdvertisement"
		}
		ctx, cancel := context.WithCancel(limited(t))
		done := make(chan error, 1)
		go func() {
			_, err := connect(ctx)
			done <- err
		}()
		m.called(t, last)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("role %d: %v", role, err)
		}
		m.clean(t)
	}
}

// Connections that break: within a message it is an error, between two the end.
func TestDisconnect(t *testing.T) {
	for _, mode := range bothModes {
		for _, cut := range []int{1, 2, 5, 20} {
			// The start is the first value; a message of 3,000 bytes has 17 more.
			m := newMachine(t, bletest.Options{MTU: 185, Cuts: []int{cut}})
			reader, holder := met(t, m, mode)
			go func() { _ = reader.Send(limited(t), make([]byte, 3000)) }()
			got, err := holder.Recv(limited(t))
			switch {
			case cut < 18 && cut > 1 && !errors.Is(err, gatt.ErrLost):
				t.Errorf("%v, cut %d: %d bytes, %v", mode, cut, len(got), err)
			case cut == 1 && !errors.Is(err, io.EOF):
				t.Errorf("%v, cut %d: %d bytes, %v", mode, cut, len(got), err)
			case cut == 20 && len(got) != 3000:
				t.Errorf("%v, cut %d: %d bytes, %v", mode, cut, len(got), err)
			}
			reader.Close()
			holder.Close()
			m.clean(t)
		}
	}
	m := newMachine(t, bletest.Options{})
	reader, holder := met(t, m, gatt.CentralClient)
	m.daemon.Disconnect()
	for _, end := range []*gatt.Transport{reader, holder} {
		if _, err := end.Recv(limited(t)); !errors.Is(err, io.EOF) {
			t.Errorf("disconnected between messages: %v", err)
		}
		end.Close()
	}
	m.clean(t)
}

// A radio that is closed takes its connections along.
func TestClose(t *testing.T) {
	for _, mode := range bothModes {
		m := newMachine(t, bletest.Options{})
		e, _ := engagement(t, mode)
		reader, holder := m.radio(t, "hci0", nil), m.radio(t, "hci1", nil)
		r, h := meet(limited(t), reader, holder, e)
		if r.err != nil || h.err != nil {
			t.Fatal(r.err, h.err)
		}
		reader.Close()
		if _, err := h.transport.Recv(limited(t)); !errors.Is(err, io.EOF) {
			t.Errorf("%v: the other side: %v", mode, err)
		}
		if _, err := r.transport.Recv(limited(t)); err == nil {
			t.Errorf("%v: received after the end", mode)
		}
		r.transport.Close()
		h.transport.Close()
		m.clean(t)
	}
}

// A passing scanner that connects, takes notifications and even writes a message
// has no part in the session: the device that starts is served alone, and the other
// is disconnected (badinputs Q06).
func TestStranger(t *testing.T) {
	m := newMachine(t, bletest.Options{Adapters: 3})
	e, _ := engagement(t, gatt.CentralClient)
	b, err := e.BLE()
	if err != nil {
		t.Fatal(err)
	}
	reader, holder, stranger := m.radio(t, "hci0", nil), m.radio(t, "hci1", nil), m.radio(t, "hci2", nil)
	done := make(chan meeting)
	go func() {
		transport, err := gatt.Meet(limited(t), reader, e, gatt.Options{Side: gatt.Reader})
		done <- meeting{transport, err}
	}()
	passing, err := stranger.Scan(gatt.Offers(b)[0])(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := passing.Write(limited(t), gatt.ClientServer, []byte{0, 'x'}); err != nil {
		t.Fatal(err)
	}
	transport, err := gatt.Meet(limited(t), holder, e, gatt.Options{Side: gatt.Holder})
	if err != nil {
		t.Fatal(err)
	}
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	if _, _, err := passing.Read(limited(t)); !errors.Is(err, io.EOF) {
		t.Errorf("the stranger is still there: %v", err)
	}
	go func() { _ = transport.Send(limited(t), []byte("hello")) }()
	if got, err := r.transport.Recv(limited(t)); string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	passing.Close()
	transport.Close()
	r.transport.Close()
	m.clean(t)
}

// The reader says when bluetoothd would lose what a phone sends.
func TestWarning(t *testing.T) {
	for _, c := range []struct {
		version int
		mtu     uint16
		warns   bool
	}{{566, 517, true}, {566, 512, false}, {573, 517, false}} {
		m := newMachine(t, bletest.Options{Version: c.version, MTU: c.mtu})
		var mu sync.Mutex
		var said []string
		reader := m.radio(t, "hci0", func(s string) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, s)
		})
		e, _ := engagement(t, gatt.CentralClient)
		r, h := meet(limited(t), reader, m.radio(t, "hci1", nil), e)
		if r.err != nil || h.err != nil {
			t.Fatal(r.err, h.err)
		}
		if got := len(said) == 1 && strings.Contains(said[0], "ExchangeMTU=512"); got != c.warns {
			t.Errorf("bluetoothd %d, MTU %d: said %q", c.version, c.mtu, said)
		}
		r.transport.Close()
		h.transport.Close()
	}
}
