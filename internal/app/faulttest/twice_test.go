//go:build faults

package faulttest

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestTwice starts a second issuer on the state of a running one. It ends
// within two seconds and says why; the first notices nothing.
func TestTwice(t *testing.T) {
	o, err := newOffice(t.TempDir(), issuerProgram, sources)
	if err != nil {
		t.Fatal(err)
	}
	first, err := o.start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.kill()
	if err := o.ready(first, true); err != nil {
		t.Fatal(err)
	}
	loading, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.load.run(loading) }()
	for range times(20, 3) {
		began := time.Now()
		second, err := o.start(nil)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-second.ended:
		case <-time.After(10 * time.Second):
			second.kill()
			t.Fatal("two issuers run on one database")
		}
		if took := time.Since(began); second.cmd.ProcessState.Success() || !strings.Contains(second.said(), "locked") || took > 2500*time.Millisecond {
			t.Errorf("the second: %s after %s: %s", second.cmd.ProcessState, took, second.said())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if err := o.settle(); err != nil {
		t.Fatal(err)
	}
	if err := o.check(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if o.load.Calls.Load() < 100 || o.load.Issued.Load() == 0 {
		t.Error("too little happened meanwhile")
	}
}
