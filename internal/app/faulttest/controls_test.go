//go:build faults

package faulttest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestControls lets the program do what it must never do. Each time the same
// rounds as those of TestKill must find it out, and name the invariant.
func TestControls(t *testing.T) {
	for _, tt := range []struct {
		wrong string
		fault string   // that gives the lie its time
		names []string // of which one at least must be violated
	}{
		{"store.early-answer", "", []string{"I1", "I3", "I5"}},
		{"store.same-index", "", []string{"I3"}},
		// Or what is pushed again is refused for what it did the first time.
		{"store.forget-jti", "", []string{"I1", "I2", "I14"}},
		{"store.forget-nonce", "", []string{"I7"}},
		{"store.free-guesses", "", []string{"I8"}},
		{"store.lose-flip", "", []string{"I9", damaged}},
		{"store.unaudited", "", []string{"I4", "I5"}},
		{"store.audit-changed", "", []string{"I6"}},
		{"audit.checkpoint-other", "", []string{"I6"}},
		// Or the key, which reads what it is to sign, refuses everything.
		{"catalog.outlives", "", []string{"I12", "I13"}},
		{"issuer.other-signer", "", []string{"I12", "I13"}},
		{"issuer.hidden-signer", "", []string{"I12"}},
		{"issuer.ready-anyway", "publication.released:sleep:2000", []string{"I13"}},
		{"publication.backwards", "", []string{"I9", "I10"}},
		{"publication.torn", halfWritten + ":sleep:5", []string{"I10", "I11"}},
	} {
		t.Run(tt.wrong, func(t *testing.T) {
			c := newCampaign(t, faultyProgram)
			load := 200 * time.Millisecond
			if tt.wrong == "publication.torn" {
				c.spin, load = true, 1200*time.Millisecond // a tick, at least
			}
			if slices.Contains(tt.names, "I13") {
				load = 2 * time.Second // refusals in a row, while it says that it is ready
			}
			if tt.wrong == "store.early-answer" {
				// What is wrong lasts as long as a sync: only a real disk takes long.
				dir, err := os.MkdirTemp(filepath.Dir(issuerProgram), "control-")
				if err != nil {
					t.Fatal(err)
				}
				c.dir = dir
			}
			var err error
			for i := 0; i < 100 && err == nil; i++ {
				_, err = c.round(t.Context(), trial{env: []string{"VIDIMUS_WRONG=" + tt.wrong, "VIDIMUS_FAULT=" + tt.fault}, load: load})
			}
			found(t, err, tt.names...)
		})
	}
}
