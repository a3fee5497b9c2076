//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/invariants"
	"vidimus/internal/faults"
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

	calls, pushed, issued int64
	loaded                time.Duration
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
	c.t.Logf("%d calls answered (%d events, %d batches of copies), %.0f a second of load", c.calls, c.pushed, c.issued, rate)
	if rate < minimumRate || c.issued == 0 || c.pushed == 0 {
		c.t.Errorf("too little happened: this run proves nothing")
	}
	for _, number := range invariants.Numbers() {
		if looked[number] == 0 {
			c.t.Errorf("nothing was seen of %s", number)
		}
	}
}

// round starts the office with env, loads it for a while, ends it and checks.
// died says that it ended by itself.
func (c *campaign) round(ctx context.Context, env []string, load time.Duration) (died bool, err error) {
	o, err := c.next(ctx)
	if err != nil {
		return false, err
	}
	p, err := o.start(env)
	if err != nil {
		return false, err
	}
	if err := o.ready(p, len(env) == 0); err != nil {
		p.kill()
		if !errors.Is(err, errEnded) || len(env) == 0 {
			return false, err
		}
		return true, o.check(ctx, false) // the point lies before the first answer
	}
	began := time.Now()
	loading, cancel := context.WithTimeout(ctx, load+20*time.Second)
	defer cancel()
	timer := time.AfterFunc(load, func() { _ = p.cmd.Process.Kill() })
	err = o.load.run(loading)
	died = timer.Stop()
	p.kill()
	c.loaded += time.Since(began)
	if err != nil {
		return died, err
	}
	return died, o.check(ctx, false)
}

// TestKill is SIGKILL at a moment of chance.
func TestKill(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(seed(), 1))
	c := newCampaign(t, issuerProgram)
	n := times(1000, 40)
	began := time.Now()
	for i := range n {
		load := time.Duration(10+random.IntN(120)) * time.Millisecond
		if died, err := c.round(t.Context(), nil, load); err != nil || died {
			t.Fatalf("kill %d after %s: died by itself %v, %v", i, load, died, err)
		}
	}
	c.end(t.Context())
	t.Logf("%d kills, %s each", n, (time.Since(began) / time.Duration(n)).Round(time.Millisecond))
}

// pointPatience is how long a round waits for its point to be reached.
const pointPatience = 3 * time.Second

// servingPoints are those that a serving office reaches. Restoring a backup is
// killed by the tests of package backup.
func servingPoints() []string {
	var out []string
	for _, p := range faults.Points() {
		if !strings.HasPrefix(p.Name, "backup.") {
			out = append(out, p.Name)
		}
	}
	return out
}

// lastHit is up to which hit of a point the kill may wait: transactions are
// many, checkpoints few.
func lastHit(point string) int {
	if strings.HasPrefix(point, "store.") {
		return 40
	}
	return 3
}

// TestPoints is SIGKILL at every named point, at one of its first hits.
func TestPoints(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(seed(), 2))
	c := newCampaign(t, faultyProgram)
	points := servingPoints()
	hit := map[string]int{}
	for i := range times(1000, 2*len(points)) {
		point := points[i%len(points)]
		act, nth := "kill", 1+random.IntN(lastHit(point))
		if point == "store.commit-error" && i%2 == 0 {
			act = "error" // the outcome is unknown: the process must end
		}
		died, err := c.round(t.Context(), []string{fmt.Sprintf("VIDIMUS_FAULT=%s:%s:%d", point, act, nth)}, pointPatience)
		if err != nil {
			t.Fatalf("%s at %s, hit %d: %v", act, point, nth, err)
		}
		if died {
			hit[point]++
		}
	}
	c.end(t.Context())
	n := 0
	for _, point := range points {
		n += hit[point]
		if hit[point] == 0 {
			t.Errorf("point %s was never reached", point)
		}
	}
	t.Logf("%d kills at %d points", n, len(hit))
}

// TestControls lets the program do what it must never do. Each time the same
// rounds as above must find it out, and name the invariant.
func TestControls(t *testing.T) {
	for _, tt := range []struct {
		wrong string
		names []string // of which one at least must be violated
	}{
		{"store.early-answer", []string{"I1", "I3", "I5"}},
		{"store.same-index", []string{"I3"}},
		{"store.forget-jti", []string{"I2", "I14"}},
		{"store.forget-nonce", []string{"I7"}},
		{"store.lose-flip", []string{"I9", damaged}},
		{"store.unaudited", []string{"I4", "I5"}},
		{"publication.backwards", []string{"I9", "I10"}},
		{"publication.torn", []string{"I10", "I11"}},
	} {
		t.Run(tt.wrong, func(t *testing.T) {
			c := newCampaign(t, faultyProgram)
			if tt.wrong == "store.early-answer" || tt.wrong == "publication.torn" {
				// What is wrong lasts as long as a sync: only a real disk takes long.
				dir, err := os.MkdirTemp(filepath.Dir(issuerProgram), "control-")
				if err != nil {
					t.Fatal(err)
				}
				c.dir, c.spin = dir, true
			}
			var err error
			for i := 0; i < 100 && err == nil; i++ {
				_, err = c.round(t.Context(), []string{"VIDIMUS_WRONG=" + tt.wrong}, 200*time.Millisecond)
			}
			var v *violation
			if !errors.As(err, &v) {
				t.Fatalf("nobody noticed: %v", err)
			}
			if !slices.ContainsFunc(tt.names, func(n string) bool { return slices.Contains(v.invariants, n) }) {
				t.Errorf("found, but as %v", v.invariants)
			}
		})
	}
}
