package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/audit"
)

// A deleted value lies on in free pages; compaction is what takes it out of
// the file.
func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vidimus.db")
	opts := options()
	if err := Create(path, opts); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	canary := []byte("canary-of-somebody-who-is-forgotten")
	values := func(do func(t *tx, key []byte)) {
		t.Helper()
		err := s.update(t.Context(), func(t *tx) error {
			for i := range 2000 {
				do(t, fmt.Appendf(nil, "key-%d", i))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	values(func(t *tx, key []byte) { t.put(imageBucket, key, canary) })
	values(func(t *tx, key []byte) { t.delete(imageBucket, key) })
	if err := s.Append(t.Context(), audit.Event{Time: time.Now(), Action: "issuer.start", Actor: "issuer", Subject: "office", Outcome: audit.Done}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Compact(path, opts); !errors.Is(err, ErrLocked) {
		t.Errorf("while it is open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file(t, path), canary) {
		t.Fatal("deleted values are not in free pages: the claim that they are is to be corrected")
	}
	if err := os.WriteFile(path+".compact", []byte("left over"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, after, err := Compact(path, opts)
	if err != nil || after >= before {
		t.Fatalf("from %d to %d octets: %v", before, after, err)
	}
	if bytes.Contains(file(t, path), canary) {
		t.Error("a deleted value is in the compacted file")
	}
	if _, err := os.Stat(path + ".compact"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	other := opts
	other.Dev = !opts.Dev
	if _, _, err := Compact(path, other); !errors.Is(err, ErrDev) {
		t.Errorf("as one of the other kind: %v", err)
	}
	again := reopened(t, path, opts)
	if lines, _, err := again.AuditSize(t.Context()); err != nil || lines != 1 {
		t.Errorf("%d lines of the audit record, %v", lines, err)
	}
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
