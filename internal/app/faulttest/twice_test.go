//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
)

// TestTwice starts a second issuer on the state of a running one, with
// listeners of its own: nothing but the lock keeps it out. It ends within two
// seconds and says why; the first notices nothing.
func TestTwice(t *testing.T) {
	o, err := newOffice(t.TempDir(), issuerProgram, sources)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.twice(t.Context(), times(20, 3)); err != nil {
		t.Fatal(err)
	}
	if o.load.Calls.Load() < 100 || o.load.Issued.Load() == 0 {
		t.Error("too little happened meanwhile")
	}
}

// TestTwiceControl does the same where nobody sees the other's lock: that two
// serve must be found, and is worth finding, by what they do to each other.
func TestTwiceControl(t *testing.T) {
	o, err := newOffice(t.TempDir(), faultyProgram, sources)
	if err != nil {
		t.Fatal(err)
	}
	err = o.twice(t.Context(), 1, "VIDIMUS_WRONG=store.unlocked,issuer.unlocked")
	if !errors.Is(err, errTwo) {
		t.Fatalf("nobody noticed: %v", err)
	}
	t.Logf("violated: %v\n%.2000v", violated(err), err)
}

// errTwo is what must never be.
var errTwo = errors.New("a second issuer was not kept out of the database")

// twice starts an office, and so many others beside it. The error is what was
// wrong.
func (o *office) twice(ctx context.Context, n int, env ...string) error {
	first, err := o.start(env)
	if err != nil {
		return err
	}
	defer first.kill()
	if err := o.ready(first, true); err != nil {
		return err
	}
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- o.load.run(loading) }()
	for range n {
		if err = o.keepsOut(env); err != nil {
			break
		}
	}
	cancel()
	if err := errors.Join(err, <-done); err != nil {
		first.kill()
		return o.judge(ctx, err)
	}
	if err := first.stop(); err != nil {
		return err
	}
	if err := o.settle(); err != nil {
		return err
	}
	return o.check(ctx, true)
}

// keepsOut starts a second one, which is to end.
func (o *office) keepsOut(env []string) error {
	beside, err := o.beside()
	if err != nil {
		return err
	}
	second, err := beside.start(env)
	if err != nil {
		return err
	}
	defer second.kill()
	if err := beside.ready(second, false); !errors.Is(err, errEnded) {
		time.Sleep(1500 * time.Millisecond) // both serve now: let them
		return fmt.Errorf("%w: %w", errTwo, errors.Join(err, errors.New("both run")))
	}
	// Two seconds are the promise: one for the lock, as TestOpenLocked of the store
	// has it, and what the processor takes. A machine that is busy with the load
	// of the first one may let the second wait for its turn as long as it likes.
	ended := second.cmd.ProcessState
	if used := ended.UserTime() + ended.SystemTime(); ended.Success() || !strings.Contains(second.said(), "locked") || used > time.Second {
		return fmt.Errorf("%w: %s, %s of the processor: %s", errTwo, ended, used, second.said())
	}
	return nil
}

// beside is the same office with other listeners.
func (o *office) beside() (*office, error) {
	free, err := issuer.DevOnFreePorts(o.cfg.StateDir)
	if err != nil {
		return nil, err
	}
	other := &office{dir: o.dir, cfg: o.cfg, config: filepath.Join(o.dir, "beside.yaml"), binary: o.binary, patience: readyWithin, journal: o.journal}
	other.cfg.Listen = free.Listen
	text, err := other.cfg.YAML()
	if err != nil {
		return nil, err
	}
	return other, os.WriteFile(other.config, []byte(text), 0o600)
}
