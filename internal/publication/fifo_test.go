//go:build unix

package publication

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A fifo in the place of a file is refused, not waited for.
func TestFifo(t *testing.T) {
	for _, name := range []string{manifestName, ".lock", journalName} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
