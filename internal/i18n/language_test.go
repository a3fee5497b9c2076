package i18n

import (
	"strings"
	"testing"
	"time"
)

func TestNegotiate(t *testing.T) {
	for header, want := range map[string]Language{
		"":                                    English,
		"fr":                                  French,
		"lb-LU, fr;q=0.9, de;q=0.8, en;q=0.7": Luxembourgish,
		"pt, de;q=0.5":                        German,
		"DE-AT":                               German,
		"en;q=0.1, fr;q=0.2":                  French,
		"fr;q=0":                              English,
		"fr;q=2, de":                          German,
		"fr;q=NaN":                            English,
		"fr;level=1":                          English,
		"*":                                   English,
		"fra":                                 English,
		"../../fr":                            English,
		strings.Repeat("x,", 20) + "fr":       English,
		strings.Repeat("fr,", 1000):           English,
	} {
		if got := Negotiate(header); got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("lb-LU, fr;q=0.9")
	f.Fuzz(func(t *testing.T, header string) {
		if _, ok := Parse(string(Negotiate(header))); !ok {
			t.Fatal("not one of ours")
		}
	})
}

func TestValues(t *testing.T) {
	first := time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{English.Date(first), "1 March 2026"},
		{French.Date(first), "1er mars 2026"},
		{German.Date(first), "1. März 2026"},
		{Luxembourgish.Date(first), "1. Mäerz 2026"},
		{French.DateTime(first.AddDate(0, 0, 1)), "2 mars 2026 à 14:05 UTC"},
		{English.DateTime(first), "1 March 2026, 14:05 UTC"},
		{German.Day("1990-12-24"), "24. Dezember 1990"},
		{German.Day("unknown"), "unknown"},
		{English.Number(1234567), "1,234,567"},
		{French.Number(1234), "1\u202f234"},
		{Luxembourgish.Number(-1234), "-1.234"},
		{German.Number(0), "0"},
		{German.Number(999), "999"},
	} {
		if got := strings.ReplaceAll(c.got, noBreak, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for _, l := range Languages() {
		if _, ok := Parse(string(l)); !ok || l.Name() == "" {
			t.Errorf("%s is no language", l)
		}
		for m := time.January; m <= time.December; m++ {
			if months[l][m-1] == "" {
				t.Errorf("%s has no %s", l, m)
			}
		}
	}
}
