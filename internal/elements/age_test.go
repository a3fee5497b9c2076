package elements

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestAgeOver(t *testing.T) {
	tests := []struct {
		birth time.Time
		nn    int
		at    time.Time
		want  bool
	}{
		{date(2008, 6, 15), 18, date(2026, 6, 15), true},
		{date(2008, 6, 15), 18, date(2026, 6, 15).Add(-time.Second), false},
		{date(2008, 2, 29), 18, date(2026, 2, 28).Add(23 * time.Hour), false},
		{date(2008, 2, 29), 18, date(2026, 3, 1), true},
		{date(2008, 2, 29), 16, date(2024, 2, 29), true},
		{date(2026, 6, 15), 0, date(2026, 6, 15), true},
		{date(1926, 6, 15), 99, date(2026, 6, 14), true},
	}
	for _, test := range tests {
		if got := AgeOver(test.birth, test.nn, test.at); got != test.want {
			t.Errorf("born %s, over %d at %s: %v", test.birth, test.nn, test.at, got)
		}
	}
	if got := AgeInYears(date(2008, 2, 29), date(2026, 2, 28)); got != 17 {
		t.Errorf("age %d, want 17", got)
	}
	if got := AgeInYears(date(2030, 1, 1), date(2026, 2, 28)); got != 0 {
		t.Errorf("age %d before birth", got)
	}
}

func TestAgeElement(t *testing.T) {
	for nn := range MaxAge + 1 {
		if got, ok := AgeOfElement(AgeElement(nn)); !ok || got != nn {
			t.Errorf("%s read as %d, %v", AgeElement(nn), got, ok)
		}
	}
}

func TestNextFlip(t *testing.T) {
	at := date(2026, 6, 15).Add(10 * time.Hour)
	tests := []struct {
		birth   time.Time
		inYears bool
		want    time.Time
	}{
		{date(2005, 6, 16), false, date(2026, 6, 16)},
		{date(2005, 6, 15), false, date(2030, 6, 15)}, // turned 21 today, next is 25
		{date(2005, 6, 15), true, date(2027, 6, 15)},
		{date(1950, 1, 1), false, time.Time{}},
		{date(1950, 1, 1), true, date(2027, 1, 1)},
		{date(2008, 2, 29), false, date(2029, 3, 1)}, // 18 on 2026-03-01, next is 21
	}
	for _, test := range tests {
		got, ok := NextFlip(test.birth, DefaultAges, test.inYears, at)
		if ok != !test.want.IsZero() || !got.Equal(test.want) {
			t.Errorf("born %s: %s, %v, want %s", test.birth, got, ok, test.want)
		}
	}
}

// No statement changes before the flip, one does at it.
func TestNextFlipIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		birth := date(1920, 1, 1).AddDate(0, 0, rapid.IntRange(0, 106*365).Draw(t, "birth"))
		at := date(2026, 1, 1).Add(time.Duration(rapid.IntRange(0, 366*24).Draw(t, "hours")) * time.Hour)
		flip, ok := NextFlip(birth, DefaultAges, false, at)
		if !ok {
			return
		}
		same := func(a, b time.Time) bool {
			for _, nn := range DefaultAges {
				if AgeOver(birth, nn, a) != AgeOver(birth, nn, b) {
					return false
				}
			}
			return true
		}
		if !same(at, flip.Add(-time.Second)) || same(at, flip) {
			t.Fatalf("born %s, at %s: flip %s", birth, at, flip)
		}
	})
}

// The nearest-statement rule never claims what the age does not support.
func TestAgeAnswerIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		age := rapid.IntRange(0, 99).Draw(t, "age")
		asked := rapid.IntRange(0, 99).Draw(t, "asked")
		statements := map[int]bool{}
		for _, nn := range rapid.SliceOfN(rapid.IntRange(0, 99), 0, 6).Draw(t, "statements") {
			statements[nn] = age >= nn
		}
		answer, err := AgeAnswer(statements, asked)
		if err != nil {
			t.Fatal(err)
		}
		if answer == Yes && age < asked || answer == No && age >= asked {
			t.Fatalf("age %d, asked %d, statements %v: %s", age, asked, statements, answer)
		}
	})
}

// TestNearestAge is the table of ISO/IEC 18013-5, 7.2.5 (bad input M24): true
// answers from above, false from below, and nothing else answers.
func TestNearestAge(t *testing.T) {
	for _, test := range []struct {
		statements map[int]bool
		asked      int
		nearest    int // -1 for none
		answer     Answer
	}{
		{map[int]bool{18: true}, 18, 18, Yes},
		{map[int]bool{21: true}, 18, 21, Yes},
		{map[int]bool{65: true, 21: true, 25: true}, 18, 21, Yes},
		{map[int]bool{16: true}, 18, -1, CannotTell},
		{map[int]bool{18: false}, 18, 18, No},
		{map[int]bool{16: false}, 18, 16, No},
		{map[int]bool{12: false, 16: false, 14: false}, 18, 16, No},
		{map[int]bool{21: false}, 18, -1, CannotTell},
		{map[int]bool{16: true, 21: false}, 18, -1, CannotTell},
		{map[int]bool{21: true, 25: false}, 18, 21, Yes},
		{map[int]bool{14: true, 16: false}, 18, 16, No},
		{map[int]bool{21: true, 16: false}, 18, -1, CannotTell}, // contradiction
		{nil, 18, -1, CannotTell},
		{map[int]bool{0: true}, 0, 0, Yes},
		{map[int]bool{99: false}, 99, 99, No},
	} {
		age, ok := NearestAge(test.statements, test.asked)
		if ok != (test.nearest >= 0) || ok && age != test.nearest {
			t.Errorf("%v asked %d: %d, %v, want %d", test.statements, test.asked, age, ok, test.nearest)
		}
		if answer, _ := AgeAnswer(test.statements, test.asked); answer != test.answer {
			t.Errorf("%v asked %d: %s, want %s", test.statements, test.asked, answer, test.answer)
		}
	}
}

func TestCheckIssuer(t *testing.T) {
	values := map[string]any{"issuing_country": "UT", "issuing_jurisdiction": "UT-CA"}
	for _, test := range []struct {
		country, state string
		ok             bool
	}{{"UT", "UT-CA", true}, {"UT", "", true}, {"UX", "UT-CA", false}, {"UT", "UT-CB", false}, {"", "", false}, {"ut", "", false}} {
		err := CheckIssuer(values, test.country, test.state)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrContradiction) {
			t.Errorf("C %q ST %q: %v", test.country, test.state, err)
		}
	}
	if err := CheckIssuer(nil, "UX", "UX-1"); err != nil {
		t.Errorf("nothing returned: %v", err)
	}
}
