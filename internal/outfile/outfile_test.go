package outfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("victim"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "victim", "nowhere": "gone"} {
		if err := os.Symlink(at(to), at(name)); err != nil {
			t.Fatal(err)
		}
		if err := New(at(name), []byte("x"), 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		if err := Replace(at(name), []byte("new"), 0o600); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Lstat(at(name)); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 || read(t, at(name)) != "new" {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Lstat(at("gone")); err == nil || read(t, at("victim")) != "old" {
		t.Error("a link was followed")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := New(path, []byte("one"), 0o640); err != nil || read(t, path) != "one" {
		t.Errorf("%v", err)
	}
	if err := New(path, []byte("two"), 0o640); !errors.Is(err, fs.ErrExist) || read(t, path) != "one" {
		t.Errorf("%v", err)
	}
	if err := Replace(path, []byte("two"), 0o640); err != nil || read(t, path) != "two" {
		t.Errorf("%v", err)
	}
	if err := Replace(filepath.Dir(path), nil, 0o640); err == nil {
		t.Error("a folder")
	}
	if err := Replace(filepath.Join(path, "below"), nil, 0o640); err == nil {
		t.Error("below a file")
	}
}

// A pipe is written to: there is nothing to put in its place.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte)
	go func() {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		got <- data
	}()
	if err := Replace(path, []byte("poured"), 0o600); err != nil {
		t.Error(err)
	}
	if data := <-got; !bytes.Equal(data, []byte("poured")) {
		t.Errorf("%q", data)
	}
}
