package i18n

import (
	"regexp"
	"strings"
	"testing"
)

func TestRetell(t *testing.T) {
	loud := func(s string) string { return strings.ToUpper(s) }
	for _, c := range []struct{ english, german string }{
		{"not shown", "nicht gezeigt"},
		{"not shown: a, b", "nicht gezeigt: A, B"},
		{"as of 1: old by policy", "Stand 1: OLD nach den Regeln"},
		{"as of 1: old by policy, past its own ttl", "Stand 1: OLD nach den Regeln, über die eigene Frist (ttl) hinaus"},
		{`digest of "name" in "space" differs`, "der Wert NAME (SPACE) ist nicht der unterschriebene"},
		{"the signer's certificate names no country", "das Zertifikat des Unterzeichners nennt kein Land"},
		{"category B: category B expired", "Klasse B: B abgelaufen"},
		{"category B: category not in the licence", "Klasse B: nicht im Führerschein"},
	} {
		if got, ok := German.Retell(details, c.english, loud); !ok || got != c.german {
			t.Errorf("%q: %q", c.english, got)
		}
		if got, ok := English.Retell(details, c.english, nil); !ok || strings.NewReplacer("“", `"`, "”", `"`, "’", "'").Replace(got) != c.english {
			t.Errorf("%q is in English %q", c.english, got)
		}
	}
	for _, english := range []string{"", "malformed CBOR: byte 0", "not shown at all"} {
		if got, ok := German.Retell(details, english, nil); ok {
			t.Errorf("%q: %q", english, got)
		}
	}
	if _, ok := German.Retell("look.", "Forged", nil); ok {
		t.Error("a group that is not retold")
	}
}

// French puts a no-break space before double punctuation and inside its quotation
// marks, the other languages none before it.
func TestPunctuation(t *testing.T) {
	const marks = ":;?!»"
	for _, l := range Languages() {
		for _, key := range Keys() {
			text, before := catalogues[l][key], ' '
			for _, r := range text {
				spaced := before == '\u00a0' || before == '\u202f'
				switch {
				case l == French && strings.ContainsRune(marks, r) && !spaced:
					t.Errorf("%s: no no-break space before %c: %q", key, r, text)
				case l == French && before == '«' && r != '\u00a0' && r != '\u202f':
					t.Errorf("%s: no no-break space after «: %q", key, text)
				case l != French && strings.ContainsRune(":;?!", r) && (spaced || before == ' ') && !strings.Contains(text, "_ - / :"):
					t.Errorf("%s: %s: a space before %c: %q", l, key, r, text)
				}
				before = r
			}
		}
	}
}

// No page puts a mark behind a text by itself: how it stands there is a matter of
// the language.
func TestPagesLeaveMarksToTheLanguage(t *testing.T) {
	if m := regexp.MustCompile(`[^\n]{0,60}\}\} ?(?:[:;!]|\?[ <])`).FindAllString(readSources(t), -1); m != nil {
		t.Errorf("in pages or sources: %q", m)
	}
}
