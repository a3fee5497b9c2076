package issuancebench

import (
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// copiesPerBatch and atOnce: as many copies as a wallet keeps, and enough
// requests under way that no core waits for the disk or for the wallets.
const (
	copiesPerBatch = 20
	atOnce         = 16
)

// batchWork is the work of a request of 20 copies: beside theirs the proof of
// the access token.
var batchWork = mdl30.times(copiesPerBatch).and(work{verifications: 1})

// Batches of 20 copies of the workload, durably recorded, as fast as the issuer
// can: processor time of the issuer for each copy, beside that of the bare
// cryptography.
func TestIssuanceBatch(t *testing.T) {
	o := openOffice(t)
	batches(t, o.underTest(), "issuer", 3.2)
}

// cost is what a copy costs.
type cost struct {
	each time.Duration // processor time of the issuer
	ratios
}

// batches measures rounds of batches; bound 0 promises nothing.
func batches(t *testing.T, u *issuerUnderTest, name string, bound float64) cost {
	t.Helper()
	rounds, perRound := size(t, "ISSUANCEBENCH_ROUNDS", 12, 2), size(t, "ISSUANCEBENCH_REQUESTS", 150, 10)
	w := newWallets(t, u, copiesPerBatch)
	fire(t, w.prepare(t, 2*atOnce), atOnce) // connections, caches, lists
	f := newFloor(t)
	var c cost
	var used, wall, floors time.Duration
	copies := 0
	for range rounds {
		requests := w.prepare(t, perRound)
		before := u.cpu(t)
		finish := profiling(t, u)
		a := fire(t, requests, atOnce)
		finish()
		own := u.cpu(t) - before
		one := f.slice(10, batchWork)
		c.ratios = append(c.ratios, float64(own)/float64(len(requests))/float64(one))
		used, wall, floors, copies = used+own, wall+a.wall, floors+one, copies+a.copies
	}
	c.each = used / time.Duration(copies)
	t.Logf("%s: batches of %d: %d copies in %v, %.0f/s beside their wallets; %d us cpu a copy, floor %d us (%v), ratio %v; load %s",
		name, copiesPerBatch, copies, wall.Round(time.Millisecond), float64(copies)/wall.Seconds(), c.each.Microseconds(),
		(floors / time.Duration(rounds*copiesPerBatch)).Microseconds(), batchWork, c.ratios, load())
	if bound > 0 {
		promise(t, c.within(bound), "batch of %d mDL30, durable, at saturation: cpu at most %.1f times the bare cryptography: %v", copiesPerBatch, bound, c.ratios)
	}
	return c
}

// profiling takes a profile of the issuer while it works, where one is wanted.
func profiling(t *testing.T, u *issuerUnderTest) (finish func()) {
	path := os.Getenv("ISSUANCEBENCH_PROFILE")
	if path == "" || u.profile == "" {
		return func() {}
	}
	done := make(chan error, 1)
	go func() {
		res, err := http.Get(u.profile + "?seconds=2")
		if err == nil {
			defer drain(res.Body)
			var text []byte
			if text, err = io.ReadAll(res.Body); err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
		}
		done <- err
	}()
	return func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
