package faulttest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

// sixtyFour is how many push and fetch at once: half registries, half wallets.
const sixtyFour = 64

// lyingVariable is set in a process of this test whose office lies: it settles
// soon or never.
const lyingVariable = "VIDIMUS_LYING"

// TestConcurrent lets 64 registries and wallets work on one office in this
// process, where the race detector sees it: no index is given out twice, no
// revocation is lost, and the state is that of the events. TestConcurrentControls
// is its control.
func TestConcurrent(t *testing.T) {
	o, err := inProcess(t)
	if err != nil {
		t.Fatal(err)
	}
	patience := time.Minute
	if os.Getenv(lyingVariable) != "" {
		patience = 5 * time.Second
	}
	if err := o.concurrent(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d batches", o.load.Pushed.Load(), o.load.Issued.Load())
	if !enough(o) {
		t.Error("too little happened")
	}
}

// concurrent serves, loads until it is enough, lets the office settle for a
// while, and checks. The error is what was wrong.
func (o *office) concurrent(ctx context.Context, patience time.Duration) error {
	fatal := make(chan error, 1)
	app, err := issuer.New(ctx, o.cfg, issuer.Options{
		Clock: clock.System{}, Rand: rand.Reader, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Fatal: func(err error) {
			select {
			case fatal <- err:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- app.Run(serving) }()
	err = o.loaded(ctx, patience)
	stop()
	err = errors.Join(err, <-done)
	select {
	case f := <-fatal:
		err = errors.Join(err, f)
	default:
	}
	return errors.Join(err, o.check(ctx, err == nil))
}

// loaded is the part of concurrent in which the office serves.
func (o *office) loaded(ctx context.Context, patience time.Duration) error {
	if err := o.wait(nil); err != nil {
		return err
	}
	for _, s := range o.load.sources {
		s.most = 1 // so that wallets have something to fetch soon
	}
	loading, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	go func() {
		for loading.Err() == nil && !enough(o) {
			pause(loading, 50*time.Millisecond)
		}
		cancel()
	}()
	if err := o.load.run(loading); err != nil {
		return err
	}
	settling, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return o.load.settle(settling)
}

// enough is when, on the average, every registry has ended some document and
// every wallet has copies.
func enough(o *office) bool {
	return o.load.Pushed.Load() >= 8*sixtyFour && o.load.Issued.Load() >= sixtyFour/2
}
