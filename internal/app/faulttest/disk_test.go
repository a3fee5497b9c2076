//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// diskSize is that of the office's file system.
const diskSize = "64M"

// TestDiskFull is bad inputs R16 and T10: it fills the disk of a working office and frees it again. Reading
// and the lists go on, or the process ends and says why; writing is refused
// with 503; nothing that was acknowledged is lost, and it heals by itself.
func TestDiskFull(t *testing.T) {
	f := newFillings(t, issuerProgram)
	if err := f.run(times(20, 2)); err != nil {
		t.Fatal(err)
	}
	if f.refused == 0 || f.office.load.Issued.Load() == 0 {
		t.Errorf("%d pushes refused, %d batches: this run proves nothing", f.refused, f.office.load.Issued.Load())
	}
	t.Logf("%d pushes refused; the office stayed alive %d times", f.refused, f.alive)
}

// TestDiskFullControls does the same with an office that goes on over a commit
// that failed, and with one that says that it is ready when it cannot write.
func TestDiskFullControls(t *testing.T) {
	for _, tt := range []struct {
		wrong string
		names []string
	}{
		{"store.commit-ignored", []string{"I1", "I3", "I5", "I6", "I14", damaged}},
		{"issuer.ready-anyway", []string{"I13"}},
	} {
		t.Run(tt.wrong, func(t *testing.T) {
			f := newFillings(t, faultyProgram, "VIDIMUS_WRONG="+tt.wrong)
			found(t, f.run(2), tt.names...)
		})
	}
}

// fillings fills the disk of an office, several times.
type fillings struct {
	t       *testing.T
	mount   string
	office  *office
	env     []string
	refused int // pushes
	alive   int // how often it stayed
}

func newFillings(t *testing.T, program string, env ...string) *fillings {
	f := &fillings{t: t, mount: mounted(t), env: env}
	var err error
	if f.office, err = newOffice(filepath.Join(f.mount, "office"), program, sources); err != nil {
		t.Fatal(err)
	}
	return f
}

// run says what was wrong.
func (f *fillings) run(rounds int) error {
	o := f.office
	p, err := o.start(f.env)
	if err != nil {
		return err
	}
	defer func() { p.kill() }()
	err = o.ready(p, true)
	for i := 0; i < rounds && err == nil; i++ {
		p, err = f.round(i, p)
	}
	if err != nil {
		p.kill()
		return o.judge(f.t.Context(), err)
	}
	if err := p.stop(); err != nil {
		return o.judge(f.t.Context(), err)
	}
	if err := o.settle(); err != nil {
		return o.judge(f.t.Context(), err)
	}
	return o.check(f.t.Context(), true)
}

// round gives the process that serves after it.
func (f *fillings) round(i int, p *process) (*process, error) {
	t, o := f.t, f.office
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := o.load.run(ctx); err != nil {
		return p, err
	}
	filler := filepath.Join(f.mount, "filler")
	fill(t, filler)
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	s := o.load.sources[0]
	for ctx.Err() == nil { // every client stops at the first 503; the registry goes on
		if err := s.push(ctx, o.load.pushed); errors.Is(err, errGone) {
			f.refused++
		} else if err != nil {
			return p, err
		}
		if err := o.load.ask(ctx); err != nil && !errors.Is(err, errGone) {
			return p, err
		}
		pause(ctx, 30*time.Millisecond)
	}
	select {
	case <-p.ended: // its policy when a commit fails: end, and be started again
		t.Logf("round %d: the office ended: %s", i, p.said())
	default:
		f.alive++
		code, _, err := o.load.get(t.Context(), o.load.public+"/status", "application/json")
		if err != nil || code != http.StatusOK {
			return p, errors.Join(err, fmt.Errorf("the lists are not served while the disk is full: %d", code))
		}
	}
	if err := os.Remove(filler); err != nil {
		return p, err
	}
	select {
	case <-p.ended:
		next, err := o.start(f.env)
		if err != nil {
			return p, err
		}
		p = next
	default:
	}
	return p, o.ready(p, true)
}

// mounted makes a small file system of its own; it needs root.
func mounted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mount, image := filepath.Join(dir, "mount"), filepath.Join(dir, "image")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"truncate", "-s", diskSize, image}, {"mkfs.ext4", "-q", "-F", "-m", "0", image}, {"mount", "-o", "loop", image, mount},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v (root is needed): %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() { // lazily: the wallets have their folders open
		if out, err := exec.Command("umount", "-l", mount).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return mount
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		for block := make([]byte, size); ; {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
	_ = f.Sync()
}
