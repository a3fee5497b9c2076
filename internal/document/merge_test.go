package document

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/problem"
)

func hold(id string, kind MeasureKind) Measure {
	return Measure{ID: id, Kind: kind, Right: driving, Revisions: []Revision{{KnownAt: noon, Event: EventID{"S", id}, From: noon, Orders: Orders{Authority: "A"}}}}
}

// pair is erika, and the record that she was entered under a second time.
func pair() (gone, into Subject) {
	into = erika()
	into.Number, into.Measures, into.Evaluated = "P-2", []Measure{hold("m1", CourtBan)}, noon
	gone = erika()
	gone.Person.Attributes["given_name"] = "Erica"
	gone.Entitlements[0].Privileges = gone.Entitlements[0].Privileges[:1]
	gone.Entitlements = append(gone.Entitlements, Entitlement{Kind: KindDriving, Territory: "DE", Privileges: rights("B")}, Entitlement{Kind: "fishing", Territory: "UT"})
	gone.Documents[0].Number = "UT-DL-9"
	gone.Documents = append(gone.Documents, Document{Number: "ID", Type: "pid", IssueDate: "2025-01-01"})
	gone.Measures, gone.Evaluated = []Measure{hold("m1", ProvisionalWithdrawal), hold("m2", PointsSuspension)}, noon
	return gone, into
}

func TestPersonMerged(t *testing.T) {
	gone, into := pair()
	next, c, err := DefaultTable().Apply([]Subject{gone, into}, event(PersonMerged{Into: "P-2"}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Subject{Number: "P-1", Version: 4, MergedInto: "P-2", Evaluated: noon}, next[0]); d != "" {
		t.Error(d)
	}
	gone, into = pair()
	want := into
	want.Version = 4
	want.Documents = append(want.Documents, gone.Documents...)
	want.Entitlements = append(want.Entitlements, gone.Entitlements[1:]...)
	renamed := gone.Measures[0]
	renamed.ID = "P-1:m1"
	want.Measures = append(want.Measures, renamed, gone.Measures[1])
	if d := cmp.Diff(want, next[1]); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{
		"UT-DL-9 person-merged", "ID person-merged", "UT-DL-1 entitlement-changed", "UT-DL-9 court-ban",
		"UT-DL-1 provisional-withdrawal!", "UT-DL-1 points-suspension",
	}, revoked(c)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"UT-DL-9", "ID"}, c.Void); d != "" || !c.Applied {
		t.Error(d)
	}

	// Nothing more is heard of the one who is gone, nor merged into it.
	for _, p := range []Payload{PersonPut{attributes("X")}, PersonDied{}, WalletLost{}, MeasureLifted{ID: "m1"}} {
		_, _, err := apply(next[0], p)
		if problem.KindOf(err) != problem.Conflict || !strings.Contains(problem.Detail(err), "merged") || strings.Contains(problem.Detail(err), "P-2") {
			t.Errorf("%s: %v", p.Name(), err)
		}
	}
	for _, subjects := range [][]Subject{{next[0], next[1]}, {next[1], next[0]}} {
		if _, _, err := DefaultTable().Apply(subjects, event(PersonMerged{Into: subjects[1].Number})); problem.KindOf(err) != problem.Conflict {
			t.Errorf("merged again: %v", err)
		}
	}
	if next[0].Next() != (time.Time{}) || next[0].Issuable("UT-DL-9", noon) == nil {
		t.Error("something is left of the one who is gone")
	}

}

// Who does not know that records were merged lifts no measure of the same name.
func TestMeasureAfterMerge(t *testing.T) {
	for name, tt := range map[string]struct {
		court, police, by string // who ordered P-2's m1 and P-1's m1, who lifts
		id                string
		want              string // the measure that ends, or a kind
	}{
		"all of one source":        {"S", "S", "S", "m1", "conflict"},
		"the other's":              {"C", "S", "S", "m1", "conflict"},
		"nobody's":                 {"C", "D", "S", "m1", "conflict"},
		"the only one of a source": {"S", "C", "S", "m1", "m1"},
		"the moved one by name":    {"C", "S", "S", "P-1:m1", "P-1:m1"},
		"the other one by name":    {"S", "S", "S", "P-2:m1", "m1"},
		"a name that nobody has":   {"S", "S", "S", "P-3:m1", "not_found"},
		"another measure":          {"S", "S", "S", "m2", "m2"},
	} {
		gone, into := pair()
		into.Measures[0].Revisions[0].Event.Source = tt.court
		gone.Measures[0].Revisions[0].Event.Source = tt.police
		next, _, err := DefaultTable().Apply([]Subject{gone, into}, event(PersonMerged{Into: "P-2"}))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Payload{MeasureLifted{ID: tt.id}, AppealUpheld{Measure: tt.id}, MeasureCorrected{ID: tt.id, Orders: Orders{Authority: "A", Until: noon.Add(-time.Minute)}, From: noon.Add(-time.Hour)}} {
			ev := event(p)
			ev.ID.Source = tt.by
			after, _, err := DefaultTable().Apply(next[1:], ev)
			got := string(problem.KindOf(err))
			if err == nil {
				got = ""
				for _, m := range after[0].Measures {
					if !m.Holds(noon) {
						got += m.ID
					}
				}
			}
			if got != tt.want {
				t.Errorf("%s: %s: %q (%v), want %q", name, p.Name(), got, err, tt.want)
			}
		}
	}
}

func TestPersonMergedOfFew(t *testing.T) {
	gone, into := pair()
	stranger := Subject{Number: "P-2"}
	dead := into
	dead.Person = &Person{Deceased: true, DeceasedAt: noon, DeceasedBy: EventID{"S", "D"}}
	for name, c := range map[string]struct {
		gone, into Subject
		want       problem.Kind
		check      func(s Subject) bool
	}{
		"into nobody":         {gone, stranger, "", func(s Subject) bool { return s.Person.Attributes.Text("given_name") == "Erica" && s.Version == 1 }},
		"of nobody":           {Subject{Number: "P-1"}, into, "", func(s Subject) bool { return cmp.Equal(s.Documents, into.Documents) && s.Version == 4 }},
		"both nobody":         {Subject{Number: "P-1"}, stranger, problem.NotFound, nil},
		"into oneself":        {into, into, problem.Conflict, nil},
		"not who is named":    {gone, Subject{Number: "P-3", Version: 1}, problem.Conflict, nil},
		"into a dead unknown": {gone, dead, "", func(s Subject) bool { return s.Person.Deceased && s.Person.Attributes.Text("given_name") == "Erica" }},
	} {
		next, _, err := DefaultTable().Apply([]Subject{c.gone, c.into}, event(PersonMerged{Into: "P-2"}))
		if c.want != "" && problem.KindOf(err) != c.want || c.want == "" && (err != nil || !c.check(next[1]) || next[0].MergedInto != "P-2") {
			t.Errorf("%s: %v %+v", name, err, next)
		}
	}
	// Death goes with either record, and ends the documents of both.
	gone.Person.Deceased, gone.Person.DeceasedAt = true, noon
	next, c, err := DefaultTable().Apply([]Subject{gone, into}, event(PersonMerged{Into: "P-2"}))
	if err != nil || !next[1].Person.Deceased || !slices.Contains(revoked(c), "UT-DL-1 person-died") || slices.Contains(revoked(c), "UT-DL-9 person-died") {
		t.Errorf("%v %v", revoked(c), err)
	}
}

func TestFreeID(t *testing.T) {
	taken := map[string]bool{"m": true, "P:m": true}
	is := func(id string) bool { return taken[id] }
	if got := freeID("P", "n", is); got != "n" {
		t.Error(got)
	}
	if got := freeID("P", "m", is); got != "P:P:m" {
		t.Error(got)
	}
	long := strings.Repeat("x", MaxMeasureID)
	taken[long] = true
	number := strings.Repeat("9", MaxNumber)
	got := freeID(number, long, is)
	if len(got) > MaxMeasureID || !strings.HasPrefix(got, number+":") || got != freeID(number, long, is) {
		t.Error(got)
	}
	taken[got] = true
	if again := freeID(number, long, is); again == got || len(again) > MaxMeasureID {
		t.Error(again)
	}
}

func TestPersonSplit(t *testing.T) {
	_, both := pair()
	gone, _ := pair()
	both.Documents = append(both.Documents, gone.Documents...)
	both.Entitlements = append(both.Entitlements, gone.Entitlements[1])
	both.Measures = append(both.Measures, hold("m2", PointsSuspension))
	p := PersonSplit{New: "P-7", Attributes: attributes("New"), Documents: []string{"UT-DL-9"}, Entitlements: []Right{{KindDriving, "DE"}}, Measures: []string{"m2"}}
	next, c, err := DefaultTable().Apply([]Subject{both, {Number: "P-7"}}, event(p))
	if err != nil {
		t.Fatal(err)
	}
	want := Subject{Number: "P-7", Version: 1, Person: &Person{Attributes: attributes("New")}, Evaluated: noon,
		Documents: both.Documents[1:2], Entitlements: both.Entitlements[1:2], Measures: both.Measures[1:2]}
	if d := cmp.Diff(want, next[1]); d != "" {
		t.Error(d)
	}
	stays := both
	stays.Version, stays.Documents, stays.Entitlements, stays.Measures = 4, []Document{both.Documents[0], both.Documents[2]}, both.Entitlements[:1], both.Measures[:1]
	if d := cmp.Diff(stays, next[0]); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"UT-DL-9 person-split", "UT-DL-1 entitlement-changed", "UT-DL-1 measure-ended"}, revoked(c)); d != "" {
		t.Error(d)
	}
	for name, c := range map[string]struct {
		s, other Subject
		change   func(*PersonSplit)
		want     problem.Kind
	}{
		"known already":       {both, Subject{Number: "P-7", Version: 1}, nil, problem.Conflict},
		"not who is named":    {both, Subject{Number: "P-8"}, nil, problem.Conflict},
		"off nobody":          {Subject{Number: "P-2"}, Subject{Number: "P-7"}, nil, problem.NotFound},
		"unknown document":    {both, Subject{Number: "P-7"}, func(p *PersonSplit) { p.Documents = []string{"X"} }, problem.NotFound},
		"unknown entitlement": {both, Subject{Number: "P-7"}, func(p *PersonSplit) { p.Entitlements = []Right{{"fishing", "UT"}} }, problem.NotFound},
		"unknown measure":     {both, Subject{Number: "P-7"}, func(p *PersonSplit) { p.Measures = []string{"X"} }, problem.NotFound},
	} {
		wrong := p
		if c.change != nil {
			c.change(&wrong)
		}
		if _, _, err := DefaultTable().Apply([]Subject{c.s, c.other}, event(wrong)); problem.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
