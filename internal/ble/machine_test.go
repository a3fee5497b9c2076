package ble

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"vidimus/internal/ble/bletest"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// machine is a bus with a stand-in for bluetoothd: hci0 is the reader's, hci1 the
// holder's.
type machine struct {
	bus    *bletest.Bus
	daemon *bletest.Daemon
}

func newMachine(t *testing.T, opt bletest.Options) *machine {
	t.Helper()
	bus, err := bletest.StartBus(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bus.Close() })
	daemon, err := bletest.Start(bus.Address, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Close() })
	return &machine{bus, daemon}
}

func (m *machine) radio(t *testing.T, adapter string, warn func(string)) *Radio {
	t.Helper()
	r, err := Open(t.Context(), Options{Bus: m.bus.Address, Adapter: adapter, Warn: warn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// clean waits until nothing that was set up is left: peers go at their own time.
func (m *machine) clean(t *testing.T) {
	t.Helper()
	var left []string
	for range 500 {
		if left = m.daemon.Residue(); len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("left behind: %v; calls %v", left, m.daemon.Calls())
}

// patience is for machines that are slow: nothing here takes long.
const patience = time.Minute

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// engagement offers the modes; it comes with its key for a holder session.
func engagement(t *testing.T, modes ...gatt.Mode) (*proximity.Engagement, *proximity.Holder) {
	t.Helper()
	e, key, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{
		CentralClient: slices.Contains(modes, gatt.CentralClient), PeripheralServer: slices.Contains(modes, gatt.PeripheralServer),
	}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proximity.NewHolder(e, key)
	if err != nil {
		t.Fatal(err)
	}
	return e, h
}

// meeting is one side's outcome of gatt.Meet.
type meeting struct {
	transport *gatt.Transport
	err       error
}

// meet has both sides meet.
func meet(ctx context.Context, reader, holder *Radio, e *proximity.Engagement) (r, h meeting) {
	done := make(chan meeting)
	go func() {
		t, err := gatt.Meet(ctx, holder, e, gatt.Options{Side: gatt.Holder})
		done <- meeting{t, err}
	}()
	t, err := gatt.Meet(ctx, reader, e, gatt.Options{Side: gatt.Reader})
	return meeting{t, err}, <-done
}

// met is meet that succeeds.
func met(t *testing.T, m *machine, modes ...gatt.Mode) (reader, holder *gatt.Transport) {
	t.Helper()
	e, _ := engagement(t, modes...)
	r, h := meet(limited(t), m.radio(t, "hci0", nil), m.radio(t, "hci1", nil), e)
	if r.err != nil || h.err != nil {
		t.Fatalf("reader: %v; holder: %v; calls %v", r.err, h.err, m.daemon.Calls())
	}
	return r.transport, h.transport
}

// called waits until BlueZ was called.
func (m *machine) called(t *testing.T, member string) {
	t.Helper()
	for range 500 {
		if slices.Contains(m.daemon.Calls(), member) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no call of %s: %v", member, m.daemon.Calls())
}
