//go:build goexperiment.runtimesecret

package soft

import "runtime/secret"

// erased runs what works on a key: registers and stack that it used are overwritten
// when it is done, and its memory when the collector frees it (package runtime/secret).
func erased(f func()) { secret.Do(f) }
