package catalog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/document"
	"vidimus/internal/elements"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
)

var testTerms = Terms{NotBefore: testNow.AddDate(0, -1, 0), NotAfter: testNow.AddDate(1, 0, 0)}

// The attributes without which a mandatory element has no value.
func TestEveryMandatoryElementMissing(t *testing.T) {
	for _, id := range []string{"mdl", "pid-mdoc", "pid-sd-jwt", "fishing-mdoc", "fishing-sd-jwt"} {
		cfg := configuration(t, id)
		for _, e := range cfg.elements {
			if !e.mandatory || e.sources[0].kind == sourceConst || e.sources[0].kind == sourceDriving {
				continue
			}
			t.Run(id+"/"+e.label(), func(t *testing.T) {
				change := map[string]any{}
				for _, s := range e.sources {
					change[s.kind+"."+s.name] = nil
				}
				s := changed(t, change)
				doc := docFor(t, s, cfg)
				b, err := cfg.NewBatch(s, doc, testNow, testTerms)
				if b != nil {
					t.Fatal("batch without a mandatory element")
				}
				var missing *elements.Error
				if !errors.Is(err, elements.ErrMissing) || !errors.As(err, &missing) || missing.Element != e.label() {
					t.Fatalf("%v, want ErrMissing of %s", err, e.label())
				}
				if problem.KindOf(err) != problem.CredentialRequestDenied || !strings.Contains(problem.Detail(err), e.label()) {
					t.Errorf("kind %s, detail %q", problem.KindOf(err), problem.Detail(err))
				}
			})
		}
	}
}

// R10 to R12 and M24 where a record reaches the issuer with them.
func TestBadInputs(t *testing.T) {
	for name, test := range map[string]struct {
		id     string
		change map[string]any
		want   error
	}{
		"R10/png":                 {"mdl", map[string]any{"person.portrait": []byte("\x89PNG\r\n\x1a\n")}, elements.ErrRule},
		"R10/empty_in_mdl":        {"mdl", map[string]any{"person.portrait": []byte{}}, elements.ErrMissing},
		"R10/huge":                {"pid-sd-jwt", map[string]any{"person.portrait": make([]byte, 2<<20)}, elements.ErrRule},
		"R11/bidi":                {"pid-mdoc", map[string]any{"person.family_name": "Mül\u202eler"}, elements.ErrRule},
		"R11/nul":                 {"pid-sd-jwt", map[string]any{"person.family_name": "Mül\x00ler"}, elements.ErrRule},
		"R11/long":                {"mdl", map[string]any{"person.given_name": strings.Repeat("x", 151)}, elements.ErrRule},
		"R11/not_latin":           {"mdl", map[string]any{"person.family_name": "Иванов"}, elements.ErrMissing},
		"R11/no_name_at_all":      {"pid-mdoc", map[string]any{"person.family_name": "", "person.given_name": ""}, elements.ErrMissing},
		"R11/number":              {"pid-mdoc", map[string]any{"person.family_name": int64(7)}, elements.ErrEncoding},
		"R12/no_such_day":         {"mdl", map[string]any{"person.birth_date": "2023-02-29"}, elements.ErrRule},
		"R12/zero":                {"pid-mdoc", map[string]any{"person.birth_date": "0000-00-00"}, elements.ErrRule},
		"R12/never":               {"mdl", map[string]any{"document.expiry_date": "9999-12-31"}, elements.ErrRule},
		"R12/born_tomorrow":       {"mdl", map[string]any{"person.birth_date": "2026-06-17"}, elements.ErrContradiction},
		"R12/offset":              {"pid-sd-jwt", map[string]any{"person.birth_date": "1984-01-26+02:00"}, elements.ErrEncoding},
		"R12/issued_before_birth": {"mdl", map[string]any{"document.issue_date": "1983-01-01"}, elements.ErrContradiction},
		"jurisdiction":            {"mdl", map[string]any{"document.issuing_jurisdiction": "DE-BE"}, elements.ErrContradiction},
		"sex":                     {"pid-mdoc", map[string]any{"person.sex": int64(7)}, elements.ErrRule},
		"nationality":             {"pid-sd-jwt", map[string]any{"person.nationality": []string{"Utopia"}}, elements.ErrRule},
		"choice":                  {"fishing-mdoc", map[string]any{"document.class": "decade"}, elements.ErrRule},
		"colour":                  {"mdl", map[string]any{"person.eye_colour": "Hazel"}, elements.ErrRule},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configuration(t, test.id)
			s := changed(t, test.change)
			b, err := cfg.NewBatch(s, docFor(t, s, cfg), testNow, testTerms)
			if !errors.Is(err, test.want) || b != nil || problem.KindOf(err) != problem.CredentialRequestDenied {
				t.Fatalf("%v, want %v", err, test.want)
			}
			for _, value := range test.change {
				for _, text := range []string{fmt.Sprint(value), fmt.Sprintf("%s", value)} {
					if len(text) > 2 && strings.Contains(err.Error(), text) {
						t.Errorf("error shows the value: %v", err)
					}
				}
			}
		})
	}
}

func TestNewBatchRefuses(t *testing.T) {
	cfg := configuration(t, "mdl")
	base := subject(t)
	dead, annulled, expired, future, nobody := subject(t), subject(t), subject(t), subject(t), subject(t)
	dead.Person.Deceased = true
	annulled.Documents[0].Annulled = true
	expired.Documents[0].ExpiryDate = "2026-06-14"
	future.Documents[0].IssueDate = "2026-06-16"
	nobody.Person = nil
	stranger := base.Documents[0]
	stranger.Number = "DL-9"
	for name, test := range map[string]struct {
		s     document.Subject
		doc   document.Document
		terms Terms
		kind  problem.Kind
	}{
		"other type":       {base, base.Documents[1], testTerms, problem.CredentialRequestDenied},
		"no such document": {base, stranger, testTerms, problem.NotFound},
		"nobody":           {nobody, nobody.Documents[0], testTerms, problem.NotFound},
		"dead":             {dead, dead.Documents[0], testTerms, problem.CredentialRequestDenied},
		"annulled":         {annulled, annulled.Documents[0], testTerms, problem.CredentialRequestDenied},
		"expired":          {expired, expired.Documents[0], testTerms, problem.CredentialRequestDenied},
		"not issued":       {future, future.Documents[0], testTerms, problem.CredentialRequestDenied},
		"signer expired":   {base, base.Documents[0], Terms{NotAfter: testNow.Add(-time.Hour)}, problem.CredentialRequestDenied},
		"signer ends now":  {base, base.Documents[0], Terms{NotAfter: testNow}, problem.CredentialRequestDenied},
		"signer to come":   {base, base.Documents[0], Terms{NotBefore: testNow.Add(time.Hour)}, problem.CredentialRequestDenied},
		"country":          {base, base.Documents[0], Terms{Country: "UX"}, problem.CredentialRequestDenied},
		"state":            {base, base.Documents[0], Terms{Country: "UT", State: "UT-NY"}, problem.CredentialRequestDenied},
	} {
		if b, err := cfg.NewBatch(test.s, test.doc, testNow, test.terms); b != nil || problem.KindOf(err) != test.kind {
			t.Errorf("%s: %v, want kind %s", name, err, test.kind)
		}
	}
	if _, err := cfg.NewBatch(base, base.Documents[0], testNow); err != nil {
		t.Errorf("without terms: %v", err)
	}
}

func TestValidity(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	born := func(date string) map[string]any { return map[string]any{"person.birth_date": date} }
	for name, test := range map[string]struct {
		id          string
		change      map[string]any
		terms       Terms
		from, until time.Time
	}{
		"plain":                  {"mdl", nil, testTerms, day(6, 15), day(6, 29)},
		"other days":             {"fishing-mdoc", nil, testTerms, day(6, 15), day(6, 22)},
		"signer made today":      {"mdl", nil, Terms{NotBefore: testNow.Add(-time.Hour)}, testNow.Add(-time.Hour), day(6, 29)},
		"signer ends":            {"mdl", nil, Terms{NotAfter: testNow.AddDate(0, 0, 3)}, day(6, 15), testNow.AddDate(0, 0, 3)},
		"document ends":          {"mdl", map[string]any{"document.expiry_date": "2026-06-20"}, testTerms, day(6, 15), day(6, 21)},
		"document ends today":    {"mdl", map[string]any{"document.expiry_date": "2026-06-15"}, testTerms, day(6, 15), day(6, 16)},
		"18 next week":           {"mdl", born("2008-06-22"), testTerms, day(6, 15), day(6, 22)},
		"18 tomorrow":            {"mdl", born("2008-06-16"), testTerms, day(6, 15), day(6, 16)},
		"18 today":               {"mdl", born("2008-06-15"), testTerms, day(6, 15), day(6, 29)},
		"19 next week":           {"mdl", born("2007-06-22"), testTerms, day(6, 15), day(6, 29)},
		"18 in the PID":          {"pid-mdoc", born("2008-06-22"), testTerms, day(6, 15), day(6, 29)},
		"18, and the statements": {"fishing-mdoc", born("2008-06-18"), testTerms, day(6, 15), day(6, 22)}, // only 16 there
	} {
		cfg := configuration(t, test.id)
		s := changed(t, test.change)
		if name == "18, and the statements" || strings.HasPrefix(name, "1") {
			for i := range s.Documents {
				s.Documents[i].IssueDate = "2026-01-01"
			}
		}
		b, err := cfg.NewBatch(s, docFor(t, s, cfg), testNow, test.terms)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if from, until := b.Validity(); !from.Equal(test.from) || !until.Equal(test.until) {
			t.Errorf("%s: %s to %s, want %s to %s", name, from, until, test.from, test.until)
		}
	}
}

// Every instant of a day gives the same validity.
func TestValidityIsOfTheDay(t *testing.T) {
	cfg := configuration(t, "mdl")
	s := subject(t)
	for _, at := range []time.Time{testNow, testNow.Add(13*time.Hour + 59*time.Minute + 59*time.Second), testNow.Add(-10 * time.Hour), testNow.In(time.FixedZone("", 5*3600))} {
		b, err := cfg.NewBatch(s, s.Documents[0], at, testTerms)
		if err != nil {
			t.Fatal(err)
		}
		if from, until := b.Validity(); !from.Equal(time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)) || until.Sub(from) != 14*24*time.Hour {
			t.Errorf("at %s: %s to %s", at, from, until)
		}
	}
}

// An age in years that would change within the validity is left out, not told by
// the end of validity.
func TestAgeInYears(t *testing.T) {
	cfg := configuration(t, "mdl")
	for birth, issued := range map[string]bool{"1984-06-22": false, "1984-06-29": true, "1984-06-15": true, "1984-01-26": true, "1984-06-28": false} {
		s := changed(t, map[string]any{"person.birth_date": birth})
		b, err := cfg.NewBatch(s, s.Documents[0], testNow, testTerms)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(b.Issued(), " "), "age_in_years"); got != issued {
			t.Errorf("born %s: age_in_years issued %v, want %v", birth, got, issued)
		}
		if from, until := b.Validity(); until.Sub(from) != 14*24*time.Hour {
			t.Errorf("born %s: valid until %s", birth, until)
		}
	}
}

func TestTransliteration(t *testing.T) {
	cfg := configuration(t, "mdl")
	s := changed(t, map[string]any{"person.resident_city": "Πειραιάς", "person.birth_place": nil, "person.place_of_birth": map[string]any{"locality": "Łódź", "country": "PL"}})
	b, err := cfg.NewBatch(s, s.Documents[0], testNow, testTerms)
	if err != nil {
		t.Fatal(err)
	}
	issued := strings.Join(b.Issued(), " ")
	if strings.Contains(issued, "resident_city") || len(b.Warnings()) != 1 || !strings.HasPrefix(b.Warnings()[0], "resident_city: left out") {
		t.Errorf("issued %s, warnings %q", issued, b.Warnings())
	}
	if strings.Contains(strings.Join(b.Warnings(), ""), "Πειραιάς") {
		t.Error("warning shows the value")
	}
	if !strings.Contains(issued, "birth_place") {
		t.Error("birth place not made of the place")
	}
}

func TestLargePortraitWarns(t *testing.T) {
	cfg := configuration(t, "mdl")
	s := changed(t, map[string]any{"person.portrait": portrait(t, 40<<10)})
	if size := len(s.Person.Attributes.Bytes("portrait")); size <= elements.MaxPortraitIssue {
		t.Fatalf("portrait of %d bytes is too small for this test", size)
	}
	b, err := cfg.NewBatch(s, s.Documents[0], testNow, testTerms)
	if err != nil || len(b.Warnings()) != 1 || !strings.Contains(b.Warnings()[0], "portrait") {
		t.Errorf("%v", err)
	}
}

// While a ban holds the licence has the categories that remain; a table may
// also say that there is none.
func TestBan(t *testing.T) {
	cfg := configuration(t, "mdl")
	ban := document.Measure{ID: "m1", Kind: document.CourtBan, Right: document.Right{Kind: document.KindDriving, Territory: "UT"},
		Revisions: []document.Revision{{From: testNow.AddDate(0, 0, -1)}}}
	blocks := document.DefaultTable()
	blocks["mdl"][document.Fact(document.CourtBan)] = document.Rule{Effect: document.EffectRevokeAndBlock}
	w := pkitest.NewWorld(t)
	for name, test := range map[string]struct {
		categories []string
		until      time.Time
		want       []any
	}{
		"all":  {nil, testNow.Add(1), []any{}},
		"B":    {[]string{"B"}, time.Time{}, []any{"A"}},
		"over": {nil, testNow, []any{"A", "B"}},
	} {
		ban.Revisions[0].Orders = document.Orders{Authority: "Court", Until: test.until, Categories: test.categories}
		s := subject(t)
		s.Measures = []document.Measure{ban}
		b, err := cfg.NewBatch(s, s.Documents[0], testNow, termsOf(w.DocumentSignerMDL))
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := b.Prepare(Copy{Key: walletKey(t).Public(), ListURI: "https://issuer.example/status/1"}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		credential, err := prepared.Sign(w.DocumentSignerMDL.Key, w.DocumentSignerMDL.Chain, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, values := verifyMDoc(t, w, credential.Text())
		got := []any{}
		list, ok := values[elements.MDLNameSpace]["driving_privileges"].([]any)
		for _, p := range list {
			got = append(got, p.(map[string]any)["vehicle_category_code"])
		}
		if !ok || !cmp.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, values[elements.MDLNameSpace]["driving_privileges"], test.want)
		}
		terms := termsOf(w.DocumentSignerMDL)
		terms.Effects = blocks
		if b, err := cfg.NewBatch(s, s.Documents[0], testNow, terms); (b == nil) != (name != "over") || b == nil && problem.KindOf(err) != problem.CredentialRequestDenied {
			t.Errorf("%s, blocked: %v", name, err)
		}
	}
}

// A withdrawn right: the licence is issued and lets its holder drive nothing.
func TestNoPrivileges(t *testing.T) {
	w := pkitest.NewWorld(t)
	cfg := configuration(t, "mdl")
	s := subject(t)
	s.Entitlements = nil
	b, err := cfg.NewBatch(s, s.Documents[0], testNow, termsOf(w.DocumentSignerMDL))
	if err != nil || !strings.Contains(strings.Join(b.Issued(), " "), "driving_privileges") {
		t.Errorf("%v", err)
	}
}

// A portrait that the holder opted out of is present and empty in a PID.
func TestOptedOutPortrait(t *testing.T) {
	for _, id := range []string{"pid-mdoc", "pid-sd-jwt"} {
		cfg := configuration(t, id)
		s := changed(t, map[string]any{"person.portrait": []byte{}})
		b, err := cfg.NewBatch(s, docFor(t, s, cfg), testNow, testTerms)
		if err != nil || !strings.Contains(strings.Join(b.Issued(), " "), "portrait") {
			t.Errorf("%s: %v", id, err)
		}
	}
}
