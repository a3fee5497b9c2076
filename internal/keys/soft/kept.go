//go:build !goexperiment.runtimesecret

package soft

// erased runs what works on a key. What it leaves in registers and on the stack is
// overwritten in programs that are built with GOEXPERIMENT=runtimesecret alone.
func erased(f func()) { f() }
