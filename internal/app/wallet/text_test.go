package wallet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"vidimus/internal/fetch"
	"vidimus/internal/wallet"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"Dvořák-Müller Ερίκα 😀": "Dvořák-Müller Ερίκα 😀",
		"a\x1b[31mb":            `a\u001b[31mb`,
		"a\r\nb\tc\x00":         `a\u000d\u000ab\u0009c\u0000`,
		"a\u202eb\u2066c":       `a\u202eb\u2066c`,
		"a\u200bb\u00adc":       `a\u200bb\u00adc`,
		"a\u009bb\xff":          `a\u009bb\ufffd`,
		"a\U000e0041":           `a\ue0041`,
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := clean(strings.Repeat("é", 3*maxLine)); len([]rune(got)) != maxLine+2 {
		t.Errorf("%d characters", len([]rune(got)))
	}
}

func TestValueText(t *testing.T) {
	for want, v := range map[string]any{
		"text": "text", "true": true, `["a<b","\u202e"]`: []any{"a<b", "\u202e"}, `{"a":null}`: map[string]any{"a": nil}, `\u001b`: "\x1b",
	} {
		if got := valueText(v); got != want {
			t.Errorf("%q", got)
		}
	}
}

// Every error keeps its cause, and those that a person can do something about
// say what.
func TestHints(t *testing.T) {
	for _, tt := range []struct {
		err  error
		hint string
	}{
		{wallet.ErrTxCode, "--tx-code"}, {wallet.ErrClientID, "--client-id"}, {fetch.ErrRefused, "--insecure-loopback"}, {wallet.ErrCredential, "--trust"},
		{wallet.ErrNoCopy, "wallet accept"}, {wallet.ErrNotFound, "wallet list"},
		{&wallet.Refusal{Code: "invalid_grant"}, "new offer"}, {&wallet.Refusal{Code: "invalid_client"}, "--client-id"}, {&wallet.Refusal{Code: "invalid_token"}, "new offer"},
		{&wallet.Refusal{Code: "credential_request_denied"}, "authority"}, {&wallet.Refusal{Status: 503}, "later"}, {&wallet.Refusal{Status: 429}, "later"},
		{&wallet.Refusal{Code: "invalid_proof"}, ""}, {errors.New("something\x1b"), ""},
	} {
		err := hinted(fmt.Errorf("doing: %w", tt.err))
		if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.hint) || strings.Contains(err.Error(), "hint") != (tt.hint != "") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q", err)
		}
	}
	if hinted(nil) != nil || offerHint(nil, "http://x", false) != nil {
		t.Error("nothing went wrong")
	}
}

// A wait is told from a failure, also when one stands beside the other.
func TestOutcome(t *testing.T) {
	waits := fmt.Errorf("%w: later-1", wallet.ErrWaiting)
	refused := &wallet.Refusal{Endpoint: "credential", Code: "credential_request_denied", Status: 400}
	c := &Connection{Dir: "my wallet's", InsecureLoopback: true}
	kept := []wallet.Batch{{ID: "mdl-1"}}
	for name, test := range map[string]struct {
		err  error
		kept []wallet.Batch
		is   error // nil for neither
		say  string
	}{
		"waits":                 {waits, nil, ErrWaiting, `wallet collect --dir 'my wallet'\''s' --insecure-loopback`},
		"waits, some kept":      {errors.Join(waits, waits), kept, ErrWaiting, "go on with"},
		"interrupted":           {errors.Join(context.Canceled, waits), nil, ErrWaiting, "go on with"},
		"waits, some refused":   {errors.Join(refused, waits), nil, nil, "for good"},
		"waits, kept, refused":  {errors.Join(refused, waits), kept, ErrPartly, "for good"},
		"not to be refreshed":   {fmt.Errorf("%w: %w", wallet.ErrNoRefresh, refused), nil, nil, "ask the issuer for a new offer"},
		"no such transaction":   {&wallet.Refusal{Code: "invalid_transaction_id"}, nil, nil, "took too long"},
		"name of the wallet":    {wallet.ErrClientID, nil, nil, "for a login outside development"},
		"deferred and no proof": {fmt.Errorf("asking: %w", waits), nil, ErrWaiting, "go on with"},
	} {
		err := hinted(outcome(test.err, test.kept, c))
		for _, e := range []error{ErrWaiting, ErrPartly} {
			if errors.Is(err, e) != (e == test.is) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !strings.Contains(err.Error(), test.say) || strings.Count(err.Error(), "hint: ") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if hinted(outcome(nil, kept, c)) != nil {
		t.Error("all is kept")
	}
}
