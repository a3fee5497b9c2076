package proximity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
)

func TestPipe(t *testing.T) {
	ctx := t.Context()
	a, b := Pipe()
	msg := []byte("one")
	if err := a.Send(ctx, msg); err != nil {
		t.Fatal(err)
	}
	clear(msg)
	if err := a.Send(ctx, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(ctx, []byte("back")); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if got, err := b.Recv(ctx); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	for range 2 {
		if got, err := b.Recv(ctx); !errors.Is(err, io.EOF) || got != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := b.Send(ctx, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("to a closed end: %v", err)
	}
	if _, err := a.Recv(ctx); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("from an own closed end: %v", err)
	}
	if err := a.Send(ctx, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("from a closed end: %v", err)
	}
}

// A pipe holds few messages of bounded size, and waits no longer than its context.
func TestPipeBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		if err := a.Send(t.Context(), make([]byte, MaxMessage+1)); !errors.Is(err, ErrLimit) {
			t.Errorf("large message: %v", err)
		}
		for range pipeDepth {
			if err := a.Send(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		full := make(chan error)
		go func() { full <- a.Send(ctx, []byte("x")) }()
		synctest.Wait()
		select {
		case err := <-full:
			t.Fatalf("did not wait: %v", err)
		default:
		}
		cancel()
		if err := <-full; !errors.Is(err, context.Canceled) {
			t.Errorf("full: %v", err)
		}
		if err := a.Send(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		empty := make(chan error)
		go func() { _, err := a.Recv(ctx); empty <- err }()
		if err := <-empty; !errors.Is(err, context.Canceled) {
			t.Errorf("empty: %v", err)
		}
		// Closing wakes both sides.
		go func() { _, err := a.Recv(context.Background()); empty <- err }()
		go func() { full <- a.Send(context.Background(), []byte("x")) }()
		synctest.Wait()
		b.Close()
		if err := <-empty; !errors.Is(err, io.EOF) {
			t.Errorf("woken: %v", err)
		}
		if err := <-full; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("woken: %v", err)
		}
		c, _ := Pipe()
		go func() { _, err := c.Recv(context.Background()); empty <- err }()
		synctest.Wait()
		c.Close()
		if err := <-empty; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("own end closed: %v", err)
		}
	})
}

// A canceled receive still hands over what is there already: nothing is lost.
func TestPipeKeepsMessages(t *testing.T) {
	a, b := Pipe()
	if err := a.Send(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.Recv(ctx); err != nil || !bytes.Equal(got, []byte("x")) {
		t.Errorf("%q, %v", got, err)
	}
}
