//go:build faults

package faulttest

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// violatedLine is what a violation looks like in the output of a test.
var violatedLine = regexp.MustCompile(`violated: ([A-Za-z0-9 ]+)`)

// TestConcurrentControls runs TestConcurrent in a process whose office lies: it
// must fail there, and name the invariant.
func TestConcurrentControls(t *testing.T) {
	for _, tt := range []struct {
		wrong string
		names []string
	}{
		{"store.same-index", []string{"I3"}},
		{"store.lose-flip", []string{"I9", damaged}},
	} {
		t.Run(tt.wrong, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConcurrent$", "-test.timeout=5m")
			cmd.Env = append(os.Environ(), lyingVariable+"=1", "VIDIMUS_WRONG="+tt.wrong)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("nobody noticed: %s", out)
			}
			var names []string
			for _, m := range violatedLine.FindAllStringSubmatch(string(out), -1) {
				names = append(names, strings.Fields(m[1])...)
			}
			if !slices.ContainsFunc(tt.names, func(n string) bool { return slices.Contains(names, n) }) {
				t.Errorf("found, but as %v: %s", names, out)
			}
		})
	}
}
