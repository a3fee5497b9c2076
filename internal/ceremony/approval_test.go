package ceremony

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// An approval counts for its days, and not before it was made.
func TestApprovalsEnd(t *testing.T) {
	for _, tt := range []struct {
		name  string
		days  int // of the act, 0 says nothing
		after time.Duration
		says  string // "" is done
	}{
		{"at once", 0, 0, ""},
		{"a clock that is behind", 0, -approvalSkew, ""},
		{"of a time to come", 0, -approvalSkew - time.Second, "which is to come"},
		{"of next year", 0, -365 * 24 * time.Hour, "which is to come"},
		{"in the last second", 0, 30*24*time.Hour - time.Second, ""},
		{"a month ago", 0, 30 * 24 * time.Hour, "counted until 2026-07-15T10:01:00Z: look at the act again"},
		{"a year ago", 0, 400 * 24 * time.Hour, "counted until"},
		{"within a day", 1, 24*time.Hour - time.Second, ""},
		{"a day ago", 1, 24 * time.Hour, "counted until 2026-06-16T10:01:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			text := w.root("iaca-root", "iaca")
			want := 30
			if tt.days > 0 {
				text, want = fmt.Sprintf("approval_days: %d\n", tt.days)+text, tt.days
			}
			p := w.plan("iaca", text)
			var shown bytes.Buffer
			if err := p.Show(&shown); err != nil || !strings.Contains(shown.String(), fmt.Sprintf("approvals          count for %d days\n", want)) {
				t.Errorf("%v\n%s", err, shown.String())
			}
			w.clock.Advance(time.Minute)
			approvals := w.approve(p)
			w.clock.Set(w.clock.Now().Add(tt.after))
			done, err := w.ceremony(line(p)).Run(context.Background(), p, approvals)
			if tt.says == "" {
				if err != nil || done == nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrApproval) || !strings.Contains(err.Error(), tt.says) || len(w.opened) > 0 {
				t.Errorf("%v, opened %v", err, w.opened)
			}
		})
	}
}

// A transcript holds approvals that counted when the act began.
func TestTranscriptOfOldApprovals(t *testing.T) {
	w := newWorld(t)
	one := w.do("iaca", w.root("iaca-root", "iaca")).Transcript
	pub := []crypto.PublicKey{w.keys["recorder"].Public()}
	for _, year := range []string{"2025", "2027"} {
		token := w.signedAnew(one.Token, func(c *transcriptClaims) {
			c.Begun, c.Ended = strings.Replace(c.Begun, "2026", year, 1), strings.Replace(c.Ended, "2026", year, 1)
		})
		if _, err := Verify(token, pub); !errors.Is(err, ErrTranscript) || !errors.Is(err, ErrApproval) {
			t.Errorf("%s: %v", year, err)
		}
	}
}

// What a file says moves no cursor where it is shown, and makes no line of its own.
func TestShowForTerminals(t *testing.T) {
	w := newWorld(t)
	text := strings.Replace(w.root("iaca-root", "iaca"), "output: iaca.pem", `output: "x\e[2J\u202e\nlint               clean\nSHA-256 of the TBS 00\x9b"`, 1)
	p := w.plan("iaca", text)
	var shown bytes.Buffer
	if err := p.Show(&shown); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(shown.String(), func(r rune) bool { return r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u202e') }); i >= 0 || strings.Contains(shown.String(), "\nSHA-256 of the TBS 00") {
		t.Errorf("%q", shown.String())
	}
	if !strings.Contains(shown.String(), `output             x\u001b[2J\u202e\u000alint`) {
		t.Errorf("%s", shown.String())
	}
}
