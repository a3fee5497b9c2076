//go:build pkcs11

package pkcs11

import (
	"crypto"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
)

// TestRate compares, in turns in one run, what sixty-four goroutines get from us,
// verification included, with what they get from the module alone, with a session
// each. HSM_RATE is the least ratio that is accepted, in a run on a quiet machine.
func TestRate(t *testing.T) {
	w := newWorld(t)
	m := open(t)
	k := create(t, m, w.uri(softHSM, "ds"))
	const goroutines, each, turns = 64, 30, 9
	digest := sha256.Sum256([]byte("x"))
	rate := func(f func(g int) error) (perSecond float64, cpu time.Duration) {
		var wg sync.WaitGroup
		start, before := time.Now(), cpuTime(t)
		for g := range goroutines {
			wg.Go(func() {
				for range each {
					if err := f(g); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return goroutines * each / time.Since(start).Seconds(), (cpuTime(t) - before) / (goroutines * each)
	}
	// The module alone, in the same process and login.
	c, err := k.t.connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	handle, err := k.find(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p := c.i.p
	var sessions [goroutines]pkcs11.SessionHandle
	for i := range sessions {
		if sessions[i], err = p.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION); err != nil {
			t.Fatal(err)
		}
	}
	bare := func(g int) error {
		if err := p.SignInit(sessions[g], []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}, handle); err != nil {
			return err
		}
		_, err := p.Sign(sessions[g], digest[:])
		return err
	}
	ours := func(int) error {
		_, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	}
	rate(ours) // which opens its sessions, and is reason for tables
	if !fips140.Enabled() {
		within(t, 30*time.Second, "no tables were made", func() bool { return k.quick.Load() != nil })
	}
	var ratios, alone, with []float64
	for range turns {
		a, acpu := rate(bare)
		b, bcpu := rate(ours)
		alone, with, ratios = append(alone, a), append(with, b), append(ratios, b/a)
		t.Logf("module %.0f/s (%v of CPU each), ours %.0f/s (%v): %.2f", a, acpu, b, bcpu, b/a)
	}
	for _, all := range [][]float64{alone, with, ratios} {
		slices.Sort(all)
	}
	// On a busy machine this says little: a least figure is asked for where it is quiet.
	if least, err := strconv.ParseFloat(os.Getenv("HSM_RATE"), 64); err == nil && ratios[turns/2] < least {
		t.Errorf("%.2f of the module's rate, expected %.2f", ratios[turns/2], least)
	}
	t.Logf("median of %d turns: module %.0f/s, ours %.0f/s, %.2f of it (expected 0.8)", turns, alone[turns/2], with[turns/2], ratios[turns/2])
}

func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSoftHSM is our side of TestRate.
func BenchmarkSoftHSM(b *testing.B) {
	w := newWorld(b)
	m := open(b)
	k := create(b, m, w.uri(softHSM, "ds"))
	digest := sha256.Sum256([]byte("x"))
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
