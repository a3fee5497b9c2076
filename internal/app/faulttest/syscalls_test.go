//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/wallet"
)

// TestSystemCalls lets every system call that changes the office's files fail
// once, with EIO and with ENOSPC, while a registry pushes, a wallet fetches and
// lists are published. The process ends or answers that it cannot; what it
// acknowledged is there when it starts again.
func TestSystemCalls(t *testing.T) {
	calls := traced(t, 0, 0)
	if len(calls) < 30 {
		t.Fatalf("only %d calls: the tracer does not see", len(calls))
	}
	byName := map[string]int{}
	for _, c := range calls {
		byName[strings.Fields(c)[1]]++
	}
	t.Logf("%d calls: %v", len(calls), byName)
	if byName["fdatasync"] == 0 || byName["pwrite64"] == 0 || byName["openat"] == 0 {
		t.Errorf("no writes to the database or to published files are seen")
	}
	step := times(1, max(1, 2*len(calls)/20))
	tried, failed := 0, 0
	for i, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		// The number of calls varies with the time that the scenario takes:
		// when some in a row did not come any more, all have been tried.
		for n, late := 1+i*step/2, 0; late*step < step+5 && n <= 2*len(calls); n += step {
			tried++
			late++
			for _, c := range traced(t, n, errno) {
				if strings.Contains(c, "fails:") {
					failed++
					late = 0
				}
			}
		}
	}
	t.Logf("%d runs, a call failed in %d", tried, failed)
	if failed < 2*len(calls)/step*2/3 {
		t.Error("too few calls failed: this run proves nothing")
	}
}

// traced runs the scenario with call n failing, checks, and gives the calls.
func traced(t *testing.T, n int, errno syscall.Errno) []string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "traced-")
	if err != nil {
		t.Fatal(err)
	}
	o, err := newOffice(dir, issuerProgram, 1)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "calls")
	env := []string{fmt.Sprintf("%s=%d:%d", tracerVariable, n, int(errno)), tracerFolder + "=" + o.cfg.StateDir + "/", tracerLog + "=" + log}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.start(env, self)
	if err != nil {
		t.Fatal(err)
	}
	problem := func(err error) {
		text, _ := os.ReadFile(log)
		t.Fatalf("call %d, %v: %v\n%s\n%s", n, errno, err, p.said(), text)
	}
	switch err := o.ready(p, false); {
	case err == nil:
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err = o.scenario(ctx)
		cancel()
		if n == 0 && err != nil || err != nil && !errors.Is(err, errGone) {
			problem(err)
		}
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // the tracer passes it on
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			p.kill()
		}
	case !errors.Is(err, errEnded) || n == 0:
		p.kill()
		problem(err)
	}
	if err := o.check(t.Context(), false); err != nil {
		problem(err)
	}
	if err := o.settle(); err != nil {
		problem(err)
	}
	if err := o.check(t.Context(), true); err != nil {
		problem(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// scenario is a push of a person, a batch of copies, a push that ends the
// document, and the publication of that.
func (o *office) scenario(ctx context.Context) error {
	s, h := o.load.sources[0], o.load.holders[0]
	defer o.load.http.CloseIdleConnections()
	if err := s.next(); err != nil {
		return err
	}
	if err := s.deliver(ctx, o.load.pushed); err != nil {
		return err
	}
	person := s.people[0]
	offer, err := h.desk.Offer(ctx, issuer.OfferWish{Person: person.number, Documents: []string{person.licence}, Key: token()})
	if err != nil {
		return errGone
	}
	if _, err := h.wallet.Accept(ctx, offer.Reference, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 2}); err != nil {
		if errors.Is(err, wallet.ErrCredential) {
			return err
		}
		return errGone
	}
	if err := s.annul(person, &person.licence); err != nil {
		return err
	}
	if err := s.deliver(ctx, o.load.pushed); err != nil {
		return err
	}
	for ctx.Err() == nil {
		waiting := o.load.pool.waiting()
		if len(waiting) == 0 {
			return o.load.readLists(ctx)
		}
		if _, err := o.load.readReceipt(ctx, waiting[0]); err != nil {
			return err
		}
		pause(ctx, 20*time.Millisecond)
	}
	return errGone
}
