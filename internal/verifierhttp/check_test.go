package verifierhttp_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vidimus/internal/i18n"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/verifierhttp"
)

// Every check has a name in every language.
func TestChecksHaveNames(t *testing.T) {
	for id := range verification.CheckIDs() {
		if !i18n.Has("check." + id) {
			t.Errorf("%s has no name", id)
		}
	}
}

// Whatever package verification tells in a fixed text is told in every language.
// What it tells of an SD-JWT no terminal shows.
func TestDetailsAreRetold(t *testing.T) {
	call := regexp.MustCompile(`c\.(?:pass|fail|warn|notDone|undone)\([^,]+, ("[^"]+")\)`)
	files, err := filepath.Glob("../verification/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "sdjwt.go") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(raw), -1) {
			text, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			found++
			if _, ok := i18n.French.Retell("detail.", text, nil); !ok {
				t.Errorf("%s: %q is told in English alone", filepath.Base(name), text)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d texts found", found)
	}
}

// What checks tell stands in the language of the page, with its instants, days,
// elements and words; what is there in English alone is left out, and said to be.
func TestChecksInTheLanguageOfThePage(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	s.answer = func() (*verifierhttp.Answer, error) {
		a := s.licence()
		a.Report.Policy = "built-in"
		d := &a.Report.Documents[0]
		d.Verdict.Freshness = policy.Old
		d.Warnings = []string{"st.ttl: as of 2026-06-01T09:02:00Z: old by policy, past its own ttl"}
		d.Checks = []verification.Check{
			{ID: "ia.sig", Result: verification.Pass, Clause: "ISO/IEC 18013-5, 9.3.1 step 2"},
			{ID: "st.ttl", Result: verification.Warn, Detail: "as of 2026-06-01T09:02:00Z: old by policy, past its own ttl"},
			{ID: "mso.digest", Result: verification.Fail, Detail: `digest of "family_name" in "org.iso.18013.5.1" differs; no digest 7 for "portrait" in "org.iso.18013.5.1"`},
			{ID: "req.satisfied", Result: verification.Fail, Detail: "not shown: org.iso.18013.5.1 portrait, org.iso.18013.5.1 expiry_date"},
			{ID: "ia.path", Result: verification.Pass, Detail: "to CN=Utopia IACA,O=Utopia,C=UT (14f8cce75370)"},
			{ID: "mdl.country", Result: verification.NotDone, Detail: "not shown"},
			{ID: "cbor.strict", Result: verification.Fail, Detail: "malformed CBOR: byte 7"},
		}
		return a, nil
	}
	b.read()
	fr := b.get("/reading?lang=fr", 200)
	wantText(t, fr, "Document : authentique", "Avertissements Âge de la liste de statuts :", "Signature de l’émetteur : réussi", "Âge de la liste de statuts : état du 1er juin 2026 à 09:02 UTC : ancien selon les règles",
		"la valeur Nom (org.iso.18013.5.1) n’est pas celle qui a été signée · la valeur Portrait", "Tout ce qui était demandé a été montré : échoué (non montré : Portrait, Valable jusqu’au)",
		"La réponse est lisible : échoué cbor.strict", "jusqu’à CN=Utopia IACA,O=Utopia,C=UT (14f8cce75370)", "En anglais, cette page en dit plus", "ISO/IEC 18013-5, 9.3.1 step 2", "intégrées")
	if !strings.Contains(fr.body, "Document\u00a0:") || !strings.Contains(fr.body, "Signature de l’émetteur\u00a0: réussi") {
		t.Error("a French label without a no-break space")
	}
	for _, english := range []string{"passed", "not done", "not shown", "differs", "as of", "by policy", "malformed", "built-in"} {
		if strings.Contains(fr.text(), english) {
			t.Errorf("%q stands on a French page", english)
		}
	}
	wantText(t, b.get("/reading?lang=de", 200), "Unterschrift des Ausstellers: bestanden", "der Wert Familienname (org.iso.18013.5.1) ist nicht der unterschriebene", "Auf Englisch sagt diese Seite mehr")
	wantText(t, b.get("/reading?lang=lb", 200), "Ënnerschrëft vum Aussteller: bestanen", "net gewisen: Portrait, Gëlteg bis")
	en := b.get("/reading?lang=en", 200)
	wantText(t, en, "Signature of the issuer: passed", "The answer can be read: not passed (malformed CBOR: byte 7)")
	if strings.Contains(en.text(), "In English") {
		t.Error("the English page says that it tells more")
	}
}

// Why a reader cannot read is told in the language of the page; what is there in
// English alone is marked as English.
func TestTroubleInTheLanguageOfThePage(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	for detail, words := range map[string]string{
		"state/bundle.cbor: the clock says 2026-01-01T00:00:00Z, but bundle 7 of https://id.utopia.example was made at 2026-06-26T10:00:00Z: set the clock of this device":                                                        "die Uhr sagt 1. Januar 2026, 00:00 UTC, aber das Paket 7 von https://id.utopia.example wurde am 26. Juni 2026, 10:00 UTC gemacht",
		"bundle older than the one at hand: number 3 of 2026-06-26T10:00:00Z after number 4 of 2026-06-27T10:00:00Z":                                                                                                              "Nummer 3 vom 26. Juni 2026",
		"state folder refused: state/mark: damaged mark: its checksum is wrong; this device no longer knows how far it got, so that an old bundle would pass: fetch the newest one and run `verifier bundle import --start-over`": "starten Sie `verifier bundle import --start-over`",
		"open state/bundle.cbor: no such file or directory: this reader has no bundle yet; `verifier bundle fetch --state state` gets one":                                                                                        "dieses Gerät hat noch kein Paket; `verifier bundle fetch --state state` holt eines",
	} {
		s.standing.Trouble, s.standing.Detail = verifierhttp.TroubleReader, detail
		page := b.get("/?lang=de", 200)
		if wantText(t, page, words); strings.Contains(page.body, `lang="en">`) && strings.Contains(page.text(), "was made") {
			t.Error("English on a German page")
		}
		wantText(t, b.get("/?lang=en", 200), detail)
	}
	s.standing.Detail = "something else"
	if page := b.get("/?lang=de", 200); !strings.Contains(page.body, `<span lang="en">something else</span>`) {
		t.Error("English is not marked as English")
	}
}

// What a licence says that does not count is no yes with a green sign.
func TestRevokedLicenceSaysYes(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	s.answer = func() (*verifierhttp.Answer, error) {
		a := s.licence()
		v := &a.Report.Documents[0].Verdict
		v.Status = "revoked"
		a.Report.Verdict, a.Report.Colour = *v, v.Colour()
		return a, nil
	}
	b.read()
	page := b.get("/reading", 200)
	wantText(t, page, "Right to drive B: yes, it says", "Rights to drive that stand in it")
	if strings.Contains(page.text(), "Rights to drive today") {
		t.Error("a revoked licence gives rights")
	}
	_, rights, _ := strings.Cut(page.body, `class="plain rights"`)
	rights, _, _ = strings.Cut(rights, "</ul>")
	if strings.Contains(rights, `class="mark good"`) || strings.Contains(rights, `class="mark bad"`) {
		t.Error("what does not count has the sign of an answer")
	}
}

// A list past its own ttl is every list of a reader without a network: while policy
// calls it fresh it is no warning, and stands among the checks.
func TestListPastItsTTL(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	line := "as of 2026-06-01T09:02:00Z: within policy by policy, past its own ttl"
	s.answer = func() (*verifierhttp.Answer, error) {
		a := s.licence()
		d := &a.Report.Documents[0]
		d.Warnings = []string{"st.ttl: " + line}
		d.Checks = []verification.Check{{ID: "st.ttl", Result: verification.Warn, Detail: line}}
		d.IssuerSigned = append(d.IssuerSigned, verification.Element{Name: "nationality", Value: []any{"UT", "LU"}})
		return a, nil
	}
	b.read()
	page := b.get("/reading", 200)
	wantText(t, page, "Age of the status list: passed with a remark", "UT, LU")
	if strings.Contains(page.text(), "Warnings") || strings.Contains(page.text(), "not passed") {
		t.Error("what is as it should be is a warning")
	}
}
