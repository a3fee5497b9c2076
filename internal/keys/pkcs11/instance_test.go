//go:build pkcs11

package pkcs11

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

// Copies that nobody uses any more keep their names: under one that came again the
// linker would give the module of before.
func TestCopyNames(t *testing.T) {
	for range 3 {
		if _, err := loadCopy(theLiar.module); err != nil {
			t.Fatal(err)
		}
		runtime.GC() // which closes files that nobody holds
		runtime.GC()
	}
	copies.Lock()
	defer copies.Unlock()
	seen := map[string]bool{}
	for _, f := range copies.files {
		if seen[f.Name()] {
			t.Errorf("%s twice", f.Name())
		}
		seen[f.Name()] = true
		if held, err := os.Stat(f.Name()); err != nil || held.Size() == 0 {
			t.Errorf("%s is another file: %v", f.Name(), err)
		}
		if want := fmt.Sprintf("/proc/self/fd/%d", f.Fd()); f.Name() != want {
			t.Errorf("%s, expected %s", f.Name(), want)
		}
	}
	if len(seen) < 3 {
		t.Errorf("%d copies", len(seen))
	}
}
