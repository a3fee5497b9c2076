package document

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vidimus/internal/problem"
)

func put(number string) DocumentPut {
	return DocumentPut{Number: number, Type: "mdl", IssueDate: "2025-09-01", IssuingAuthority: "DMV", IssuingCountry: "UT"}
}

func event(p Payload) Event {
	return Event{Subject: "P-1", Effective: noon, Received: noon, Payload: p}
}

func TestApply(t *testing.T) {
	annulled := erika()
	annulled.Documents[0].Annulled = true
	for name, c := range map[string]struct {
		from    Subject
		payload Payload
		want    problem.Kind
		revoke  []string
		version uint64
	}{
		"first word of a person":  {Subject{Number: "P-1"}, PersonPut{Attributes{"family_name": "X"}}, "", nil, 1},
		"document before person":  {Subject{Number: "P-1"}, put("N"), "", nil, 1},
		"person changes":          {erika(), PersonPut{Attributes{"family_name": "Y"}}, "", nil, 4},
		"entitlement changes":     {erika(), EntitlementPut{Kind: KindDriving, Territory: "UT"}, "", nil, 4},
		"second territory":        {erika(), EntitlementPut{Kind: KindDriving, Territory: "DE"}, "", nil, 4},
		"document renewed":        {erika(), put("UT-DL-1"), "", nil, 4},
		"document annulled":       {erika(), DocumentAnnulled{Number: "UT-DL-1"}, "", []string{"UT-DL-1"}, 4},
		"annulled again":          {annulled, DocumentAnnulled{Number: "UT-DL-1"}, "", []string{"UT-DL-1"}, 3},
		"annulled, unknown":       {erika(), DocumentAnnulled{Number: "UT-DL-9"}, problem.NotFound, nil, 0},
		"brought back to life":    {annulled, put("UT-DL-1"), problem.Conflict, nil, 0},
		"of another type":         {erika(), DocumentPut{Number: "UT-DL-1", Type: "pid"}, problem.Conflict, nil, 0},
		"payload of nobody":       {erika(), nil, problem.InvalidRequest, nil, 0},
		"another person's number": {Subject{Number: "P-2"}, put("N"), problem.Internal, nil, 0},
	} {
		before, _ := json.Marshal(c.from)
		next, change, err := Apply(c.from, event(c.payload))
		if after, _ := json.Marshal(c.from); string(after) != string(before) {
			t.Errorf("%s: the state that was given is changed", name)
		}
		if c.want != "" {
			if err == nil || problem.KindOf(err) != c.want || !cmp.Equal(next, Subject{}) || len(change.Revoke) != 0 {
				t.Errorf("%s: %v %v %v, want %s", name, err, next, change, c.want)
			}
			continue
		}
		if err != nil || next.Version != c.version || !slices.Equal(change.Revoke, c.revoke) || change.Applied != (next.Version > c.from.Version) {
			t.Errorf("%s: version %d, %+v, %v", name, next.Version, change, err)
		}
	}
}

func TestApplyKeepsWhatItDoesNotConcern(t *testing.T) {
	next, _, err := Apply(erika(), event(EntitlementPut{Kind: KindDriving, Territory: "UT", Privileges: []Privilege{{Category: "B"}}}))
	if err != nil {
		t.Fatal(err)
	}
	want := erika()
	want.Version, want.Entitlements[0].Privileges = 4, []Privilege{{Category: "B"}}
	if d := cmp.Diff(want, next); d != "" {
		t.Error(d)
	}
	next, _, err = Apply(next, event(DocumentAnnulled{Number: "UT-DL-1", Reason: "stolen blank"}))
	want.Version = 5
	want.Documents[0].Annulled, want.Documents[0].AnnulledAt, want.Documents[0].AnnulledReason = true, noon, "stolen blank"
	if d := cmp.Diff(want, next); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestApplyLimits(t *testing.T) {
	s := Subject{Number: "P-1"}
	var err error
	for i := range MaxDocuments {
		if s, _, err = Apply(s, event(put(fmt.Sprint("N", i)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err = Apply(s, event(put("one more"))); problem.KindOf(err) != problem.Conflict {
		t.Errorf("document beyond the limit: %v", err)
	}
	for i := range MaxEntitlements {
		if s, _, err = Apply(s, event(EntitlementPut{Kind: fmt.Sprint("k", i), Territory: "UT"})); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err = Apply(s, event(EntitlementPut{Kind: "more", Territory: "UT"})); problem.KindOf(err) != problem.Conflict {
		t.Errorf("entitlement beyond the limit: %v", err)
	}
}

// Random histories against a model that knows only, of each document, whether
// it exists and lives, and how many facts were taken.
func TestApplyHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Subject{Number: "P-1"}
		alive, version, rights := map[string]bool{}, uint64(0), map[string]int{}
		name := ""
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			number := rapid.SampledFrom([]string{"N1", "N2", "N3"}).Draw(t, "number")
			lives, known := alive[number]
			var p Payload
			taken, revokes := true, false
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				name = rapid.StringN(1, 10, -1).Draw(t, "name")
				p = PersonPut{Attributes{"family_name": name}}
			case 1:
				territory := rapid.SampledFrom([]string{"UT", "DE"}).Draw(t, "territory")
				n := rapid.IntRange(0, 3).Draw(t, "categories")
				p, rights[territory] = EntitlementPut{KindDriving, territory, make([]Privilege, n)}, n
			case 2:
				p = put(number)
				if taken = !known || lives; taken {
					alive[number] = true
				}
			default:
				p = DocumentAnnulled{Number: number}
				taken, revokes = known && lives, known
				if known {
					alive[number] = false
				}
			}
			next, change, err := Apply(s, event(p))
			if refused := !taken && !revokes; refused != (err != nil) {
				t.Fatalf("%T: error %v, the model says refused=%v", p, err, refused)
			}
			if err != nil {
				continue
			}
			if taken {
				version++
			}
			if next.Version != version || change.Applied != taken || revokes != (len(change.Revoke) == 1) {
				t.Fatalf("%T: version %d, model %d, %+v", p, next.Version, version, change)
			}
			s = next
			total := 0
			for _, n := range rights {
				total += n
			}
			if len(s.Driving(noon)) != total || (s.Person != nil) != (name != "") || len(s.Documents) != len(alive) {
				t.Fatalf("state %+v does not fit the model", s)
			}
			for n, lives := range alive {
				if d := s.Document(n); d == nil || d.Annulled == lives {
					t.Fatalf("document %s: %+v, model alive=%v", n, d, lives)
				}
			}
		}
	})
}
