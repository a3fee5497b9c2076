//go:build !faults

package faults

// Enabled says whether this build can be made to fail.
const Enabled = false

// Point does nothing in this build.
func Point(name string) {}

// Err is nil in this build.
func Err(name string) error { return nil }

// Wrong is false in this build.
func Wrong(name string) bool { return false }
