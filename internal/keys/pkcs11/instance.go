//go:build pkcs11

package pkcs11

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/miekg/pkcs11"
)

// instance is a module in memory. Some modules, p11-kit's client of version 0.24
// among them, let calls hang for ever when the way to the token is cut while
// several are under way. Such an instance cannot be ended, for C_Finalize beside a
// call is not allowed; it is left behind, and the module is loaded once more under
// another name, which the linker takes for another module.
type instance struct {
	p     *pkcs11.Ctx
	inC   int // calls in C; the module's mu guards it
	stuck atomic.Int64
	good  atomic.Bool // it was of use once
}

// copies are the files of modules that were loaded once more. The linker keeps a library
// under its name for as long as the process lives, and a descriptor's number would be
// another's when the file is closed, be it by the garbage collector: then one module
// would be given for another.
var copies struct {
	sync.Mutex
	files []*os.File
}

func loadInstance(path string) (*instance, error) {
	p := pkcs11.New(path)
	if p == nil {
		return nil, fmt.Errorf("loading %s: no PKCS #11 module is there: install the vendor's or correct module-path", path)
	}
	return &instance{p: p}, nil
}

// loadCopy loads a module a second time, from a copy of its file in memory, under the
// number of its descriptor.
func loadCopy(path string) (*instance, error) {
	source, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("loading the module once more: %w", err)
	}
	defer source.Close()
	fd, err := memoryFile()
	if err != nil {
		return nil, fmt.Errorf("loading the module once more: %w", err)
	}
	name := fmt.Sprintf("/proc/self/fd/%d", fd)
	target := os.NewFile(uintptr(fd), name)
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return nil, fmt.Errorf("loading the module once more: %w", err)
	}
	i, err := loadInstance(name)
	if err != nil {
		target.Close()
		return nil, err
	}
	copies.Lock()
	defer copies.Unlock()
	copies.files = append(copies.files, target)
	return i, nil
}

// memoryFile is memfd_create(2), for which the standard library has no name.
func memoryFile() (int, error) {
	number, ok := map[string]uintptr{"amd64": 319, "arm64": 279}[runtime.GOARCH]
	if !ok {
		return 0, fmt.Errorf("not known how on %s", runtime.GOARCH)
	}
	name := [...]byte{'p', 'k', 'c', 's', '1', '1', 0}
	const closeOnExec = 1
	fd, _, errno := syscall.Syscall(number, uintptr(unsafe.Pointer(&name[0])), closeOnExec, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}
