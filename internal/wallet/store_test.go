package wallet_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/wallet"
)

func TestOpenStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := wallet.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(); err != nil || len(list) > 0 {
		t.Errorf("%v %v", list, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.OpenStore(dir); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("an open folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := wallet.OpenStore(file); err == nil {
		t.Error("a file is no folder")
	}
}

// A wallet is found again as it was left, and newer batches come first.
func TestStorePersists(t *testing.T) {
	w := newWorld(t, "")
	first, err := w.accept(wallet.AcceptOptions{Copies: 2}, "mdl")
	w.must(err)
	w.pki.Clock.Advance(time.Hour)
	second, err := w.accept(wallet.AcceptOptions{Copies: 1}, "pid-mdoc")
	w.must(err)
	_, err = w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: transcript(t)})
	w.must(err)
	again, err := wallet.OpenStore(w.dir)
	w.must(err)
	defer again.Close()
	list, err := again.List()
	w.must(err)
	if len(list) != 2 || list[0].ID != second[0].ID || list[1].ID != first[0].ID {
		t.Fatalf("%+v", list)
	}
	uses := []int{list[1].Copies[0].Used, list[1].Copies[1].Used}
	slices.Sort(uses)
	if !slices.Equal(uses, []int{0, 1}) || list[1].Name != first[0].Name || !strings.HasPrefix(list[1].ID, "mdl-") {
		t.Errorf("%+v", list[1])
	}
}

func TestRemove(t *testing.T) {
	w := holding(t, 1)
	list, err := w.store.List()
	w.must(err)
	w.must(w.store.Remove(list[0].ID))
	if err := w.store.Remove(list[0].ID); !errors.Is(err, wallet.ErrNotFound) {
		t.Error(err)
	}
	for _, id := range []string{"", ".", "..", "../wallet", "/etc", "a/b", ".new-mdl-1", "MDL", strings.Repeat("a", 60)} {
		if err := w.store.Remove(id); !errors.Is(err, wallet.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := w.store.Batch(id); !errors.Is(err, wallet.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	entries, err := os.ReadDir(w.dir)
	w.must(err)
	if left, err := w.store.List(); err != nil || len(left) != 2 || len(entries) != 2 {
		t.Errorf("%d left in %d folders, %v", len(left), len(entries), err)
	}
	if _, err := w.store.Credential(list[1].ID, 1); !errors.Is(err, wallet.ErrNotFound) {
		t.Errorf("a copy that is not there: %v", err)
	}
}

// A folder that was tampered with, or a run that was cut off.
func TestBrokenFolder(t *testing.T) {
	present := func(w *world) error {
		_, err := w.wallet.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: transcript(w.t)})
		return err
	}
	for _, tt := range []struct {
		name   string
		change func(dir string) error
		want   string // in the error of presenting; "" = none
	}{
		{"unfinished batch", func(dir string) error { return os.Mkdir(filepath.Join(filepath.Dir(dir), ".new-x"), 0o700) }, ""},
		{"unfinished count", func(dir string) error { return os.WriteFile(filepath.Join(dir, ".batch.json"), []byte("{"), 0o600) }, ""},
		{"stray file", func(dir string) error { return os.WriteFile(filepath.Join(filepath.Dir(dir), "notes"), nil, 0o600) }, ""},
		{"no record", func(dir string) error { return os.Remove(filepath.Join(dir, "batch.json")) }, "not in this wallet"},
		{"record of rubbish", func(dir string) error { return os.WriteFile(filepath.Join(dir, "batch.json"), []byte("{"), 0o600) }, "batch.json"},
		{"record of another", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "batch.json"), []byte(`{"id":"other-1"}`), 0o600)
		}, "another batch"},
		{"record of nothing", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "batch.json"), []byte(`{"id":"`+filepath.Base(dir)+`"}`), 0o600)
		}, "incomplete"},
		{"open key", func(dir string) error { return os.Chmod(filepath.Join(dir, "00.key"), 0o644) }, "chmod 600"},
		{"key of rubbish", func(dir string) error { return os.WriteFile(filepath.Join(dir, "00.key"), []byte("key"), 0o600) }, "PKCS#8"},
		{"key outside", func(dir string) error {
			path := filepath.Join(dir, "00.key")
			return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path))
		}, "reading the wallet"},
		{"no key", func(dir string) error { return os.Remove(filepath.Join(dir, "00.key")) }, "reading the wallet"},
		{"credential changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "00.credential"), []byte("AAAA"), 0o600)
		}, "mdoc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			b, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
			w.must(err)
			w.must(tt.change(filepath.Join(w.dir, b[0].ID)))
			err = present(w)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE") {
				t.Error("the error quotes a key")
			}
			w.must(w.store.Remove(b[0].ID)) // whatever is broken can be removed
		})
	}
}

// Sessions that run at the same time do not share a copy while there are others.
func TestConcurrentPresentations(t *testing.T) {
	w := holding(t, 4)
	var wait sync.WaitGroup
	for range 4 {
		other, err := wallet.New(wallet.Config{Store: w.store, Clock: w.pki.Clock, Rand: w.cfg.Rand})
		w.must(err)
		wait.Go(func() {
			if _, err := other.PresentMdoc(wallet.MdocPresentation{DocType: elements.MDLDocType, Elements: []string{"family_name"}, Transcript: transcript(t)}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	list, err := w.store.List()
	w.must(err)
	for _, b := range list {
		if b.Configuration != "mdl" {
			continue
		}
		for n, c := range b.Copies {
			if c.Used != 1 {
				t.Errorf("copy %d was used %d times", n, c.Used)
			}
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := wallet.New(wallet.Config{}); err == nil {
		t.Error("a wallet of nothing")
	}
	w := newWorld(t, "", func(w *world) { w.cfg.Web, w.cfg.Progress = nil, nil })
	if _, err := w.accept(wallet.AcceptOptions{}, "mdl"); err == nil || !strings.Contains(err.Error(), "no web") {
		t.Error(err)
	}
}
