package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestFileSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if _, _, err := OpenFile(path, false, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a missing record began anew: %v", err)
	}
	f, _, err := OpenFile(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := f.Append(t.Context(), event(i)); err != nil {
				t.Errorf("append %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	head := f.Head()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), event(1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, torn, err := OpenFile(path, false, nil)
	if err != nil || torn != 0 || again.Head() != head || head.Seq != 40 {
		t.Fatalf("reopened at %v, was %v, torn %d, %v", again.Head(), head, torn, err)
	}
	again.Close()
}

func TestFileTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	whole := record(t, 3)
	line4, _, err := mustHead(t, whole).Next(event(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{1, len(line4) / 2, len(line4)} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			if err := os.WriteFile(path, append(append([]byte(nil), whole...), line4[:cut]...), 0o600); err != nil {
				t.Fatal(err)
			}
			f, torn, err := OpenFile(path, false, nil)
			if err != nil || torn != int64(cut) || f.Head().Seq != 3 {
				t.Fatalf("torn %d, want %d; %v", torn, cut, err)
			}
			if err := f.Append(t.Context(), event(3)); err != nil {
				t.Fatal(err)
			}
			f.Close()
			data, err := os.ReadFile(path)
			if err != nil || mustHead(t, data).Seq != 4 {
				t.Fatalf("after repair: %v", err)
			}
		})
	}
	t.Run("tampered_is_not_repaired", func(t *testing.T) {
		if err := os.WriteFile(path, append(append([]byte(nil), whole[50:]...), line4[:9]...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenFile(path, false, nil); !errors.Is(err, ErrChain) {
			t.Fatalf("opened: %v", err)
		}
	})
}

func mustHead(t *testing.T, data []byte) Head {
	t.Helper()
	h, err := Verify(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestFileBroken: after one failed write nothing is recorded any more, since
// nobody knows what the file holds.
func TestFileBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f, _, err := OpenFile(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := f.f
	if f.f, err = os.Open(path); err != nil { // read only: the write fails
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), event(0)); err == nil {
		t.Fatal("a failed write was not told")
	}
	f.f.Close()
	f.f = good
	if err := f.Append(t.Context(), event(0)); err == nil {
		t.Fatal("went on after a failed write")
	}
	good.Close()
}
