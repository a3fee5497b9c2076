package verifier

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// overwritten is the setting of Go's runtime that makes its collector write over
// what it frees (package runtime, GODEBUG). It is read when a program starts.
const overwritten = "clobberfree=1"

// Forgetful makes this process one that forgets: memory that it frees is
// overwritten, which nothing else does with strings of Go, and none of it goes into
// a crash dump. For the former it starts the program anew in the same process, once.
// Call it before anything else; an error is for a process that goes on as it is.
func Forgetful() error {
	var old syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_CORE, &old)
	if err == nil && old.Max != 0 {
		// Of one byte, and not of none: 0 keeps dumps from files alone, and not from
		// programs such as those of a distribution that collect them (Linux, core_pattern).
		err = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 1, Max: 1})
	}
	if err != nil {
		err = fmt.Errorf("crash dumps are not kept off: %w", err)
	}
	settings := os.Getenv("GODEBUG")
	if slices.Contains(strings.Split(settings, ","), overwritten) {
		return err
	}
	self, e := os.Executable()
	if e == nil {
		env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
		e = syscall.Exec(self, os.Args, append(env, "GODEBUG="+strings.TrimPrefix(settings+","+overwritten, ",")))
	}
	return errors.Join(err, fmt.Errorf("freed memory is not overwritten: %w", e))
}

// settled is how long a page that was being written when it was wiped may take to
// leave the buffers of its connection.
const settled = 2 * time.Second

// sweeper runs the collector when something was wiped. The zero value is ready.
type sweeper struct {
	mu             sync.Mutex
	wiped, running bool
}

// soon sweeps beside the caller, at once and when pages have settled.
func (s *sweeper) soon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wiped = true; !s.running {
		s.running = true
		go s.run()
	}
}

func (s *sweeper) run() {
	for s.more() {
		sweep()
		time.Sleep(settled)
		sweep()
	}
}

func (s *sweeper) more() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.wiped = s.wiped, false
	return s.running
}

// sweep frees what nobody holds. Pools let go with the second collection; the third
// gives what is whole back to the system.
func sweep() {
	runtime.GC()
	runtime.GC()
	debug.FreeOSMemory()
}
