//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/app/invariants"
)

const (
	// roundsPerOffice bounds what one office accumulates: a check looks at all
	// of it.
	roundsPerOffice = 25
	// minimumRate is how many answered calls a second of load are the least:
	// below it nothing was tested.
	minimumRate = 50
	sources     = 3
)

// campaign is many rounds of load and failure, over several offices.
type campaign struct {
	t      *testing.T
	binary string
	dir    string
	office *office
	rounds int // of this office
	made   int
	spin   bool // the reader of files does not rest

	calls, pushed, issued, brought int64
	loaded                         time.Duration
}

func newCampaign(t *testing.T, binary string) *campaign {
	return &campaign{t: t, binary: binary, dir: t.TempDir()}
}

// next gives the office of the next round.
func (c *campaign) next(ctx context.Context) (*office, error) {
	if c.office != nil && c.rounds < roundsPerOffice {
		c.rounds++
		return c.office, nil
	}
	if err := c.close(ctx); err != nil {
		return nil, err
	}
	c.made++
	o, err := newOffice(filepath.Join(c.dir, fmt.Sprint(c.made)), c.binary, sources)
	if err != nil {
		return nil, err
	}
	if c.spin {
		o.load.idleFolder = 0
	}
	c.office, c.rounds = o, 1
	return o, nil
}

// close lets the office settle, and looks at it as a whole, by the program of
// its own too.
func (c *campaign) close(ctx context.Context) error {
	o := c.office
	if o == nil {
		return nil
	}
	c.office = nil
	if err := o.settle(); err != nil {
		return fmt.Errorf("after the last fault: %w", err)
	}
	c.calls, c.pushed, c.issued = c.calls+o.load.Calls.Load(), c.pushed+o.load.Pushed.Load(), c.issued+o.load.Issued.Load()
	c.brought += o.load.Brought.Load()
	if err := o.noOldKeys(); err != nil {
		return err
	}
	if err := o.check(ctx, true); err != nil {
		return err
	}
	return o.checkApart(ctx, invariantsProgram, true)
}

// end closes the last office and refuses a run that did too little.
func (c *campaign) end(ctx context.Context) {
	c.t.Helper()
	if err := c.close(ctx); err != nil {
		c.t.Fatal(err)
	}
	rate := float64(c.calls) / c.loaded.Seconds()
	c.t.Logf("%d calls answered (%d events, %d batches of copies), %.0f a second of load; %d receipts brought", c.calls, c.pushed, c.issued, rate, c.brought)
	if rate < minimumRate || c.issued == 0 || c.pushed == 0 || c.brought == 0 {
		c.t.Errorf("too little happened: this run proves nothing")
	}
	for _, number := range invariants.Numbers() {
		if looked[number] == 0 {
			c.t.Errorf("nothing was seen of %s", number)
		}
	}
}

// issuedYet counts batches, those of the office that is still open among them.
func (c *campaign) issuedYet() uint64 {
	if c.office == nil {
		return uint64(c.issued)
	}
	return uint64(c.issued) + uint64(c.office.load.Issued.Load())
}

// trial is one round.
type trial struct {
	env   []string
	load  time.Duration
	fresh bool // in an office of its own
	// prepare, when not nil, does something to the office before it starts.
	prepare func(*office) error
}

// round starts the office, loads it for a while, ends it and checks. died says
// that it ended by itself.
func (c *campaign) round(ctx context.Context, r trial) (died bool, err error) {
	if r.fresh {
		c.rounds = roundsPerOffice
	}
	o, err := c.next(ctx)
	if err != nil {
		return false, err
	}
	if r.prepare != nil {
		if err := r.prepare(o); err != nil {
			return false, err
		}
	}
	p, err := o.start(r.env)
	if err != nil {
		return false, err
	}
	if err := o.ready(p, len(r.env) == 0); err != nil {
		p.kill()
		if !errors.Is(err, errEnded) || len(r.env) == 0 {
			return false, o.judge(ctx, err)
		}
		return true, o.check(ctx, false) // the point lies before the first answer
	}
	began := time.Now()
	loading, cancel := context.WithTimeout(ctx, r.load+20*time.Second)
	defer cancel()
	timer := time.AfterFunc(r.load, func() { _ = p.cmd.Process.Kill() })
	err = o.load.run(loading)
	died = timer.Stop()
	p.kill()
	c.loaded += time.Since(began)
	return died, o.judge(ctx, err)
}

// TestKill is SIGKILL at a moment of chance.
func TestKill(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(seed(), 1))
	c := newCampaign(t, issuerProgram)
	n := times(1000, 40)
	began := time.Now()
	// On a busy machine no batch may come to its end within so little: then with more.
	for i := 0; i < n || c.issuedYet() == 0 && i < 2*n; i++ {
		load := time.Duration(10+random.IntN(120)) * time.Millisecond
		if i >= n {
			load *= 8
		}
		if died, err := c.round(t.Context(), trial{load: load}); err != nil || died {
			t.Fatalf("kill %d after %s: died by itself %v, %v", i, load, died, err)
		}
	}
	c.end(t.Context())
	t.Logf("%d kills, %s each", n, (time.Since(began) / time.Duration(n)).Round(time.Millisecond))
}
