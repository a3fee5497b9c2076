package faulttest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

// sixtyFour is how many push and fetch at once: half registries, half wallets.
const sixtyFour = 64

// TestConcurrent lets 64 registries and wallets work on one office in this
// process, where the race detector sees it: no index is given out twice, no
// revocation is lost, and the state is that of the events.
func TestConcurrent(t *testing.T) {
	o, err := inProcess(t)
	if err != nil {
		t.Fatal(err)
	}
	app, err := issuer.New(t.Context(), o.cfg, issuer.Options{
		Clock: clock.System{}, Rand: rand.Reader, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Fatal: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(serving) }()
	if err := o.wait(nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range o.load.sources {
		s.most = 1 // so that wallets have something to fetch soon
	}
	loading, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		for loading.Err() == nil && !enough(o) {
			pause(loading, 50*time.Millisecond)
		}
		cancel()
	}()
	if err := o.load.run(loading); err != nil {
		t.Fatal(err)
	}
	settling, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := o.load.settle(settling); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := o.check(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d batches", o.load.Pushed.Load(), o.load.Issued.Load())
	if !enough(o) {
		t.Error("too little happened")
	}
}

// enough is when, on the average, every registry has ended some document and
// every wallet has copies.
func enough(o *office) bool {
	return o.load.Pushed.Load() >= 8*sixtyFour && o.load.Issued.Load() >= sixtyFour/2
}
