package audit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func openKeys(t *testing.T, dir string) *PeriodKeys {
	t.Helper()
	k, err := OpenPeriodKeys(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func name(t *testing.T, k *PeriodKeys, person string, at time.Time) string {
	t.Helper()
	s, err := k.Pseudonym(person, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPeriodKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit-keys")
	k := openKeys(t, dir)
	june, july := at, at.AddDate(0, 1, 0)
	first := name(t, k, "P1", june)
	if !strings.HasPrefix(first, "p:2026-06:") || len(first) != len("p:2026-06:")+22 {
		t.Errorf("pseudonym %q", first)
	}
	if name(t, k, "P1", june.AddDate(0, 0, 10)) != first {
		t.Error("two pseudonyms in one month")
	}
	if name(t, k, "P2", june) == first || name(t, k, "P1", july)[10:] == first[10:] {
		t.Error("one pseudonym for two persons or two months")
	}
	info, err := os.Stat(filepath.Join(dir, "2026-06.key"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 65 {
		t.Fatalf("%v, %v", info, err)
	}
	folder, err := os.Stat(dir)
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", folder, err)
	}

	k = openKeys(t, dir)
	if name(t, k, "P1", june) != first {
		t.Error("another pseudonym after a restart")
	}
	if got := k.Months(); !slices.Equal(got, []string{"2026-06", "2026-07"}) {
		t.Errorf("months %v", got)
	}
	if got := k.Find("P1"); len(got) != 2 || got[0] != first {
		t.Errorf("found %v", got)
	}
	if got := k.Find("P1", "2026-06", "2020-01"); !slices.Equal(got, []string{first}) {
		t.Errorf("found %v", got)
	}
}

func TestKeysAreDestroyed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit-keys")
	k := openKeys(t, dir)
	for m := range 4 {
		name(t, k, "P1", at.AddDate(0, m, 0))
	}
	var held []*os.File // what a reader that opened the file before still sees
	for _, m := range []string{"2026-06", "2026-07"} {
		f, err := os.Open(filepath.Join(dir, m+".key"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		held = append(held, f)
	}
	gone, err := k.Destroy(at.AddDate(0, 2, 0))
	if err != nil || !slices.Equal(gone, []string{"2026-06", "2026-07"}) {
		t.Fatalf("destroyed %v, %v", gone, err)
	}
	for _, f := range held {
		data := make([]byte, 65)
		if _, err := f.ReadAt(data, 0); err != nil || !bytes.Equal(data, []byte(strings.Repeat("0", 64)+"\n")) {
			t.Errorf("%s held %q, %v", f.Name(), data, err)
		}
		if _, err := os.Stat(f.Name()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", f.Name(), err)
		}
	}
	for range 2 {
		if _, err := k.Pseudonym("P1", at); !errors.Is(err, ErrKeyDestroyed) {
			t.Errorf("a destroyed key came back: %v", err)
		}
		if got := k.Find("P1"); len(got) != 2 {
			t.Errorf("found %v", got)
		}
		k = openKeys(t, dir)
	}
	if gone, err := k.Destroy(at.AddDate(0, 2, 0)); err != nil || gone != nil {
		t.Errorf("again: %v, %v", gone, err)
	}
}

// TestDestroyWasInterrupted: overwritten and not yet unlinked.
func TestDestroyWasInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit-keys")
	k := openKeys(t, dir)
	name(t, k, "P1", at)
	name(t, k, "P1", at.AddDate(0, 1, 0))
	if err := k.overwrite("2026-06"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	k = openKeys(t, dir)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || !slices.Equal(k.Months(), []string{"2026-07"}) {
		t.Errorf("%v, %v", files, err)
	}
}

func TestKeyFilesRefused(t *testing.T) {
	good := strings.Repeat("ab", 32) + "\n"
	tests := []struct {
		name, file, data string
		mode             os.FileMode
	}{
		{"T05/others_may_read_it", "2026-06.key", good, 0o644},
		{"not_a_month", "2026-6.key", good, 0o600},
		{"month_13", "2026-13.key", good, 0o600},
		{"another_file", "notes.txt", good, 0o600},
		{"short", "2026-06.key", good[2:], 0o600},
		{"long", "2026-06.key", good + "\n", 0o600},
		{"no_hexadecimal", "2026-06.key", "zz" + good[2:], 0o600},
		{"no_newline", "2026-06.key", good[:64] + "a", 0o600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, tt.file)
			if err := os.WriteFile(path, []byte(tt.data), tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenPeriodKeys(dir, rand.Reader); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "abab") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a_link", func(t *testing.T) {
		dir, target := t.TempDir(), filepath.Join(t.TempDir(), "k")
		if err := errors.Join(os.WriteFile(target, []byte(good), 0o600), os.Symlink(target, filepath.Join(dir, "2026-06.key"))); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenPeriodKeys(dir, rand.Reader); err == nil {
			t.Error("followed")
		}
	})
	t.Run("no_randomness", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k, err := OpenPeriodKeys(dir, strings.NewReader("short"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Pseudonym("P1", at); err == nil {
			t.Fatal("a key of five bytes")
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("%v, %v", files, err)
		}
	})
}

func TestKeysAtOnce(t *testing.T) {
	k := openKeys(t, filepath.Join(t.TempDir(), "keys"))
	var wg sync.WaitGroup
	names := make([]string, 16)
	for i := range names {
		wg.Go(func() {
			s, err := k.Pseudonym("P1", at)
			if err != nil {
				t.Error(err)
			}
			names[i] = s
		})
	}
	wg.Wait()
	if len(slices.Compact(names)) != 1 {
		t.Errorf("pseudonyms %v", names)
	}
}

func TestPseudonymise(t *testing.T) {
	k := openKeys(t, filepath.Join(t.TempDir(), "keys"))
	e := event(1)
	if got, err := Pseudonymise(e, nil); err != nil || got.Subject != e.Subject {
		t.Errorf("an event without a person: %+v, %v", got, err)
	}
	e.Subject, e.Person = "", "P1"
	got, err := Pseudonymise(e, k)
	if err != nil || got.Person != "" || got.Subject != name(t, k, "P1", e.Time) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := (Head{}).Next(e); !errors.Is(err, ErrEvent) {
		t.Errorf("a person was written: %v", err)
	}
	if _, err := Pseudonymise(e, nil); !errors.Is(err, ErrEvent) {
		t.Errorf("without keys: %v", err)
	}
	e.Subject = "x"
	if _, err := Pseudonymise(e, k); !errors.Is(err, ErrEvent) {
		t.Errorf("a person and a subject: %v", err)
	}
}
