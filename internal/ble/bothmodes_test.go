package ble

import (
	"context"
	"testing"

	"vidimus/internal/ble/bletest"
	"vidimus/internal/proximity/gatt"
)

// watched is a radio that tells when its client's link has been closed.
type watched struct {
	*Radio
	closed chan struct{}
}

type watchedLink struct {
	gatt.Link
	closed chan struct{}
}

func (w watched) Scan(offer gatt.Offer) gatt.Connect {
	return func(ctx context.Context) (gatt.Link, error) {
		l, err := w.Radio.Scan(offer)(ctx)
		if err != nil {
			return nil, err
		}
		return watchedLink{l, w.closed}, nil
	}
}

func (l watchedLink) Close() error {
	err := l.Link.Close()
	l.closed <- struct{}{}
	return err
}

// oneOfTwo is which mode a reader keeps, and when it drops the other one.
type oneOfTwo struct {
	keep    gatt.Mode
	dropped int // 0 before mdoc peripheral server mode is started, 1 after it, 2 after the message
}

var choices = map[string]oneOfTwo{
	"peripheral/before": {gatt.PeripheralServer, 0},
	"peripheral/after":  {gatt.PeripheralServer, 1},
	"peripheral/end":    {gatt.PeripheralServer, 2},
	"central/after":     {gatt.CentralClient, 1},
	"central/end":       {gatt.CentralClient, 2},
}

// Both modes between the same two adapters share a connection: a reader that drops
// one of them, before or after the other has started, keeps that one.
func TestBothModes(t *testing.T) {
	for name, c := range choices {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, bletest.Options{MTU: 185})
			c.run(t, m.radio(t, "hci0", nil), m.radio(t, "hci1", nil))
			m.clean(t)
		})
	}
}

// run has a reader begin both modes, and the holder follow it.
func (c oneOfTwo) run(t *testing.T, reader, r *Radio) {
	holder := watched{r, make(chan struct{}, 2)}
	e, _ := engagement(t, bothModes...)
	b, err := e.BLE()
	if err != nil {
		t.Fatal(err)
	}
	ident, err := e.Ident()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan meeting, 1)
	go func() {
		transport, err := gatt.Meet(limited(t), holder, e, gatt.Options{Side: gatt.Holder})
		done <- meeting{transport, err}
	}()
	links := map[gatt.Mode]gatt.Link{}
	for _, offer := range gatt.Offers(b) {
		connect := reader.Scan(offer)
		if offer.Mode == gatt.CentralClient {
			connect = reader.Advertise(offer, ident)
		}
		if links[offer.Mode], err = connect(limited(t)); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(at int) {
		if c.dropped != at {
			return
		}
		links[gatt.CentralClient+gatt.PeripheralServer-c.keep].Close()
		if c.keep == gatt.PeripheralServer && at < 2 {
			select {
			case <-holder.closed:
			case <-limited(t).Done():
				t.Fatal("the holder has not noticed")
			}
		}
	}
	drop(0)
	if err := links[gatt.PeripheralServer].Write(limited(t), gatt.State, []byte{stateStart}); err != nil {
		t.Fatal(err)
	}
	drop(1)
	out := gatt.ClientServer
	if c.keep == gatt.CentralClient {
		out = gatt.ServerClient
	}
	if err := links[c.keep].Write(limited(t), out, []byte("\x00request")); err != nil {
		t.Fatal(err)
	}
	h := <-done
	if h.err != nil {
		t.Fatal(h.err)
	}
	drop(2)
	if got, err := h.transport.Recv(limited(t)); string(got) != "request" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	go func() { _ = h.transport.Send(limited(t), []byte("response")) }()
	from, value := gatt.State, []byte(nil) // the start of mdoc central client mode
	for from == gatt.State && err == nil {
		from, value, err = links[c.keep].Read(limited(t))
	}
	if string(value) != "\x00response" || err != nil {
		t.Errorf("got %q, %v", value, err)
	}
	h.transport.Close()
	for _, link := range links {
		link.Close()
	}
}
