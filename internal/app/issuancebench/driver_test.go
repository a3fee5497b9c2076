package issuancebench

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// parallel calls do for 0 to n-1 with as many goroutines as workers, each with
// its own number, and gives the first error of each.
func parallel(workers, n int, do func(worker, i int) error) error {
	var next atomic.Int64
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = do(w, i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// wallets sign requests of as many copies each.
type wallets struct {
	all []*preparer
}

func newWallets(t testing.TB, u *issuerUnderTest, copies int) *wallets {
	t.Helper()
	var w wallets
	keys := make(walletKeys, max(64, copies))
	for i := range keys {
		keys[i] = newKey(t)
	}
	for range atOnce {
		w.all = append(w.all, &preparer{u: u, copies: copies, key: newKey(t), keys: keys})
	}
	return &w
}

// prepare signs n requests.
func (w *wallets) prepare(t testing.TB, n int) []*request {
	t.Helper()
	out := make([]*request, n)
	if err := parallel(len(w.all), n, func(worker, i int) (err error) {
		out[i], err = w.all[worker].next()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// answers are those of many requests.
type answers struct {
	copies int
	took   []time.Duration
	wall   time.Duration
}

// fire sends all requests, at most so many at once, and wants all copies.
func fire(t testing.TB, requests []*request, atOnce int) answers {
	t.Helper()
	took := make([]time.Duration, len(requests))
	var copies atomic.Int64
	began := time.Now()
	if err := parallel(min(atOnce, len(requests)), len(requests), func(_, i int) error {
		a, err := requests[i].send()
		if err != nil {
			return err
		}
		took[i] = a.took
		copies.Add(int64(a.copies))
		return requests[i].served(a)
	}); err != nil {
		t.Fatal(err)
	}
	return answers{int(copies.Load()), took, time.Since(began)}
}

// served says whether the answer has what was asked for.
func (r *request) served(a answer) error {
	switch {
	case a.status != http.StatusOK:
		return fmt.Errorf("%d: %s", a.status, a.body)
	case a.copies != r.copies:
		return fmt.Errorf("%d copies, asked for %d", a.copies, r.copies)
	}
	return nil
}
