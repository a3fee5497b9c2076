package document

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/problem"
)

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func licence() Document {
	return Document{
		Number: "UT-DL-1", Type: "mdl", IssueDate: "2025-09-01", ExpiryDate: "2026-06-15",
		IssuingAuthority: "Utopia DMV", IssuingCountry: "UT", UNDistinguishingSign: "UTO",
		Attributes: Attributes{"administrative_number": "ADM-7"},
	}
}

func erika() Subject {
	return Subject{
		Number: "P-1", Version: 3,
		Person: &Person{Attributes: Attributes{
			"family_name": "Mustermann", "given_name": "Erika", "birth_date": "1984-01-26",
			"nationality": []string{"UT", "DE"}, "place_of_birth": map[string]any{"country": "DE", "locality": "Köln"},
			"sex": int64(2), "portrait": []byte{0xff, 0xd8, 0xff, 0xd9},
		}},
		Entitlements: []Entitlement{{Kind: KindDriving, Territory: "UT", Privileges: []Privilege{
			{Category: "A", IssueDate: "2018-08-09", ExpiryDate: "2026-06-14"},
			{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20", Codes: []Code{{Code: "01", Sign: "=", Value: "1"}}},
			{Category: "C", IssueDate: "2026-06-16"},
			{Category: "AM"},
		}}},
		Documents: []Document{licence()},
	}
}

func TestSubjectSurvivesItsEncoding(t *testing.T) {
	want := erika()
	want.Documents[0].Annulled, want.Documents[0].AnnulledAt = true, noon
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Subject
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAttributesGivesTypes(t *testing.T) {
	a := erika().Person.Attributes
	if a.Text("family_name") != "Mustermann" || a.Text("sex") != "" || a.Bytes("family_name") != nil || len(a.Bytes("portrait")) != 4 {
		t.Error("Text or Bytes gives a value of another type")
	}
	for _, bad := range []string{
		`{"portrait":"QR"}`, `{"portrait":"QR==\n"}`, `{"height":1.5}`, `{"height":1e3}`, `{"x":null}`, `null`, `[]`,
		`{"a":1,"a":2}`, `{"x":[[[[1]]]]}`, `{"x":{"a":{"b":{"c":{"d":1}}}}}`, `{"x":"\ud800"}`, `{"height":99999999999999999999}`,
	} {
		var got Attributes
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken as %v", bad, got)
		}
	}
}

// Subjects of the release before measures were kept.
func TestSubjectOfOldStays(t *testing.T) {
	const stored = `{"number":"P-1","version":3,"person":{"attributes":{"family_name":"X"},"deceased":true,"deceased_at":"2026-01-01T00:00:00Z"},
		"entitlements":[{"kind":"driving","territory":"UT","privileges":[{"vehicle_category_code":"B"}]}],
		"documents":[{"number":"N","type":"mdl","issue_date":"2025-09-01","issuing_authority":"DMV","issuing_country":"UT","annulled":true,"annulled_at":"2026-01-01T00:00:00Z","annulled_reason":"r"}]}`
	var s Subject
	if err := json.Unmarshal([]byte(stored), &s); err != nil {
		t.Fatal(err)
	}
	// Its ends had their effects then.
	if next := s.Next(); !next.IsZero() {
		t.Errorf("time has something to do at %s", next)
	}
	if problem.KindOf(s.Issuable("N", noon)) != problem.CredentialRequestDenied || len(s.Driving(noon)) != 1 {
		t.Errorf("%+v", s)
	}
}

// Measures beside each other: what one takes away another does not give back.
func TestDrivingUnderMeasures(t *testing.T) {
	measure := func(id string, kind MeasureKind, territory string, o Orders) Measure {
		m := hold(id, kind)
		m.Right.Territory, m.Revisions[0].Orders = territory, o
		return m
	}
	glasses := measure("r1", Restriction, "UT", Orders{Codes: []Code{{"01", "=", "1"}}})
	automatic := measure("r2", Restriction, "UT", Orders{Categories: []string{"B"}, Codes: []Code{{Code: "78"}}})
	noB := measure("b1", CourtBan, "UT", Orders{Categories: []string{"B"}})
	abroad := measure("b2", ForeignDisqualification, "DE", Orders{})
	all := measure("b3", PointsSuspension, "UT", Orders{Until: noon.Add(1)})
	for want, list := range map[string][]Measure{
		"B[01=1] AM[] ":       nil,
		"B[01=1] AM[01=1] ":   {glasses},
		"B[01=178] AM[] ":     {automatic},
		"B[01=178] AM[01=1] ": {automatic, glasses},
		"AM[] ":               {noB},
		"AM[01=1] ":           {glasses, noB, abroad},
		"":                    {noB, all, glasses},
	} {
		s := erika()
		s.Measures = list
		before, _ := json.Marshal(s)
		got := ""
		for _, p := range s.Driving(noon) {
			got += p.Category + "["
			for _, c := range p.Codes {
				got += c.Code + c.Sign + c.Value
			}
			got += "] "
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if after, _ := json.Marshal(s); string(after) != string(before) {
			t.Error("the subject is changed")
		}
	}
	s := erika()
	s.Measures = []Measure{abroad}
	if len(s.Driving(noon)) != 2 {
		t.Error("a measure on another territory's right takes away ours")
	}
}

func TestDriving(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{noon, "B AM "},
		{noon.AddDate(0, 0, -1), "A B AM "},
		{time.Date(2026, 6, 14, 23, 59, 59, 0, time.UTC), "A B AM "},
		{time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC), "B AM "},
		{time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), "B C AM "},
		{time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), "AM "},
	} {
		got := ""
		for _, p := range Driving(erika(), c.at) {
			got += p.Category + " "
		}
		if got != c.want {
			t.Errorf("at %s: %q, want %q", c.at, got, c.want)
		}
	}
	s := erika()
	s.Entitlements[0].Kind = "hunting"
	if got := s.Driving(noon); got != nil {
		t.Errorf("another right lets drive %v", got)
	}
}

func TestIssuable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Subject)
		number string
		at     time.Time
		want   problem.Kind
	}{
		"yes":               {nil, "UT-DL-1", noon, ""},
		"last second":       {nil, "UT-DL-1", time.Date(2026, 6, 15, 23, 59, 59, 0, time.UTC), ""},
		"expired":           {nil, "UT-DL-1", time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), problem.CredentialRequestDenied},
		"not yet":           {nil, "UT-DL-1", time.Date(2025, 8, 31, 23, 59, 59, 0, time.UTC), problem.CredentialRequestDenied},
		"unknown":           {nil, "UT-DL-2", noon, problem.NotFound},
		"no person":         {func(s *Subject) { s.Person = nil }, "UT-DL-1", noon, problem.NotFound},
		"deceased":          {func(s *Subject) { s.Person.Deceased = true }, "UT-DL-1", noon, problem.CredentialRequestDenied},
		"annulled":          {func(s *Subject) { s.Documents[0].Annulled = true }, "UT-DL-1", noon, problem.CredentialRequestDenied},
		"annulled tomorrow": {func(s *Subject) { s.Documents[0].Annulled, s.Documents[0].AnnulledAt = true, noon.Add(1) }, "UT-DL-1", noon, ""},
		"given back":        {func(s *Subject) { s.Documents[0].Surrendered = true }, "UT-DL-1", noon, problem.CredentialRequestDenied},
		"never ends":        {func(s *Subject) { s.Documents[0].ExpiryDate = "" }, "UT-DL-1", noon.AddDate(100, 0, 0), ""},
	} {
		s := erika()
		if c.change != nil {
			c.change(&s)
		}
		err := s.Issuable(c.number, c.at)
		if c.want == "" && err != nil || c.want != "" && (err == nil || problem.KindOf(err) != c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
