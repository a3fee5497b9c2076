package ble

import (
	"context"
	"errors"
	"io"
	"testing"

	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// client is an inbox whose messages come over a socket; write is BlueZ's end.
func client(t *testing.T) (b *inbox, write func(value ...byte)) {
	t.Helper()
	s, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	other := &socket{fd: s.given(), file: s.theirs}
	b = newInbox(gatt.ServerClient)
	t.Cleanup(b.close)
	b.connect(s)
	return b, func(value ...byte) {
		t.Helper()
		if err := other.write(t.Context(), value); err != nil {
			t.Fatal(err)
		}
	}
}

// What came before an end on the other way is read before it, however many values
// that are and however late the socket is looked at; a start goes before.
func TestInboxOrder(t *testing.T) {
	for range 50 {
		b, write := client(t)
		b.state([]byte{stateStart})
		for i := range 20 {
			write(0, byte(i))
		}
		b.state([]byte{0x02})
		b.end(io.EOF)
		want := []gatt.Characteristic{gatt.State}
		for range 20 {
			want = append(want, gatt.ServerClient)
		}
		want = append(want, gatt.State)
		for i, c := range want {
			got, value, err := b.next(t.Context())
			if err != nil || got != c || c == gatt.ServerClient && value[1] != byte(i-1) {
				t.Fatalf("value %d: %v %v %v", i, got, value, err)
			}
		}
		if _, _, err := b.next(t.Context()); !errors.Is(err, io.EOF) {
			t.Fatalf("after the end: %v", err)
		}
	}
}

// Values keep their borders, up to the largest.
func TestInboxValues(t *testing.T) {
	b, write := client(t)
	for _, n := range []int{1, 20, 510, 512} {
		write(make([]byte, n)...)
		if _, value, err := b.next(t.Context()); len(value) != n || err != nil {
			t.Errorf("%d bytes: got %d, %v", n, len(value), err)
		}
	}
}

// A peer that sends what nobody reads is cut off: memory is bounded (badinputs Q05).
func TestInboxLimit(t *testing.T) {
	b := newInbox(gatt.ClientServer)
	value := make([]byte, 512)
	for range maxQueued/len(value) + 2 {
		b.message(value)
	}
	b.mu.Lock()
	held, err := b.bytes, b.err
	b.mu.Unlock()
	if held > maxQueued || !errors.Is(err, proximity.ErrLimit) {
		t.Errorf("%d bytes are held, %v", held, err)
	}
}

// Who waits ends with its context, and with the link.
func TestInboxEnds(t *testing.T) {
	b, _ := client(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	done := make(chan error)
	go func() {
		_, _, err := b.next(t.Context())
		done <- err
	}()
	b.close()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("closed: %v", err)
	}
}
