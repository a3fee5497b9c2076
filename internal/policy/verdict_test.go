package policy

import (
	"slices"
	"testing"
)

// ruleBook is the colour of every value by itself, written out: the colour of a
// verdict is the worst of its four, red before amber before green.
var ruleBook = map[string]Colour{
	"genuine": Green, "forged": Red, "unknown issuer": Amber, "holder not proven": Amber,
	"valid": Green, "not yet valid": Red, "expired": Red, "revoked": Red, "unknown": Amber, "not checked": Amber,
	"within policy": Green, "old": Amber, "too old": Amber, "not known": Amber, "past use": Red,
	"yes": Green, "no": Red, "under conditions": Amber, "not asked": Green, "cannot tell": Amber,
}

func TestColourOfEveryCombination(t *testing.T) {
	seen := map[Colour]int{}
	for _, a := range append(Authenticities(), "", "of tomorrow") {
		for _, s := range append(Statuses(), "", "suspended") {
			for _, f := range append(Freshnesses(), "", "of tomorrow") {
				for _, e := range append(Entitlements(), "", "of tomorrow") {
					v := Verdict{a, s, f, e}
					want := Green
					for _, value := range []string{string(a), string(s), string(f), string(e)} {
						switch colour := ruleBook[value]; {
						case colour == Red:
							want = Red
						case colour != Green && want != Red:
							want = Amber
						}
					}
					if got := v.Colour(); got != want {
						t.Errorf("%+v is %s, want %s", v, got, want)
					}
					checkReasons(t, v)
					seen[want]++
				}
			}
		}
	}
	// 1 x 1 x 1 x 2 green; red is everything but the 5 x 5 x 6 x 6 without red.
	if all := 6 * 8 * 7 * 7; seen[Green] != 2 || seen[Red] != all-5*5*6*6 || seen[Amber] != 5*5*6*6-2 {
		t.Errorf("counted %v of %d", seen, all)
	}
}

func checkReasons(t *testing.T, v Verdict) {
	t.Helper()
	reasons := v.Reasons()
	if (len(reasons) == 0) != (v.Colour() == Green) {
		t.Errorf("%+v: %d reasons for %s", v, len(reasons), v.Colour())
	}
	if len(reasons) > 0 && reasons[0].Colour != v.Colour() {
		t.Errorf("%+v: first reason is %s, colour %s", v, reasons[0].Colour, v.Colour())
	}
	if !slices.IsSortedFunc(reasons, func(a, b Reason) int {
		if a.Colour == b.Colour {
			return 0
		}
		if a.Colour == Red {
			return -1
		}
		return 1
	}) {
		t.Errorf("%+v: reasons unsorted: %v", v, reasons)
	}
}

func TestColourOfNothing(t *testing.T) {
	if got := (Verdict{}).Colour(); got != Amber {
		t.Errorf("empty verdict is %s", got)
	}
	if got := len((Verdict{}).Reasons()); got != 4 {
		t.Errorf("%d reasons, want one for each axis", got)
	}
}

// Every word of an axis is in the rule book, and no word is on two axes.
func TestWordsAreDistinct(t *testing.T) {
	count := 0
	for _, n := range []int{len(Authenticities()), len(Statuses()), len(Freshnesses()), len(Entitlements())} {
		count += n
	}
	if count != len(ruleBook) {
		t.Errorf("%d words, %d in the rule book", count, len(ruleBook))
	}
}
