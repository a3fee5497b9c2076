package gatt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/proximity"
)

var (
	service = proximity.UUID{0x45, 0xef, 0xef, 0x74}
	ident   = bytes.Repeat([]byte{0x8d}, 16)
)

// both opens the two ends of a connection.
func both(t *testing.T, m *Model, mode Mode) (reader, holder *Transport, err error) {
	t.Helper()
	connect := func(side Side) Connect {
		if mode.Role(side) == Client {
			return m.Scan(Offer{Mode: mode, Service: service})
		}
		return m.Advertise(Offer{Mode: mode, Service: service}, ident)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error)
	go func() {
		var err error
		holder, err = Open(ctx, connect(Holder), Options{Mode: mode, Side: Holder, Ident: ident})
		done <- err
	}()
	reader, err = Open(ctx, connect(Reader), Options{Mode: mode, Side: Reader, Ident: ident})
	return reader, holder, errors.Join(err, <-done)
}

func opened(t *testing.T, c Conditions, mode Mode) (reader, holder *Transport) {
	t.Helper()
	reader, holder, err := both(t, NewModel(c), mode)
	if err != nil {
		t.Fatal(err)
	}
	return reader, holder
}

// Messages of every size around the borders of a value, both ways, both modes,
// every MTU that matters (bad input Q06).
func TestMessages(t *testing.T) {
	for _, mode := range []Mode{CentralClient, PeripheralServer} {
		for _, mtu := range []int{MinMTU, 185, 512, MaxMTU, 517, 518} {
			synctest.Test(t, func(t *testing.T) {
				reader, holder := opened(t, Conditions{MTU: mtu}, mode)
				size := valueSize(mtu) - 1
				for _, n := range []int{0, 1, size - 1, size, size + 1, 2 * size, 2*size + 1, 3000} {
					message := bytes.Repeat([]byte{1}, n)
					for _, way := range [][2]*Transport{{reader, holder}, {holder, reader}} {
						go way[0].Send(t.Context(), message)
						got, err := way[1].Recv(t.Context())
						if err != nil || got == nil || !bytes.Equal(got, message) {
							t.Errorf("%v, MTU %d: %d bytes of %d, %v", mode, mtu, len(got), n, err)
						}
						synctest.Wait()
					}
				}
				holder.Close()
				if _, err := reader.Recv(t.Context()); !errors.Is(err, io.EOF) {
					t.Errorf("after the end: %v", err)
				}
				if err := reader.Send(t.Context(), nil); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("after the end: %v", err)
				}
				reader.Close()
			})
		}
	}
}

// The size of a value: MTU-3, at most 512, whatever a peer agrees on.
func TestValueSize(t *testing.T) {
	for mtu, want := range map[int]int{MinMTU: 20, 185: 182, 514: 511, MaxMTU: 512, 517: 512, 65535: 512} {
		if got := valueSize(mtu); got != want {
			t.Errorf("MTU %d: %d, want %d", mtu, got, want)
		}
		for value := range chunks(make([]byte, 3000), valueSize(mtu)) {
			if len(value) > want || value[0] == prefixMore && len(value) != want {
				t.Errorf("MTU %d: a value of %d bytes", mtu, len(value))
			}
		}
	}
}
