package oid4vci

import (
	"slices"
	"strings"
	"testing"
)

func TestMatchLanguage(t *testing.T) {
	have := []string{"de", "en", "fr", "lb", "pt-BR"}
	for header, want := range map[string]string{
		"": "", "*": "", "fr": "fr", "FR": "fr", "fr-CH": "fr", "fr-CH, en;q=0.9": "fr", "en;q=0.5, de;q=0.8": "de", "it": "", "it, lb;q=0.2": "lb",
		"en;q=0": "", "en; q=1.0": "en", "pt": "", "pt-BR": "pt-BR", "pt-br-x-lvariant": "pt-BR", "de-x-y": "de", "it;q=1, *;q=0.1": "", "fr;q=0.3, *;q=0.1": "fr",
		// D06: junk.
		"fr;q=2": "", "fr;q=-1": "", "fr;q=x": "", "fr;level=1": "", ";;;,,,": "", "-": "", "--": "", "x-": "", "fr-": "fr", "\x00": "", "fr;q=NaN": "", "fr;q=1e-9": "",
		strings.Repeat("it,", 100_000) + "fr": "", strings.Repeat("a-", 100_000): "", strings.Repeat("-", 100_000): "",
	} {
		if got := MatchLanguage(header, have); got != want {
			t.Errorf("%.40q: %q, want %q", header, got, want)
		}
	}
	if got := MatchLanguage("fr", nil); got != "" {
		t.Error(got)
	}
}

func TestInLanguage(t *testing.T) {
	m := &IssuerMetadata{
		Display: []IssuerDisplay{{Name: "Office", Locale: "en"}, {Name: "Bureau", Locale: "fr"}},
		Configurations: map[string]Configuration{
			"a": {Metadata: &CredentialMetadata{
				Display: []CredentialDisplay{{Name: "Licence", Locale: "en"}, {Name: "Permis", Locale: "fr"}, {Name: "any"}},
				Claims: []Claim{
					{Path: Path{"x"}, Display: []ClaimDisplay{{Name: "X", Locale: "en"}, {Name: "IX", Locale: "fr"}}},
					{Path: Path{"y"}, Display: []ClaimDisplay{{Name: "Y", Locale: "lb"}}},
					{Path: Path{"z"}},
				},
			}},
			"b": {},
		},
	}
	if got := m.Languages(); !slices.Equal(got, []string{"en", "fr", "lb"}) {
		t.Errorf("%v", got)
	}
	fr := m.InLanguage("fr")
	a := fr.Configurations["a"].Metadata
	if len(fr.Display) != 1 || fr.Display[0].Name != "Bureau" || len(a.Display) != 2 || a.Display[0].Name != "Permis" || a.Display[1].Name != "any" ||
		len(a.Claims[0].Display) != 1 || a.Claims[0].Display[0].Name != "IX" || len(a.Claims[1].Display) != 1 || a.Claims[2].Display != nil {
		t.Errorf("%+v", a)
	}
	// Nothing of the document itself has changed.
	if all := m.InLanguage(""); len(all.Display) != 2 || len(m.Configurations["a"].Metadata.Display) != 3 || len(m.Configurations["a"].Metadata.Claims[0].Display) != 2 {
		t.Errorf("%+v", m)
	}
	if it := m.InLanguage("it"); len(it.Display) != 2 || len(it.Configurations["a"].Metadata.Display) != 3 {
		t.Errorf("a language that nobody has: %+v", it)
	}
}

func FuzzMatchLanguage(f *testing.F) {
	for _, s := range []string{"fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", "x-y-z", ";q="} {
		f.Add(s)
	}
	have := []string{"de", "en", "fr", "zh-Hant-TW"}
	f.Fuzz(func(t *testing.T, header string) {
		if got := MatchLanguage(header, have); got != "" && !slices.Contains(have, got) {
			t.Errorf("%q", got)
		}
	})
}
