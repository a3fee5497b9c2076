package policy

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefault(t *testing.T) {
	p := Default()
	if !p.RequireEKU || !p.Status.Required || p.MaxIntermediates != 2 || p.ClockSkew.Std() != time.Minute {
		t.Errorf("%+v", p)
	}
	drive, ok := p.Profile("right-to-drive")
	if !ok || drive.Question.Driving != "B" || !drive.Question.Asked() {
		t.Fatalf("%+v", drive)
	}
	mdl, ok := drive.Document(FormatMDoc, "org.iso.18013.5.1.mDL")
	if !ok {
		t.Fatal("no mDL in right-to-drive")
	}
	want := map[string]map[string]bool{"org.iso.18013.5.1": {"portrait": false, "family_name": false, "given_name": false, "driving_privileges": false, "expiry_date": false}}
	if diff := cmp.Diff(want, mdl.Items()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, id := range []string{"identity", "age-over-18"} {
		profile, ok := p.Profile(id)
		if !ok {
			t.Fatalf("no profile %s", id)
		}
		for _, kind := range [][2]string{{FormatMDoc, "org.iso.18013.5.1.mDL"}, {FormatMDoc, "eu.europa.ec.eudi.pid.1"}, {FormatSDJWT, "urn:eudi:pid:1"}} {
			if _, ok := profile.Document(kind[0], kind[1]); !ok {
				t.Errorf("%s does not ask for %s", id, kind[1])
			}
		}
	}
	for _, profile := range p.Profiles {
		for _, d := range profile.Documents {
			for _, e := range d.Elements {
				if e.Retain {
					t.Errorf("%s retains %v", profile.ID, e.Path)
				}
			}
		}
		for _, language := range []string{"en", "fr", "de", "lb"} {
			if profile.Title[language] == "" {
				t.Errorf("%s has no title in %s", profile.ID, language)
			}
		}
	}
}

// TestFreshness is bad input S16: what is older than the policy allows is too
// old, and TestColourOfEveryCombination has no green for that.
func TestFreshness(t *testing.T) {
	p := Default()
	for _, test := range []struct {
		age  time.Duration
		want Freshness
	}{
		{-2 * time.Minute, NotKnown}, {-time.Minute, WithinPolicy}, {0, WithinPolicy}, {24 * time.Hour, WithinPolicy},
		{24*time.Hour + 1, Old}, {14 * 24 * time.Hour, Old}, {14*24*time.Hour + 1, TooOld},
	} {
		if got := p.Freshness(test.age); got != test.want {
			t.Errorf("age %s: %s, want %s", test.age, got, test.want)
		}
	}
}

// The age is asked of what says least first, of the licence last.
func TestAgeIsAskedOfTheLeastFirst(t *testing.T) {
	p, _ := Default().Profile("age-over-18")
	var order []string
	for _, d := range p.Documents {
		order = append(order, d.Type)
	}
	want := []string{"eu.europa.ec.av.1", "eu.europa.ec.eudi.pid.1", "urn:eudi:pid:1", "org.iso.18013.5.1.mDL"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWithoutReference(t *testing.T) {
	p := Default()
	from := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	if got := p.WithoutReference(from, from.AddDate(0, 0, 14)); got != Unknown {
		t.Errorf("14 days without a list: %s", got)
	}
	if got := p.WithoutReference(from, from.AddDate(0, 0, 1)); got != Valid {
		t.Errorf("one day without a list: %s", got)
	}
	p.Status.Required = false
	if got := p.WithoutReference(from, from.AddDate(0, 0, 14)); got != Valid {
		t.Errorf("not required: %s", got)
	}
}

func TestLoad(t *testing.T) {
	text := `
status: {fresh: 2h}
profiles:
  - id: right-to-drive
    title: {en: Lorry}
    question: {driving: CE}
    retention: thirty days, for the file of the accident
    documents:
      - format: mso_mdoc
        type: org.iso.18013.5.1.mDL
        elements:
          - {path: [org.iso.18013.5.1, document_number], retain: true}
`
	p, err := Load(File{"policy.yaml", []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	if p.Status.Fresh.Std() != 2*time.Hour || p.Status.Usable.Std() != 14*24*time.Hour || !p.Status.Required || !p.RequireEKU {
		t.Errorf("keys that were not set have changed: %+v", p.Status)
	}
	drive, _ := p.Profile("right-to-drive")
	if drive.Question.Driving != "CE" || len(p.Profiles) != 4 {
		t.Errorf("profile not replaced: %+v", p.Profiles)
	}
	if p, err := Load(File{"a.yaml", nil}, File{"b.yaml", []byte("clock_skw: 1m")}); p != nil || err == nil || !strings.HasPrefix(err.Error(), "b.yaml: ") {
		t.Errorf("%v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	profile := func(body string) string {
		return "profiles:\n  - id: p\n    title: {en: P}\n" + body
	}
	mdoc := func(elements string) string {
		return profile("    documents:\n      - format: mso_mdoc\n        type: t\n        elements: " + elements)
	}
	for text, want := range map[string]string{
		"clock_skw: 1m":                    "line 1: field clock_skw not found",
		"status:\n  freshh: 1h":            "line 2: field freshh not found",
		"clock_skew: 60":                   "line 1: not a duration",
		"clock_skew: -1s":                  "not a duration",
		"clock_skew: 1h":                   "clock_skew",
		"max_intermediates: 3":             "max_intermediates",
		"status: {fresh: 2d, usable: 1d}":  "usable is shorter than fresh",
		"status: {usable: 2d, refuse: 1d}": "refuse is shorter than usable",
		"anchors: {fresh: 1000d}":          "anchors: usable is shorter than fresh",
		"territory: Utopia":                "territory",
		"territory: lu":                    "territory",
		profile("    question: {driving: B, identity: true}"):   "more than one",
		profile("    question: {age_over: 18, identity: true}"): "more than one",
		mdoc("[{path: [a, b], values: [1.5]}]"):                 "values",
		mdoc("[{path: [a, b], values: [[x]]}]"):                 "values",
		"version: a b":                                          "version",
		"status: {short_lived: 30d}":                            "short_lived",
		"status: {fresh: 99999999d}":                            "not a duration",
		"clock_skew: [1m]":                                      "not a duration",
		"{}\n---\n{}":                                           "more than one YAML document",
		"clock_skew: 1m\nclock_skew: 2m":                        "already defined",
		"profiles: [{id: A b}]":                                 "id",
		"profiles: [{id: a}]":                                   "title",
		profile("    documents: []"):                            "documents: none",
		profile("    question: {driving: B, age_over: 18}"):     "more than one",
		profile("    question: {age_over: 100}"):                "age_over",
		profile("    documents: [{format: jwt_vc, type: t}]"):   "format",
		profile("    documents: [{format: mso_mdoc}]"):          "type",
		mdoc("[]"):                               "elements",
		mdoc("[{path: [a]}]"):                    "namespace and identifier",
		mdoc("[{path: [a, '']}]"):                "empty part",
		mdoc("[{path: [a, b], retain: true}]"):   "retention",
		mdoc("[{path: [a, b]}, {path: [a, b]}]"): "path twice",
		mdoc("[{path: [a, age_over_18]}, {path: [a, age_over_21]}, {path: [a, age_over_25]}]"): "age statements",
		"&a [*a]": "",
	} {
		_, err := Parse("file.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "file.yaml: ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Parse("file.yaml", make([]byte, MaxFile+1)); err == nil {
		t.Error("large file accepted")
	}
}

// What loads is valid and can be asked everything.
func FuzzLoadYAML(f *testing.F) {
	f.Add(defaultYAML)
	f.Add([]byte("status: {fresh: 2h}"))
	f.Add([]byte("profiles:\n  - id: p\n    title: {en: P}\n    documents: [{format: mso_mdoc, type: t, elements: [{path: [a, b]}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("file.yaml", data)
		if err != nil {
			if p != nil {
				t.Fatal("policy beside an error")
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, profile := range p.Profiles {
			for _, d := range profile.Documents {
				d.Items()
			}
		}
	})
}

// The version of the built-in policy says what it says: who changes it raises the
// version, and this sum.
func TestBuiltInVersion(t *testing.T) {
	sum := sha256.Sum256(defaultYAML)
	if got := fmt.Sprintf("%s %x", Default().Version, sum[:8]); got != "1 54de431284a895b3" {
		t.Errorf("%s", got)
	}
}
