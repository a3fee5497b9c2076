package issuancebench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// At 70% of what the issuer can, for minutes: what it holds of memory does not
// grow, and how long a batch takes is told beside how long one takes alone. The
// requests come at random (Poisson), and each wait counts from when the request
// was due, whether or not anybody was free to send it.
func TestIssuanceEndurance(t *testing.T) {
	const part = 0.7
	o := openOffice(t)
	u := o.underTest()
	w := newWallets(t, u, copiesPerBatch)
	fire(t, w.prepare(t, 2*atOnce), atOnce)

	alone := fire(t, w.prepare(t, size(t, "ISSUANCEBENCH_REQUESTS", 200, 5)), 1).took
	slices.Sort(alone)
	rate := saturation(t, w) * part
	length := 3 * time.Second
	if full() {
		length = 10 * time.Minute
	}
	if m := size(t, "ISSUANCEBENCH_MINUTES", 0, 0); m > 0 { // of whoever wants others
		length = time.Duration(m) * time.Minute
	}
	took, held := steady(t, w, rate, length)
	slices.Sort(took)
	early, late := middle(held[len(held)/5:len(held)*2/5]), middle(held[len(held)*4/5:])
	t.Logf("%.0f requests/s of %d copies (%.0f%% of saturation) for %v: p50 %v p99 %v p99.9 %v; alone p50 %v; load %s", rate, copiesPerBatch, 100*part, length,
		round(at(took, 0.5)), round(at(took, 0.99)), round(at(took, 0.999)), round(at(alone, 0.5)), load())
	t.Logf("p99 at %.0f%% of saturation: %.1f times the p50 alone", 100*part, float64(at(took, 0.99))/float64(at(alone, 0.5)))
	promise(t, float64(late) <= 1.1*float64(early), "no growth of memory over %v at %.0f%% of saturation: %d MiB in the second fifth, %d in the last", length, 100*part, early>>10, late>>10)
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// middle is the median.
func middle(values []int) int {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return s[len(s)/2]
}

// saturation is how many requests a second are answered when as many come as can,
// each from a wallet that signs it first: the wallets are on the same cores, also
// below saturation.
func saturation(t *testing.T, w *wallets) float64 {
	t.Helper()
	n := size(t, "ISSUANCEBENCH_REQUESTS", 1000, 20)
	began := time.Now()
	if err := parallel(len(w.all), n, func(worker, _ int) error { return w.one(worker) }); err != nil {
		t.Fatal(err)
	}
	return float64(n) / time.Since(began).Seconds()
}

// one signs and sends one request.
func (w *wallets) one(worker int) error {
	r, err := w.all[worker].next()
	if err != nil {
		return err
	}
	a, err := r.send()
	if err != nil {
		return err
	}
	return r.served(a)
}

// steady sends requests at a rate, and gives how long each took and what the
// issuer held meanwhile, in KiB.
func steady(t *testing.T, w *wallets, rate float64, length time.Duration) (took []time.Duration, held []int) {
	t.Helper()
	ready := make(chan *request, 2*atOnce)
	stop := make(chan struct{})
	var signing sync.WaitGroup
	failed := make(chan error, len(w.all)+1)
	for _, p := range w.all {
		signing.Go(func() {
			for {
				r, err := p.next()
				if err != nil {
					failed <- err
					return
				}
				select {
				case ready <- r:
				case <-stop:
					return
				}
			}
		})
	}
	var mu sync.Mutex
	var sending sync.WaitGroup
	began := time.Now()
	sample := began
	for due := began; due.Sub(began) < length; due = due.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second))) {
		time.Sleep(time.Until(due)) // an open loop: the clock says when
		var r *request
		select {
		case r = <-ready:
		case err := <-failed:
			t.Fatal(err)
		}
		sending.Go(func() {
			a, err := r.send()
			if err == nil {
				err = r.served(a)
			}
			if err != nil {
				select {
				case failed <- fmt.Errorf("below saturation: %w", err):
				default:
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
		})
		if now := time.Now(); now.Sub(sample) >= length/100 {
			held, sample = append(held, w.all[0].u.memory(t)), now
		}
	}
	close(stop)
	signing.Wait()
	sending.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if len(took) == 0 || len(held) == 0 {
		t.Fatalf("%d requests, memory looked at %d times: nothing was measured", len(took), len(held))
	}
	return took, held
}
