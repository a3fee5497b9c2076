package pkcs11

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// measured runs f, and says how long it took and how much of that its thread computed.
func measured(f func()) (wall, cpu time.Duration) {
	const monotonic = 1 // CLOCK_MONOTONIC
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start, before := clockTime(monotonic), threadTime()
	f()
	cpu = threadTime() - before
	return clockTime(monotonic) - start, cpu
}

// threadTime is what this thread has computed. getrusage(2) would count in ticks.
func threadTime() time.Duration {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID
	return clockTime(threadClock)
}

// clockTime is clock_gettime(2), for which the standard library has no name.
func clockTime(clock uintptr) time.Duration {
	var at syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&at)), 0); errno != 0 {
		return 0
	}
	return time.Duration(at.Nano())
}
