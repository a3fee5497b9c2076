package verifier

import (
	"os"
	"runtime/debug"
)

// pace is how much a reader's process lets lie around, in percent of what it holds:
// a bundle takes some ten MB, an answer leaves 70 KB behind. At Go's own 100 the
// collector, which begins at 4 MB, takes a quarter of the time of an answer.
const pace = 400

// PaceCollector sets that pace for this process, unless GOGC in its environment
// says otherwise. What was shown does not wait for it: that is swept when it is
// wiped.
func PaceCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(pace)
	}
}
