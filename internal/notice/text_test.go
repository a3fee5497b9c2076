package notice

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"vidimus/internal/document"
)

// Every language says everything, in words of its own.
func TestTexts(t *testing.T) {
	all := map[string]words{}
	for _, language := range Languages() {
		w, err := readWords(language)
		if err != nil {
			t.Fatal(err)
		}
		all[language] = w
	}
	keys := slices.Sorted(maps.Keys(all["en"]))
	for _, fact := range document.Facts() {
		if !slices.Contains(keys, "fact."+string(fact)) {
			t.Errorf("no text for the fact %s", fact)
		}
	}
	for _, effect := range []document.Effect{document.EffectNone, document.EffectReissue, document.EffectReissueReduced, document.EffectRevoke, document.EffectRevokeAndBlock} {
		if !slices.Contains(keys, "effect."+string(effect)) {
			t.Errorf("no text for the effect %s", effect)
		}
	}
	for language, w := range all {
		if got := slices.Sorted(maps.Keys(w)); !slices.Equal(got, keys) {
			t.Errorf("%s has other keys than en", language)
		}
		for key, text := range w {
			if !utf8.ValidString(text) || text != strings.TrimSpace(text) || len(text) > 400 {
				t.Errorf("%s: %s", language, key)
			}
			if language != "en" && text == all["en"][key] && !strings.HasPrefix(key, "label.") {
				t.Errorf("%s: %s is English", language, key)
			}
		}
	}
}

func TestText(t *testing.T) {
	w, err := readWords("fr")
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("CET", 3600)
	m := Message{
		ID: "ID", Fact: "court-ban", Effect: document.EffectReissueReduced, Document: "L-1", DocumentType: "mdl", Measure: "M",
		Since: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), Authority: "Tribunal", LegalBasis: "art. 13",
	}
	got := w.text(m, Appeal{Text: "Recours dans les trois mois.", URL: "https://x.example/recours"}, zone)
	for _, want := range []string{
		"Un tribunal vous a interdit de conduire.\n", "Document: permis de conduire\n", "Autorité: Tribunal\n", "Base légale: art. 13\n",
		"2026-11-01 09:00 CET\n", "les droits qui vous restent", "Recours dans les trois mois.\nhttps://x.example/recours\n", "Référence: ID\n",
	} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("%q is not in\n%s", want, got.Body)
		}
	}
	bare := w.text(Message{Fact: "person-changed", Effect: document.EffectReissue, Since: m.Since, DocumentType: "library-card"}, Appeal{}, time.UTC)
	if strings.Contains(bare.Body, w["heading.why"]) || !strings.Contains(bare.Body, w["appeal"]) || !strings.Contains(bare.Body, w["document.other"]) {
		t.Errorf("%s", bare.Body)
	}
	ended := w.text(Message{Fact: document.FactMeasureEnded, Effect: document.EffectReissue, Since: m.Since, Anew: "https://office.example/my"}, Appeal{}, time.UTC)
	if !strings.Contains(ended.Body, "demandez une nouvelle copie ici: https://office.example/my\n") || strings.Contains(got.Body, w["label.anew"]) {
		t.Errorf("%s", ended.Body)
	}
	// The subject line is the same for everybody.
	if got.Subject != bare.Subject || got.Subject != w["subject"] {
		t.Errorf("%q, %q", got.Subject, bare.Subject)
	}
}

func TestNoSuchLanguage(t *testing.T) {
	if w, err := readWords("tlh"); err == nil || w != nil {
		t.Error("texts in a language that there is none of")
	}
}
