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
		"yes":         {nil, "UT-DL-1", noon, ""},
		"last second": {nil, "UT-DL-1", time.Date(2026, 6, 15, 23, 59, 59, 0, time.UTC), ""},
		"expired":     {nil, "UT-DL-1", time.Date(2026, 6, 16, 0, 0, 0, 0, time.UTC), problem.CredentialRequestDenied},
		"not yet":     {nil, "UT-DL-1", time.Date(2025, 8, 31, 23, 59, 59, 0, time.UTC), problem.CredentialRequestDenied},
		"unknown":     {nil, "UT-DL-2", noon, problem.NotFound},
		"no person":   {func(s *Subject) { s.Person = nil }, "UT-DL-1", noon, problem.NotFound},
		"deceased":    {func(s *Subject) { s.Person.Deceased = true }, "UT-DL-1", noon, problem.CredentialRequestDenied},
		"annulled":    {func(s *Subject) { s.Documents[0].Annulled = true }, "UT-DL-1", noon, problem.CredentialRequestDenied},
		"never ends":  {func(s *Subject) { s.Documents[0].ExpiryDate = "" }, "UT-DL-1", noon.AddDate(100, 0, 0), ""},
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
