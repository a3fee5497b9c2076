package ble

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"vidimus/internal/ble/bletest"
	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

var bothModes = []gatt.Mode{gatt.CentralClient, gatt.PeripheralServer}

// A whole session with a response of 25 KB, as a portrait makes it, in both modes
// and with the MTUs of the field; nothing is left behind.
func TestSession(t *testing.T) {
	portrait := make([]byte, 25<<10)
	_, _ = rand.Read(portrait)
	response, err := cbor.Marshal(map[string][]byte{"portrait": portrait})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range bothModes {
		for _, mtu := range []uint16{23, 185, 512, 517} {
			t.Run(fmt.Sprintf("%v/%d", mode, mtu), func(t *testing.T) {
				m := newMachine(t, bletest.Options{MTU: mtu})
				reader, holder := m.radio(t, "hci0", nil), m.radio(t, "hci1", nil)
				e, session := engagement(t, mode)
				request := []byte{0xa0}
				done := make(chan error)
				go func() {
					transport, err := gatt.Meet(limited(t), holder, e, gatt.Options{Side: gatt.Holder})
					if err == nil {
						err = proximity.RunHolder(limited(t), transport, session, func(got []byte, _ mdoc.SessionTranscript) ([]byte, error) {
							if !bytes.Equal(got, request) {
								return nil, fmt.Errorf("another request: %q", got)
							}
							return response, nil
						})
					}
					done <- err
				}()
				transport, err := gatt.Meet(limited(t), reader, e, gatt.Options{Side: gatt.Reader})
				if err != nil {
					t.Fatal(err)
				}
				r, err := proximity.NewReader(e, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				got, err := proximity.RunReader(limited(t), transport, r, request)
				if err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Error("holder:", err)
				}
				if !bytes.Equal(got, response) {
					t.Error("the response came otherwise than it was sent")
				}
				m.clean(t)
			})
		}
	}
}

// Messages of every size around the borders of a value come as they were sent, one
// after the other, both ways.
func TestMessages(t *testing.T) {
	for _, mode := range bothModes {
		m := newMachine(t, bletest.Options{MTU: 185})
		reader, holder := met(t, m, mode)
		for _, n := range []int{0, 1, 178, 179, 180, 181, 182, 183, 364, 60_000} {
			message := make([]byte, n)
			_, _ = rand.Read(message)
			for _, way := range [][2]*gatt.Transport{{reader, holder}, {holder, reader}} {
				go func() { _ = way[0].Send(limited(t), message) }()
				got, err := way[1].Recv(limited(t))
				if err != nil || !bytes.Equal(got, message) {
					t.Fatalf("%v, %d bytes: got %d, %v", mode, n, len(got), err)
				}
			}
		}
		// An end stands behind the message that was sent before it.
		if err := holder.Send(limited(t), make([]byte, 60_000)); err != nil {
			t.Fatal(err)
		}
		go holder.Close()
		if got, err := reader.Recv(limited(t)); len(got) != 60_000 {
			t.Fatalf("%v: got %d, %v", mode, len(got), err)
		}
		if _, err := reader.Recv(limited(t)); !errors.Is(err, io.EOF) {
			t.Errorf("%v: after the end: %v", mode, err)
		}
		reader.Close()
		m.clean(t)
	}
}

// Of two modes the first is mdoc central client mode: the reader advertises, and
// scans for nothing.
func TestPreferredMode(t *testing.T) {
	m := newMachine(t, bletest.Options{})
	e, _ := engagement(t, bothModes...)
	done := make(chan meeting, 1)
	holder := m.radio(t, "hci1", nil)
	go func() {
		transport, err := gatt.Meet(limited(t), holder, e, gatt.Options{Side: gatt.Holder})
		done <- meeting{transport, err}
	}()
	reader, err := gatt.Meet(limited(t), m.radio(t, "hci0", nil), e, gatt.Options{Side: gatt.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Send(limited(t), []byte("request")); err != nil {
		t.Fatal(err)
	}
	h := <-done
	if h.err != nil {
		t.Fatal(h.err)
	}
	reader.Close()
	h.transport.Close()
	m.clean(t)
	if n := slices.Index(m.daemon.Calls(), "ReadValue"); n < 0 {
		t.Errorf("the holder has not read Ident, which mdoc central client mode has alone: %v", m.daemon.Calls())
	}
}

// A radio meets one peer after the other.
func TestAgain(t *testing.T) {
	m := newMachine(t, bletest.Options{})
	reader, holder := m.radio(t, "hci0", nil), m.radio(t, "hci1", nil)
	for i := range 6 {
		e, _ := engagement(t, bothModes[i%2])
		r, h := meet(limited(t), reader, holder, e)
		if r.err != nil || h.err != nil {
			t.Fatalf("meeting %d: %v, %v", i, r.err, h.err)
		}
		r.transport.Close()
		h.transport.Close()
		m.clean(t)
	}
}

// A connection that does not come about is tried once more, no more.
func TestReconnectOnce(t *testing.T) {
	for _, mode := range bothModes {
		m := newMachine(t, bletest.Options{Refusals: 1})
		reader, holder := met(t, m, mode)
		reader.Close()
		holder.Close()
		m.clean(t)
	}
	m := newMachine(t, bletest.Options{Refusals: 2})
	e, _ := engagement(t, gatt.PeripheralServer)
	ctx := limited(t)
	holder := m.radio(t, "hci1", nil)
	go func() { _, _ = gatt.Meet(ctx, holder, e, gatt.Options{Side: gatt.Holder}) }()
	_, err := gatt.Meet(ctx, m.radio(t, "hci0", nil), e, gatt.Options{Side: gatt.Reader})
	want := "mdoc peripheral server mode: no connection: bluetooth device: connecting: le-connection-abort-by-local: hold the devices nearer and show the code again"
	if !errors.Is(err, ErrPeer) || err.Error() != want {
		t.Errorf("refused twice: %v", err)
	}
}

// Peers whose characteristics offer writing with response alone are written to so.
func TestWriteWithResponse(t *testing.T) {
	for _, mode := range bothModes {
		m := newMachine(t, bletest.Options{WriteOnly: true, MTU: 185})
		reader, holder := met(t, m, mode)
		from, to := reader, holder
		if mode == gatt.CentralClient {
			from, to = holder, reader
		}
		go func() { _ = from.Send(limited(t), make([]byte, 3000)) }()
		if got, err := to.Recv(limited(t)); len(got) != 3000 {
			t.Errorf("%v: got %d, %v", mode, len(got), err)
		}
		if slices.Contains(m.daemon.Calls(), "AcquireWrite") {
			t.Errorf("%v: AcquireWrite", mode)
		}
		reader.Close()
		holder.Close()
		m.clean(t)
	}
}
