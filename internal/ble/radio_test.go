//go:build bluez

package ble

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"time"

	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// What runs in the guest: hci0 is the reader's, hci1 the holder's, as with the
// stand-in.

func guestRadio(t *testing.T, adapter string) *Radio {
	t.Helper()
	if !inGuest() {
		t.Fatal("for the guest alone: run TestGuest")
	}
	r, err := Open(t.Context(), Options{Adapter: adapter, Warn: func(s string) { t.Log("warned:", s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// slowly is for an emulated machine.
func slowly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func guestMet(t *testing.T, modes ...gatt.Mode) (reader, holder *gatt.Transport) {
	t.Helper()
	e, _ := engagement(t, modes...)
	began := time.Now()
	r, h := meet(slowly(t), guestRadio(t, "hci0"), guestRadio(t, "hci1"), e)
	if r.err != nil || h.err != nil {
		t.Fatalf("reader: %v; holder: %v", r.err, h.err)
	}
	t.Logf("%v: met after %v", modes, time.Since(began).Round(time.Millisecond))
	return r.transport, h.transport
}

// guestClean waits until bluetoothd has no connection and no device any more.
func guestClean(t *testing.T) {
	t.Helper()
	r := guestRadio(t, "hci0")
	left := 0
	err := until(func() bool {
		left = 0
		r.tree.see(func(all objects) {
			for _, has := range all {
				if has[ifDevice] != nil {
					left++
				}
			}
		})
		return left == 0
	})
	if err != nil {
		t.Errorf("%d devices are left", left)
	}
}

// Messages of all sizes, both modes, both ways: as sent, and in order.
func TestRadioMessages(t *testing.T) {
	for _, mode := range bothModes {
		reader, holder := guestMet(t, mode)
		for _, n := range []int{1, 100, 511, 3000, 25 << 10, 60_000} {
			message := make([]byte, n)
			_, _ = rand.Read(message)
			for i, way := range [][2]*gatt.Transport{{reader, holder}, {holder, reader}} {
				began := time.Now()
				sent := make(chan error, 1)
				go func() { sent <- way[0].Send(slowly(t), message) }()
				got, err := way[1].Recv(slowly(t))
				if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, message) {
					t.Fatalf("%v, way %d, %d bytes: got %d, %v", mode, i, n, len(got), err)
				}
				t.Logf("%v, way %d: %d bytes in %v", mode, i, n, time.Since(began).Round(time.Millisecond))
			}
		}
		// The end stands behind the last message.
		if err := holder.Send(slowly(t), make([]byte, 25<<10)); err != nil {
			t.Fatal(err)
		}
		go holder.Close()
		if got, err := reader.Recv(slowly(t)); err != nil || len(got) != 25<<10 {
			t.Fatalf("%v: the last message: %d bytes, %v", mode, len(got), err)
		}
		if _, err := reader.Recv(slowly(t)); !errors.Is(err, io.EOF) {
			t.Errorf("%v: after the end: %v", mode, err)
		}
		reader.Close()
		holder.Close()
		guestClean(t)
	}
}

// One after the other, in both modes, and a holder that offers both: an emulated
// machine takes so long that the reader may begin the other one, too.
func TestRadioAgain(t *testing.T) {
	for _, modes := range [][]gatt.Mode{bothModes, bothModes[:1], bothModes[1:], bothModes, bothModes[:1]} {
		e, _ := engagement(t, modes...)
		reader, holder := guestRadio(t, "hci0"), guestRadio(t, "hci1")
		done := make(chan meeting)
		go func() {
			transport, err := gatt.Meet(slowly(t), holder, e, gatt.Options{Side: gatt.Holder})
			done <- meeting{transport, err}
		}()
		r, err := gatt.Meet(slowly(t), reader, e, gatt.Options{Side: gatt.Reader})
		if err == nil {
			err = r.Send(slowly(t), []byte("request"))
		}
		h := <-done
		if err != nil || h.err != nil {
			t.Fatalf("%v: %v, %v", modes, err, h.err)
		}
		if got, err := h.transport.Recv(slowly(t)); string(got) != "request" {
			t.Errorf("%v: got %q, %v", modes, got, err)
		}
		// At once many values: the first ones come whole, too.
		message := make([]byte, 25<<10)
		_, _ = rand.Read(message)
		go func() { _ = h.transport.Send(slowly(t), message) }()
		if got, err := r.Recv(slowly(t)); !bytes.Equal(got, message) {
			t.Errorf("%v: got %d bytes, otherwise than sent, %v", modes, len(got), err)
		}
		r.Close()
		h.transport.Close()
		guestClean(t)
	}
}

// Both modes over the one connection that two adapters have: what a reader keeps goes
// on when it drops the other one.
func TestRadioBothModes(t *testing.T) {
	for name, c := range choices {
		t.Run(name, func(t *testing.T) {
			c.run(t, guestRadio(t, "hci0"), guestRadio(t, "hci1"))
			guestClean(t)
		})
	}
}

// A holder that disappears within a message.
func TestRadioDisconnect(t *testing.T) {
	for _, mode := range bothModes {
		e, _ := engagement(t, mode)
		holder, reader := guestRadio(t, "hci1"), guestRadio(t, "hci0")
		done := make(chan meeting)
		go func() {
			transport, err := gatt.Meet(slowly(t), holder, e, gatt.Options{Side: gatt.Holder})
			done <- meeting{transport, err}
		}()
		arriving := make(chan struct{}, 1)
		r, err := gatt.Meet(slowly(t), reader, e, gatt.Options{Side: gatt.Reader, Progress: func(stage proximity.Stage, _ int) {
			if stage == proximity.Receiving {
				select {
				case arriving <- struct{}{}:
				default:
				}
			}
		}})
		h := <-done
		if err != nil || h.err != nil {
			t.Fatal(err, h.err)
		}
		ctx, cancel := context.WithCancel(slowly(t))
		go func() { _ = h.transport.Send(ctx, make([]byte, proximity.MaxMessage)) }()
		go func() {
			<-arriving
			cancel()
			h.transport.Close()
		}()
		if _, err := r.Recv(slowly(t)); !errors.Is(err, gatt.ErrLost) {
			t.Errorf("%v: disconnected within a message: %v", mode, err)
		}
		r.Close()
		h.transport.Close()
		guestClean(t)
	}
}

// An adapter that is switched off meanwhile ends what waits for it, and the next
// one finds it so.
func TestRadioSwitchedOff(t *testing.T) {
	for _, connect := range []func(*Radio) gatt.Connect{
		func(r *Radio) gatt.Connect { return r.Scan(gatt.Offer{Mode: gatt.PeripheralServer}) },
		func(r *Radio) gatt.Connect {
			return r.Advertise(gatt.Offer{Mode: gatt.PeripheralServer, Service: proximity.UUID{1}}, nil)
		},
	} {
		r := guestRadio(t, "hci0")
		done := make(chan error, 1)
		go func() {
			_, err := connect(r)(slowly(t))
			done <- err
		}()
		time.Sleep(500 * time.Millisecond) // it waits by now; sooner is another good case
		if err := setPowered("hci0", false); err != nil {
			t.Fatal(err)
		}
		expect(t, <-done, ErrUnavailable, "hci0 is switched off")
		_, err := Open(t.Context(), Options{Adapter: "hci0"})
		expect(t, err, ErrUnavailable, "bluetoothctl power on")
		if err := until(func() bool { return setPowered("hci0", true) == nil }); err != nil {
			t.Fatal(err)
		}
	}
}
