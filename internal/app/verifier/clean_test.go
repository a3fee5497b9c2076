package verifier

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"vidimus/internal/policy"
	"vidimus/internal/verification"
)

// hostile are texts that want to be more than text.
var hostile = []string{
	"\x1b[2J\x1b[1;30;42m ✔ GREEN  checked \x1b[0m", "\x9b1;32mC1", "a\r\n ✔ GREEN", "a\bb", "\a", "\x00",
	"\u202eDE\u2066\u2069", "a\u200bb\ufeff", "\u061c", "\u00ad", "\U000e0041", "\u2028\u2029", "\ufffd", "\xff\xfe",
	strings.Repeat(" ", 300) + "✔ GREEN  checked", strings.Repeat("\u2800", 90) + "GREEN", strings.Repeat("\u3164", 90), "a\u115f\u1160\uffa0b", "\U0001d159",
	"✅ GREEN  checked", "✓ \U0001f7e2\U0001f5f8", "a\u20dd\u20e0", "Z" + strings.Repeat("\u0301", 50), strings.Repeat("w", 5000),
}

func TestClean(t *testing.T) {
	for _, s := range hostile {
		got := Clean(s, maxValue)
		for _, r := range got {
			if !unicode.IsPrint(r) || strings.ContainsRune("✔✖✅✓\u2800\u3164\u115f\u1160\uffa0\u20dd\u20e0\U0001d159\U0001f7e2\U0001f5f8", r) || r == unicode.ReplacementChar {
				t.Errorf("%q: %q holds %U", s, got, r)
			}
		}
		if strings.Contains(got, "   ") || strings.Contains(got, "\u0301\u0301\u0301\u0301\u0301") || len(got) > 10*maxValue {
			t.Errorf("%q: %q", s, got)
		}
	}
	for _, s := range []string{"", "Weber", "D'Été  Ñuñez", "Őry", "Ünal-Łukasz", "Γιώργος", "李", "a\\b", "e\u0301", "№ 7, 3° Nord ©", "김", "नेहा", "S01 ≤ 2500 €"} {
		if got := Clean(s, maxValue); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := CleanLines("a\x1b\nb"); got != "a\\u001b\nb" {
		t.Errorf("%q", got)
	}
}

// report has the hostile text wherever a stranger's text can stand.
func report(s string) *verification.Report {
	checks := []verification.Check{{ID: "ia.path", Axis: verification.Authenticity, Clause: "clause", Result: verification.Fail, Detail: s}}
	d := verification.Document{
		Type: s, Colour: policy.Red, Verdict: policy.Verdict{Authenticity: policy.Forged}, Reasons: []string{s}, Checks: checks,
		Trust:        verification.Trust{Anchor: s, Signer: s, Serial: s, Source: s},
		IssuerSigned: []verification.Element{{NameSpace: s, Name: s, Value: s}, {Name: s, Value: map[string]any{s: []any{s}}}},
		DeviceSigned: []verification.Element{{NameSpace: s, Name: s, Value: s}},
		Missing:      []string{s}, Dropped: []string{s}, Driving: []verification.Driving{{Category: s, Answer: "yes", Conditions: s, Until: s}},
	}
	return &verification.Report{At: time.Unix(0, 0).UTC(), Policy: s, Colour: policy.Red, Verdict: d.Verdict, Reasons: []string{s}, Checks: checks,
		Documents: []verification.Document{d, d}, Errors: []verification.DocumentError{{Type: s}}}
}

// No text of a stranger paints the screen, begins a line or looks like a
// verdict.
func TestNothingPaintsTheScreen(t *testing.T) {
	for _, s := range hostile {
		var b strings.Builder
		if err := WriteText(&b, report(s), false, true); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(b.String(), "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(line, "GREEN") && strings.ContainsRune(line, '✔') {
				t.Errorf("%q: line %d: %q", s, i, line)
			}
		}
		// With colours, the escapes are ours alone.
		var painted strings.Builder
		if err := WriteText(&painted, report(s), true, true); err != nil {
			t.Fatal(err)
		}
		rest := painted.String()
		for _, own := range []string{"\x1b[1;97;41m", "\x1b[1;31m", "\x1b[1m", "\x1b[0m"} {
			rest = strings.ReplaceAll(rest, own, "")
		}
		if rest != b.String() {
			t.Errorf("%q: colours change more than the colour", s)
		}
	}
}
