package command

import (
	"errors"
	"fmt"
	"syscall"
)

// From linux/prctl.h and asm-generic/mman.h; package syscall has none of them.
const (
	prSetDumpable = 4
	lockCurrent   = 1
	lockFuture    = 2
	lockOnFault   = 4
)

// Private keeps the memory of this process to itself: it is in no crash dump, and no
// other process of its user can attach to it or read it. An error is for a process
// that goes on as it is.
func Private() error {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	if err == nil && limit.Max != 0 {
		// Of one byte, and not of none: 0 keeps dumps from files alone, and not from
		// programs such as those of a distribution that collect them (Linux, core_pattern).
		err = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 1, Max: 1})
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		err = errors.Join(err, errno)
	}
	if err != nil {
		return fmt.Errorf("crash dumps are not kept off: %w", err)
	}
	return nil
}

// LockMemory keeps the memory of this process out of swap, what it will ask for too.
// It is refused where the limit of locked memory is one: a process that ran into it
// later would die of it. An error is for a process that goes on as it is.
func LockMemory() error {
	const memlock = 8 // RLIMIT_MEMLOCK
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(memlock, &limit); err != nil {
		return fmt.Errorf("memory is not kept out of swap: %w", err)
	}
	if limit.Cur != ^uint64(0) {
		return fmt.Errorf("memory is not kept out of swap: it may lock %d KiB; LimitMEMLOCK=infinity in its unit, or ulimit -l unlimited, lets it", limit.Cur>>10)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_MLOCKALL, lockCurrent|lockFuture|lockOnFault, 0, 0); errno != 0 {
		return fmt.Errorf("memory is not kept out of swap: %w", errno)
	}
	return nil
}
