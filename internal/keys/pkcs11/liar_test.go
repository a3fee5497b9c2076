//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// softHSM is where Debian has it.
const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

// What testdata/lying.c knows, in its order.
const (
	honest = iota
	garbage
	otherKey
	truncated
	zeroR
	empty
	otherDigest
	deviceError
	generalError
	sessionInvalid
	notLoggedIn
	hang
	pinWrong
	pinLocked
	removed
	lost
	slow
	keyInvalid
	hangOpen
	wedged
	lastTry
	oneRemoved
	hangClose
)

const (
	cellMode = iota
	cellLeft
	cellLogins
	cellRefused
	cellSigns
	cellInside
	cellMost
	cellLies
	cellInits
	cellReleased
	cells
)

// liar is the lying module, shared by all tests of the process, as a module is.
type liar struct {
	module string
	cells  *[cells]int64
}

var theLiar liar

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hsm")
		if err == nil {
			defer os.RemoveAll(dir)
			theLiar, err = buildLiar(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "the lying module:", err)
			return 1
		}
		return m.Run()
	}())
}

// buildLiar compiles the lying module, with the headers that the library in go.mod
// has with it.
func buildLiar(dir string) (liar, error) {
	headers, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		return liar{}, err
	}
	l := liar{module: filepath.Join(dir, "lying.so")}
	out, err := exec.Command("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-I", strings.TrimSpace(string(headers)),
		"-o", l.module, filepath.Join("testdata", "lying.c"), "-ldl").CombinedOutput()
	if err != nil {
		return liar{}, fmt.Errorf("%w: %s", err, out)
	}
	command := filepath.Join(dir, "command")
	if err := os.WriteFile(command, make([]byte, 4096), 0o600); err != nil {
		return liar{}, err
	}
	f, err := os.OpenFile(command, os.O_RDWR, 0)
	if err != nil {
		return liar{}, err
	}
	defer f.Close()
	shared, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return liar{}, err
	}
	l.cells = (*[cells]int64)(unsafe.Pointer(&shared[0]))
	os.Setenv("LYING_MODULE", softHSM)
	os.Setenv("LYING_COMMAND", command)
	return l, nil
}

// tell has the module lie n times; negative is for ever.
func (l liar) tell(mode, n int64) {
	atomic.StoreInt64(&l.cells[cellMode], honest)
	atomic.StoreInt64(&l.cells[cellLeft], n)
	atomic.StoreInt64(&l.cells[cellMode], mode)
}

func (l liar) count(cell int) int64 { return atomic.LoadInt64(&l.cells[cell]) }

func (l liar) reset() {
	l.tell(honest, 0)
	for c := cellLogins; c < cells; c++ {
		if c != cellInside {
			atomic.StoreInt64(&l.cells[c], 0)
		}
	}
}

// world is a SoftHSM with one token in a folder of its own.
type world struct {
	dir, pin string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	conf := filepath.Join(w.dir, "softhsm2.conf")
	if err := os.Mkdir(filepath.Join(w.dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(t, "softhsm2.conf", fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", filepath.Join(w.dir, "tokens")))
	t.Setenv("SOFTHSM2_CONF", conf) // C reads it too, when a module is initialised
	w.addToken(t, "state")
	w.pin = w.write(t, "pin", "1234\n")
	return w
}

func (w *world) addToken(t testing.TB, label string) {
	t.Helper()
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "12345678").CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v: %s", err, out)
	}
}

func (w *world) write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *world) uri(module, object string) string {
	return fmt.Sprintf("pkcs11:token=state;object=%s;module-path=%s;pin-source=%s", object, module, w.pin)
}

// open makes a manager that is closed with the test; stuck calls are let go first.
func open(t testing.TB) *manager {
	t.Helper()
	theLiar.reset()
	m, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		theLiar.tell(honest, 0)
		atomic.StoreInt64(&theLiar.cells[cellReleased], 1)
		within(t, 10*time.Second, "calls still hang", func() bool {
			for _, mod := range m.(*manager).modules {
				mod.mu.Lock()
				now := mod.now
				mod.mu.Unlock()
				if now.stuck.Load() > 0 { // not those left behind, which may hang for ever
					return false
				}
			}
			return true
		})
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		for _, mod := range m.(*manager).modules {
			mod.mu.Lock()
			left := mod.hanging()
			mod.mu.Unlock()
			if left > 0 {
				// Close has let SoftHSM be, which the next world must find at its begin. What
				// hangs for ever hangs in the liar; what is only slow comes back meanwhile.
				time.Sleep(2 * callTime)
				mod.now.p.Finalize()
			}
		}
	})
	return m.(*manager)
}

func create(t testing.TB, m *manager, uri string) *key {
	t.Helper()
	s, err := m.Create(context.Background(), uri, elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	return s.(*key)
}

func within(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func verifies(k *key, digest, sig []byte) bool { return ecdsa.VerifyASN1(k.pub, digest, sig) }
