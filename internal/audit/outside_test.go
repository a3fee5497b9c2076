package audit

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestOutsideSpoiled: a file that does not end with a checkpoint of ours is an
// alarm that names it, and nothing is signed.
func TestOutsideSpoiled(t *testing.T) {
	foreign := newLedger(t)
	foreign.add(1)
	tests := []struct {
		name  string
		spoil func(t *testing.T, l *ledger, data string) string
	}{
		{"garbage", func(_ *testing.T, _ *ledger, data string) string { return data + "x\n" }},
		{"empty_line", func(_ *testing.T, _ *ledger, data string) string { return data + "\n" }},
		{"another_key", func(_ *testing.T, _ *ledger, data string) string { return data + foreign.checkpoint().Token + "\n" }},
		{"endless_line", func(_ *testing.T, _ *ledger, data string) string { return data + strings.Repeat("x", 3*MaxCheckpoint) }},
		{"endless_line_alone", func(_ *testing.T, _ *ledger, _ string) string { return strings.Repeat("x", 3*MaxCheckpoint) }},
		{"signature_changed", func(_ *testing.T, _ *ledger, data string) string { return data[:len(data)-9] + "AAAAAAAA\n" }},
		{"of_another_office", func(t *testing.T, l *ledger, data string) string {
			other := *l
			other.shelf, other.cfg.Issuer, other.cfg.Outside, other.n = &shelf{}, "https://other.example", nil, 0
			other.restart()
			other.add(2)
			return data + other.checkpoint().Token + "\n"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(t)
			l.add(4)
			l.checkpoint()
			data, err := os.ReadFile(l.files[1])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(l.files[1], []byte(tt.spoil(t, l, string(data))), 0o600); err != nil {
				t.Fatal(err)
			}
			before := l.shelf.token
			l.restart()
			l.add(1)
			if _, err := l.tree.Checkpoint(t.Context()); !errors.Is(err, ErrToken) && !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), l.files[1]) {
				t.Errorf("got %v", err)
			}
			if l.shelf.token != before {
				t.Error("signed all the same")
			}
		})
	}
}
