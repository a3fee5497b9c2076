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
	b := newBatches(t, openOffice(t).underTest(), "issuer")
	for range b.rounds {
		b.round()
	}
	b.result()
	promise(t, b.ratios.within(3.2), "batch of %d mDL30, durable, at saturation: cpu at most 3.2 times the bare cryptography: %v", copiesPerBatch, b.ratios)
}

// batches are rounds of batches at one issuer.
type batches struct {
	*testing.T
	u       *issuerUnderTest
	name    string
	wallets *wallets
	floor   *floor

	rounds, perRound   int
	used, wall, floors time.Duration
	copies             int
	ratios             ratios
}

func newBatches(t *testing.T, u *issuerUnderTest, name string) *batches {
	t.Helper()
	b := &batches{
		T: t, u: u, name: name, wallets: newWallets(t, u, copiesPerBatch), floor: newFloor(t),
		rounds: size(t, "ISSUANCEBENCH_ROUNDS", 12, 2), perRound: max(2, size(t, "ISSUANCEBENCH_REQUESTS", 150, 10)/max(1, u.slow)),
	}
	fire(t, b.wallets.prepare(t, min(2*atOnce, b.perRound)), atOnce) // connections, caches, lists
	return b
}

// round signs requests, then sends them, then does the same cryptography alone.
func (b *batches) round() {
	b.Helper()
	requests := b.wallets.prepare(b.T, b.perRound)
	before := b.u.cpu(b)
	finish := profiling(b.T, b.u)
	a := fire(b.T, requests, atOnce)
	finish()
	own := b.u.cpu(b) - before
	one := b.floor.slice(10, batchWork)
	b.ratios = append(b.ratios, float64(own)/float64(len(requests))/float64(one))
	b.used, b.wall, b.floors, b.copies = b.used+own, b.wall+a.wall, b.floors+one, b.copies+a.copies
}

// result gives the processor time of the issuer for each copy.
func (b *batches) result() time.Duration {
	b.Helper()
	each := b.used / time.Duration(b.copies)
	b.Logf("%s: batches of %d: %d copies in %v, %.0f/s beside their wallets; %d us cpu a copy, floor %d us (%v for a batch), ratio %v; load %s",
		b.name, copiesPerBatch, b.copies, b.wall.Round(time.Millisecond), float64(b.copies)/b.wall.Seconds(), each.Microseconds(),
		(b.floors / time.Duration(len(b.ratios)*copiesPerBatch)).Microseconds(), batchWork, b.ratios, load())
	return each
}

// profiling takes a profile of the issuer while it works, where one is wanted.
func profiling(t *testing.T, u *issuerUnderTest) (finish func()) {
	path := os.Getenv("ISSUANCEBENCH_PROFILE")
	if path == "" || u.profile == "" {
		return func() {}
	}
	done := make(chan error, 1)
	go func() {
		res, err := http.Get(u.profile + "?seconds=10")
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
