//go:build faults

package faulttest

import (
	"context"
	"errors"
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
	mount := mounted(t)
	o, err := newOffice(filepath.Join(mount, "office"), issuerProgram, sources)
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.kill() }()
	if err := o.ready(p, true); err != nil {
		t.Fatal(err)
	}
	refused, alive := 0, 0
	for i := range times(20, 2) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if err := o.load.run(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		filler := filepath.Join(mount, "filler")
		fill(t, filler)
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		s := o.load.sources[0]
		for ctx.Err() == nil { // every client stops at the first 503; the registry goes on
			if err := s.push(ctx, o.load.pushed); errors.Is(err, errGone) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			pause(ctx, 50*time.Millisecond)
		}
		cancel()
		select {
		case <-p.ended: // its policy when a commit fails: end, and be started again
			t.Logf("round %d: the office ended: %s", i, p.said())
		default:
			alive++
			code, _, err := o.load.get(t.Context(), o.load.public+"/status", "application/json")
			if err != nil || code != http.StatusOK {
				t.Errorf("the lists are not served while the disk is full: %d, %v", code, err)
			}
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.ended:
			if p, err = o.start(nil); err != nil {
				t.Fatal(err)
			}
		default:
		}
		if err := o.ready(p, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if err := o.settle(); err != nil {
		t.Fatal(err)
	}
	if err := o.check(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if refused == 0 || o.load.Issued.Load() == 0 {
		t.Errorf("%d pushes refused, %d batches: this run proves nothing", refused, o.load.Issued.Load())
	}
	t.Logf("%d pushes refused; the office stayed alive %d times", refused, alive)
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
