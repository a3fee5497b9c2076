package officebench

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

// full holds the office to its promises; otherwise the tests only see to it
// that they measure.
func full() bool { return os.Getenv("OFFICEBENCH") == "full" }

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

// folder is where the measured state lies.
func folder(t *testing.T) string {
	t.Helper()
	under := os.Getenv("OFFICEBENCH_DIR")
	if under == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(under, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(under, "office")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
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

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpu is what this process has used in all threads.
func cpu() time.Duration { return usage(syscall.RUSAGE_SELF) }

// memory is the resident set, now and at its largest, in MiB.
func memory() (now, peak int) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		for name, into := range map[string]*int{"VmRSS:": &now, "VmHWM:": &peak} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kib, _ := strconv.Atoi(strings.Fields(rest)[0])
				*into = kib >> 10
			}
		}
	}
	return now, peak
}

// load is what others do to the machine, for whoever reads the figures.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func megabytes(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size() >> 20
}

// floor is the work without which no event can be taken.
type floor struct {
	key    *ecdsa.PrivateKey
	digest [32]byte
	proof  []byte
	used   time.Duration // of this process, in all
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

// slice verifies n signatures and hashes as many texts of octets, on as many
// threads as there are cores, and gives the processor time of one: two threads
// of one core are each slower when both are busy, as they are under load.
func (f *floor) slice(n, octets int) time.Duration {
	threads := runtime.GOMAXPROCS(0)
	took := make([]time.Duration, threads)
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			const thread = 1 // RUSAGE_THREAD
			text := make([]byte, octets)
			before := usage(thread)
			for range n {
				if sha256.Sum256(text) == f.digest || !ecdsa.VerifyASN1(&f.key.PublicKey, f.digest[:], f.proof) {
					panic("does not verify")
				}
			}
			took[i] = usage(thread) - before
		})
	}
	wg.Wait()
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	f.used += sum
	return sum / time.Duration(n*threads)
}

// at gives the value below which a part of the sorted values lies.
func at(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func median[T time.Duration | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	s := slices.Clone(values)
	slices.Sort(s)
	return s[len(s)/2]
}
