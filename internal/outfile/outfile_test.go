package outfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// What is written is on the disk before it has its name, and its name before it counts.
func TestDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	exists := func() bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	defer func(f func(*os.File) error) { syncFile = f }(syncFile)
	var synced []string
	syncFile = func(f *os.File) error {
		info, err := f.Stat()
		switch {
		case err != nil:
			return err
		case info.IsDir() && exists():
			synced = append(synced, "folder")
		case !info.IsDir():
			synced = append(synced, map[bool]string{false: "before", true: "named"}[exists()])
		}
		return nil
	}
	if err := Replace(path, []byte("one"), 0o600); err != nil || !slices.Equal(synced, []string{"before", "folder"}) {
		t.Errorf("%v, %v", synced, err)
	}
	other := path
	path, synced = path+"-new", nil
	if err := New(path, []byte("two"), 0o600); err != nil || !slices.Equal(synced, []string{"named", "folder"}) {
		t.Errorf("%v, %v", synced, err)
	}
	bad := errors.New("no disk")
	syncFile = func(*os.File) error { return bad }
	if err := Replace(other, []byte("three"), 0o600); !errors.Is(err, bad) || read(t, other) != "one" {
		t.Errorf("a failed sync was not told: %v, %q", err, read(t, other))
	}
	path += "-too"
	if err := New(path, nil, 0o600); !errors.Is(err, bad) || exists() {
		t.Errorf("a failed sync was not told: %v", err)
	}
	syncFile = func(f *os.File) error { // a name that may be gone after a power cut
		if info, err := f.Stat(); err != nil || !info.IsDir() {
			return err
		}
		return bad
	}
	if err := New(path, nil, 0o600); !errors.Is(err, bad) || exists() {
		t.Errorf("a failed sync of the folder was not told: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// What /dev/stdout leads to is written to: the name is the system's.
func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, folder := range []string{"/dev/fd", "/proc/self/fd"} {
		name := fmt.Sprintf("%s/%d", folder, f.Fd())
		before, err := os.Readlink(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := Replace(name, []byte(folder), 0o600); err != nil || read(t, path) != folder {
			t.Errorf("%v, %q", err, read(t, path))
		}
		if after, err := os.Readlink(name); err != nil || after != before {
			t.Errorf("%s, %v", after, err)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"/dev/stdout": true, "/dev/../dev//stderr": true, "/dev/shm/x": false, "/dev/null": false, path: false} {
		if open(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
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
