//go:build release

package soft

import (
	"os"
	"testing"
)

// Bad input K06: no r twice in a million signatures of one key (RELEASE=full, as by
// the word; a tenth of them in the plain run).
func TestNoNonceTwiceInAMillion(t *testing.T) {
	n := uint64(100_000)
	if os.Getenv("RELEASE") == "full" {
		n = 1_000_000
	}
	distinct(t, n)
}
