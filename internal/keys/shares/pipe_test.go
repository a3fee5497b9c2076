package shares

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe in the place of a share is refused, and not waited for.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "share-9.age")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(path); err == nil {
		t.Error("a pipe was read")
	}
}
