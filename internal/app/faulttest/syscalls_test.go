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
	right := tracedRun{program: issuerProgram, patience: 20 * time.Second}
	calls, err := right.run(t)
	if err != nil {
		t.Fatal(err)
	}
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
			right.at, right.errno = n, errno
			calls, err := right.run(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range calls {
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

// TestSystemCallsControl does the same with an office that answers a commit
// that failed as done: a write of the database that fails must be found out.
func TestSystemCallsControl(t *testing.T) {
	lying := tracedRun{program: faultyProgram, patience: 5 * time.Second, env: []string{"VIDIMUS_WRONG=store.commit-ignored"}}
	calls, err := lying.run(t)
	if err != nil {
		t.Fatal(err) // while every call does what it should, nothing is wrong
	}
	lying.errno, err = syscall.EIO, nil
	const tries = 24
	for i := 0; i < tries && len(violated(err)) == 0; i++ {
		// Of the run before: how many calls there are depends on how busy the machine is.
		writes := writesOf(calls)
		lying.at = writes[len(writes)/3+i*len(writes)/(2*tries)] // from the first events on
		var again []string
		if again, err = lying.run(t); len(again) > 0 { // it came to its end
			calls = again
		}
	}
	found(t, err, "I1", "I2", "I3", "I5", "I6", "I14", damaged)
}

// writesOf numbers the calls, from 1, that write the database or wait for its disk.
func writesOf(calls []string) (at []int) {
	for i, c := range calls {
		if name := strings.Fields(c)[1]; (name == "pwrite64" || name == "fdatasync") && strings.Contains(c, "issuer.db") {
			at = append(at, i+1)
		}
	}
	return at
}

// tracedRun is the scenario with one of its system calls failing.
type tracedRun struct {
	program  string
	env      []string
	patience time.Duration // with the scenario
	at       int           // which call; 0 lets all pass
	errno    syscall.Errno
}

// run makes an office for the scenario, checks it, and gives the calls.
func (r *tracedRun) run(t *testing.T) ([]string, error) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "traced-")
	if err != nil {
		t.Fatal(err)
	}
	o, err := newOffice(dir, r.program, 1)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "calls")
	env := append([]string{fmt.Sprintf("%s=%d:%d", tracerVariable, r.at, int(r.errno)), tracerFolder + "=" + o.cfg.StateDir + "/", tracerLog + "=" + log}, r.env...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.start(env, self)
	if err != nil {
		t.Fatal(err)
	}
	problem := func(err error) error {
		text, _ := os.ReadFile(log)
		return fmt.Errorf("call %d, %v: %w\n%s\n%s", r.at, r.errno, err, p.said(), text)
	}
	switch err := o.ready(p, false); {
	case err == nil:
		ctx, cancel := context.WithTimeout(t.Context(), r.patience)
		err = o.scenario(ctx)
		cancel()
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // the tracer passes it on
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			p.kill()
		}
		if r.at == 0 && err != nil || err != nil && !errors.Is(err, errGone) {
			return nil, problem(o.judge(t.Context(), err))
		}
	case !errors.Is(err, errEnded) || r.at == 0:
		p.kill()
		return nil, problem(o.judge(t.Context(), err))
	}
	if err := o.check(t.Context(), false); err != nil {
		return nil, problem(err)
	}
	if err := o.settle(); err != nil {
		return nil, problem(o.judge(t.Context(), err))
	}
	if err := o.check(t.Context(), true); err != nil {
		return nil, problem(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), nil
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
