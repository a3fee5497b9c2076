//go:build !linux

package command

import "errors"

// Private keeps the memory of a process to itself, on Linux.
func Private() error { return errors.New("crash dumps are not kept off: not known how on this system") }

// LockMemory keeps the memory of a process out of swap, on Linux.
func LockMemory() error {
	return errors.New("memory is not kept out of swap: not known how on this system")
}
