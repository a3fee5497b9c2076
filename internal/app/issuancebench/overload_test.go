package issuancebench

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// More wallets at once than the issuer has places and room to wait: each gets
// its copies or, at once, 503 and when to come again, with nothing used up.
// Nothing else happens to anybody, and what is served is as much as without them.
func TestIssuanceOverload(t *testing.T) {
	o := openOffice(t)
	u := o.underTest()
	cores := runtime.GOMAXPROCS(0) // each has its places, and its part of the queue
	crowd, perRound := size(t, "ISSUANCEBENCH_CROWD", 500*cores, 200*cores), size(t, "ISSUANCEBENCH_REQUESTS", 150, 10)
	w := newWallets(t, u, copiesPerBatch)
	fire(t, w.prepare(t, atOnce), atOnce)
	calm := w.prepare(t, perRound)
	before := u.cpu(t)
	fire(t, calm, atOnce)
	alone := (u.cpu(t) - before) / time.Duration(perRound*copiesPerBatch)

	requests := w.prepare(t, crowd)
	var served, shed atomic.Int64
	quickest := make([]time.Duration, crowd)
	before = u.cpu(t)
	began := time.Now()
	o.must(parallel(crowd, crowd, func(_, i int) error {
		a, err := requests[i].send()
		if err != nil {
			return err
		}
		if a.status != http.StatusServiceUnavailable {
			served.Add(1)
			return requests[i].served(a)
		}
		shed.Add(1)
		quickest[i] = a.took
		if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 || bytes.Contains(a.body, []byte(`"error"`)) {
			return fmt.Errorf("503 without Retry-After: %v %s", a.header, a.body)
		}
		return nil
	}))
	wall := time.Since(began)
	each := (u.cpu(t) - before) / time.Duration(max(1, int(served.Load())*copiesPerBatch))
	refused := slices.DeleteFunc(slices.Clone(quickest), func(d time.Duration) bool { return d == 0 })
	slices.Sort(refused)
	t.Logf("overload: %d requests at once: %d served, %d sent away (p50 after %v) in %v; %d us cpu a copy that was served, %d without the crowd; load %s",
		crowd, served.Load(), shed.Load(), at(refused, 0.5).Round(time.Millisecond), wall.Round(time.Millisecond), each.Microseconds(), alone.Microseconds(), load())
	if shed.Load() == 0 {
		t.Error("nobody was sent away: that was no overload")
	}
	promise(t, float64(each) <= 1.5*float64(alone), "under overload a copy costs at most half more than without: %.2f times", float64(each)/float64(alone))

	// Those that were sent away come again, with the same proofs of their keys.
	var again atomic.Int64
	err := parallel(len(w.all), crowd, func(_, i int) error {
		if quickest[i] == 0 {
			return nil
		}
		r := requests[i]
		if err := r.prove(); err != nil {
			return err
		}
		a, err := r.send()
		if err != nil {
			return err
		}
		again.Add(1)
		return r.served(a)
	})
	if err != nil || again.Load() != shed.Load() {
		t.Error(errors.Join(err, fmt.Errorf("%d of %d had their copies at the second try", again.Load(), shed.Load())))
	}
}
