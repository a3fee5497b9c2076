package issuancebench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// full holds the issuer to its promises; otherwise the tests only see to it that
// they measure.
func full() bool { return os.Getenv("ISSUANCEBENCH") == "full" }

// size is a count: from the environment, else that of a release or of a commit.
func size(t testing.TB, name string, release, commit int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			t.Fatalf("%s is no count: %q", name, text)
		}
		return n
	}
	if full() {
		return release
	}
	return commit
}

// promise fails in a full run, and says what was found in every other one.
func promise(t *testing.T, kept bool, format string, args ...any) {
	t.Helper()
	what := fmt.Sprintf(format, args...)
	switch {
	case kept:
		t.Log("kept:     ", what)
	case full():
		t.Error("NOT kept: ", what)
	default:
		t.Log("not kept: ", what, "(at this size nobody is held to it)")
	}
}

// work is the cryptography of a request: what no issuer can do without.
type work struct {
	verifications, signatures int
	hashes, octets            int // digests of elements, and the octets in them all
}

func (w work) String() string {
	return fmt.Sprintf("%d verifications, %d signatures, %d digests of %d octets", w.verifications, w.signatures, w.hashes, w.octets)
}

// mdl30 is the work of one copy of the workload: its 30 elements, of which one is
// a portrait, the four that our catalogue adds, and what is signed over their
// digests.
var mdl30 = work{verifications: 1, signatures: 1, hashes: 35, octets: 25_500}

func (w work) times(n int) work {
	return work{w.verifications * n, w.signatures * n, w.hashes * n, w.octets * n}
}

func (w work) and(o work) work {
	return work{w.verifications + o.verifications, w.signatures + o.signatures, w.hashes + o.hashes, w.octets + o.octets}
}

// floor does such work.
type floor struct {
	key    *ecdsa.PrivateKey
	digest [32]byte
	proof  []byte
}

func newFloor(t testing.TB) *floor {
	t.Helper()
	f := &floor{digest: sha256.Sum256([]byte("floor"))}
	var err error
	if f.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
		f.proof, err = ecdsa.SignASN1(rand.Reader, f.key, f.digest[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// slice does the work of n requests on as many threads as there are cores, and
// gives the processor time of one: two threads of one core are each slower when
// both are busy, as they are under load.
func (f *floor) slice(n int, w work) time.Duration {
	threads := runtime.GOMAXPROCS(0)
	took := make([]time.Duration, threads)
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			text := make([]byte, w.octets/max(w.hashes, 1))
			before := threadTime()
			for range n {
				f.once(w, text)
			}
			took[i] = threadTime() - before
		})
	}
	wg.Wait()
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	return sum / time.Duration(n*threads)
}

func (f *floor) once(w work, text []byte) {
	for range w.verifications {
		if !ecdsa.VerifyASN1(&f.key.PublicKey, f.digest[:], f.proof) {
			panic("does not verify")
		}
	}
	for range w.signatures {
		if _, err := ecdsa.SignASN1(rand.Reader, f.key, f.digest[:]); err != nil {
			panic(err)
		}
	}
	for range w.hashes {
		if sha256.Sum256(text) == f.digest {
			panic("a collision")
		}
	}
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ratios of rounds. A bound is held to the median: the least of many rounds is
// luck, and is told beside it.
type ratios []float64

func (r ratios) median() float64 {
	s := slices.Sorted(slices.Values(r))
	return s[len(s)/2]
}

func (r ratios) least() float64 { return slices.Min(r) }

func (r ratios) within(bound float64) bool { return r.median() <= bound }

func (r ratios) String() string { return fmt.Sprintf("median %.2f, least %.2f", r.median(), r.least()) }

// at gives the value below which a part of the sorted values lies.
func at(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// load is what others do to the machine, for whoever reads the figures.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
