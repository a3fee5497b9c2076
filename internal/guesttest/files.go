package guesttest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"
)

// Types and rights of a file, as cpio writes them.
const (
	typeFile   = 0o100000
	typeDir    = 0o040000
	typeDevice = 0o020000
)

// modules is where the kernel modules of a guest are, in the order of their names.
const modules = "/modules"

// Files is the first file system of a guest: a cpio archive of the form newc, which
// the kernel unpacks. What is added twice counts once.
type Files struct {
	b       bytes.Buffer
	made    map[string]bool
	modules int
}

// NewFiles has what every guest needs: the test program of the package in the current
// folder, built with these tags, as the first process, and a console.
func NewFiles(t *testing.T, tags string) *Files {
	t.Helper()
	self := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "test", "-c", "-tags", tags, "-o", self, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v\n%s", err, out)
	}
	f := &Files{made: map[string]bool{}}
	f.Dir("dev", "proc", "sys", "tmp", "run", modules[1:])
	f.add("dev/console", typeDevice|0o600, nil, 5, 1)
	f.Copy(t, "init", 0o755, self)
	return f
}

// Dir adds folders, and those above them.
func (f *Files) Dir(names ...string) {
	for _, name := range names {
		if name != "." {
			f.Dir(path.Dir(name))
			f.add(name, typeDir|0o755, nil, 0, 0)
		}
	}
}

// Add adds a file with its rights.
func (f *Files) Add(name string, rights uint32, data []byte) {
	f.Dir(path.Dir(name))
	f.add(name, typeFile|rights, data, 0, 0)
}

// Copy adds a file of the host.
func (f *Files) Copy(t *testing.T, name string, rights uint32, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	f.Add(name, rights, data)
}

// Module adds a kernel module, to be loaded after those that were added before.
func (f *Files) Module(t *testing.T, from string) {
	t.Helper()
	f.Copy(t, fmt.Sprintf("%s/%02d-%s", modules[1:], f.modules, filepath.Base(from)), 0o644, from)
	f.modules++
}

// Write ends the archive and writes it.
func (f *Files) Write(t *testing.T, file string) {
	t.Helper()
	f.add("TRAILER!!!", 0, nil, 0, 0)
	if err := os.WriteFile(file, f.b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *Files) add(name string, mode uint32, data []byte, major, minor int) {
	if f.made[name] {
		return
	}
	f.made[name] = true
	fmt.Fprintf(&f.b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", len(f.made), mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	f.b.WriteString(name + "\x00")
	f.pad()
	f.b.Write(data)
	f.pad()
}

func (f *Files) pad() {
	for f.b.Len()%4 != 0 {
		f.b.WriteByte(0)
	}
}
