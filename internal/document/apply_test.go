package document

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/problem"
)

func put(number string) DocumentPut {
	return DocumentPut{Number: number, Type: "mdl", IssueDate: "2025-09-01", IssuingAuthority: "DMV", IssuingCountry: "UT"}
}

func event(p Payload) Event {
	return Event{ID: EventID{"S", "J"}, Effective: noon, Received: noon, Payload: p}
}

// apply with the default table, to one person.
func apply(s Subject, p Payload) (Subject, Change, error) {
	next, c, err := DefaultTable().Apply([]Subject{s}, event(p))
	if err != nil {
		return Subject{}, c, err
	}
	return next[0], c, nil
}

func revoked(c Change) (list []string) {
	for _, r := range c.Revoke {
		word := r.Document + " " + string(r.Fact)
		if r.Wallet != "" {
			word += " in " + r.Wallet
		}
		if r.Urgent {
			word += "!"
		}
		list = append(list, word)
	}
	return list
}

// same is the put that says what is known of erika's licence.
func same() DocumentPut {
	d := licence()
	return DocumentPut{d.Number, d.Type, d.IssueDate, d.ExpiryDate, d.IssuingAuthority, d.IssuingCountry, d.IssuingJurisdiction, d.UNDistinguishingSign, d.Attributes}
}

func TestApply(t *testing.T) {
	annulled, surrendered, dead, banned, merged := erika(), erika(), erika(), erika(), erika()
	annulled.Documents[0].Annulled = true
	surrendered.Documents[0].Surrendered = true
	dead.Person.Deceased = true
	orders := Orders{Authority: "Court"}
	banned.Measures = []Measure{{ID: "m1", Kind: CourtBan, Right: driving, Revisions: []Revision{{KnownAt: noon, Event: EventID{"S", "J0"}, From: noon, Orders: orders}}}}
	banned.Evaluated = noon
	merged.MergedInto = "P-2"
	renewed := same()
	renewed.ExpiryDate = "2036-06-15"
	pid := put("UT-DL-1")
	pid.Type = "pid"
	for name, c := range map[string]struct {
		from    Subject
		payload Payload
		want    problem.Kind
		revoke  []string
		version uint64
	}{
		"first word of a person":     {Subject{Number: "P-1"}, PersonPut{Attributes{"family_name": "X"}}, "", nil, 1},
		"document before person":     {Subject{Number: "P-1"}, put("N"), "", nil, 1},
		"measure before person":      {Subject{Number: "P-1"}, MeasureAdded{"m1", CourtBan, driving, orders}, "", nil, 1},
		"person changes":             {erika(), PersonPut{Attributes{"family_name": "Y"}}, "", []string{"UT-DL-1 person-changed"}, 4},
		"person as known":            {erika(), PersonPut{erika().Person.Attributes}, "", nil, 3},
		"entitlement changes":        {erika(), EntitlementPut{Kind: KindDriving, Territory: "UT"}, "", []string{"UT-DL-1 entitlement-changed"}, 4},
		"entitlement as known":       {erika(), EntitlementPut{KindDriving, "UT", erika().Entitlements[0].Privileges}, "", nil, 3},
		"second territory":           {erika(), EntitlementPut{Kind: KindDriving, Territory: "DE"}, "", []string{"UT-DL-1 entitlement-changed"}, 4},
		"right of another document":  {erika(), EntitlementPut{Kind: "fishing", Territory: "DE"}, "", nil, 4},
		"document as known":          {erika(), same(), "", nil, 3},
		"document renewed":           {erika(), renewed, "", []string{"UT-DL-1 document-changed"}, 4},
		"another document":           {erika(), put("UT-DL-2"), "", nil, 4},
		"document annulled":          {erika(), DocumentAnnulled{Number: "UT-DL-1"}, "", []string{"UT-DL-1 document-annulled!"}, 4},
		"R14, annulled again":        {annulled, DocumentAnnulled{Number: "UT-DL-1"}, "", []string{"UT-DL-1 document-annulled!"}, 3},
		"R14, annulled, unknown":     {erika(), DocumentAnnulled{Number: "UT-DL-9"}, problem.NotFound, nil, 0},
		"R14, brought back to life":  {annulled, put("UT-DL-1"), problem.Conflict, nil, 0},
		"given back":                 {erika(), DocumentSurrendered{Number: "UT-DL-1"}, "", []string{"UT-DL-1 document-surrendered"}, 4},
		"given back twice":           {surrendered, DocumentSurrendered{Number: "UT-DL-1"}, "", []string{"UT-DL-1 document-surrendered"}, 3},
		"given back, put again":      {surrendered, put("UT-DL-1"), problem.Conflict, nil, 0},
		"given back, unknown":        {erika(), DocumentSurrendered{Number: "UT-DL-9"}, problem.NotFound, nil, 0},
		"card lost":                  {erika(), DocumentCarrierLost{Number: "UT-DL-1"}, "", nil, 4},
		"card lost, unknown":         {erika(), DocumentCarrierLost{Number: "UT-DL-9"}, problem.NotFound, nil, 0},
		"of another type":            {erika(), pid, problem.Conflict, nil, 0},
		"death":                      {erika(), PersonDied{}, "", []string{"UT-DL-1 person-died"}, 4},
		"death again":                {dead, PersonDied{}, "", []string{"UT-DL-1 person-died"}, 3},
		"R14, death of nobody":       {Subject{Number: "P-1"}, PersonDied{}, problem.NotFound, nil, 0},
		"ban":                        {erika(), MeasureAdded{"m1", CourtBan, driving, orders}, "", []string{"UT-DL-1 court-ban"}, 4},
		"at the roadside":            {erika(), MeasureAdded{"m1", ProvisionalWithdrawal, driving, orders}, "", []string{"UT-DL-1 provisional-withdrawal!"}, 4},
		"ban as known":               {banned, MeasureAdded{"m1", CourtBan, driving, orders}, "", nil, 3},
		"ban of a known id":          {banned, MeasureAdded{"m1", CourtBan, driving, Orders{Authority: "Other"}}, problem.Conflict, nil, 0},
		"other kind of a known id":   {banned, MeasureAdded{"m1", PointsSuspension, driving, orders}, problem.Conflict, nil, 0},
		"second ban":                 {banned, MeasureAdded{"m2", CourtBan, driving, orders}, "", []string{"UT-DL-1 court-ban"}, 4},
		"ban that ends at once":      {erika(), MeasureAdded{"m1", CourtBan, driving, Orders{Authority: "A", Until: noon}}, problem.Conflict, nil, 0},
		"ban with codes":             {erika(), MeasureAdded{"m1", CourtBan, driving, Orders{Codes: []Code{{Code: "1"}}}}, problem.Conflict, nil, 0},
		"ban lifted":                 {banned, MeasureLifted{ID: "m1"}, "", []string{"UT-DL-1 measure-ended"}, 4},
		"R14, lifted, unknown":       {erika(), MeasureLifted{ID: "m1"}, problem.NotFound, nil, 0},
		"ban of other categories":    {banned, MeasureCorrected{ID: "m1", Orders: Orders{Authority: "Court", Categories: []string{"B"}}}, "", []string{"UT-DL-1 court-ban"}, 4},
		"ban of another authority":   {banned, MeasureCorrected{ID: "m1", Orders: Orders{Authority: "Other"}}, "", nil, 4},
		"ban to come":                {banned, MeasureCorrected{ID: "m1", Orders: orders, From: noon.Add(1)}, "", []string{"UT-DL-1 measure-ended"}, 4},
		"ban corrected into nothing": {banned, MeasureCorrected{ID: "m1", Orders: orders}, "", nil, 3},
		"ban corrected, codes":       {banned, MeasureCorrected{ID: "m1", Orders: Orders{Codes: []Code{{Code: "1"}}}}, problem.Conflict, nil, 0},
		"corrected, unknown":         {erika(), MeasureCorrected{ID: "m1"}, problem.NotFound, nil, 0},
		"appeal":                     {banned, AppealUpheld{Measure: "m1"}, "", []string{"UT-DL-1 measure-ended"}, 4},
		"appeal, unknown":            {erika(), AppealUpheld{Measure: "m1"}, problem.NotFound, nil, 0},
		"one phone lost":             {erika(), WalletLost{Wallet: "w"}, "", []string{"UT-DL-1 wallet-lost in w!"}, 4},
		"all phones lost":            {erika(), WalletLost{}, "", []string{"UT-DL-1 wallet-lost!"}, 4},
		"phone of nobody":            {Subject{Number: "P-1"}, WalletLost{}, problem.NotFound, nil, 0},
		"person is another now":      {merged, PersonPut{Attributes{"family_name": "Y"}}, problem.Conflict, nil, 0},
		"payload of nobody":          {erika(), nil, problem.InvalidRequest, nil, 0},
		"a unit is no person":        {erika(), WalletUnitRevoked{Wallet: "w"}, problem.Internal, nil, 0},
		"another person is missing":  {erika(), PersonMerged{Into: "P-2"}, problem.Internal, nil, 0},
	} {
		before, _ := json.Marshal(c.from)
		next, change, err := apply(c.from, c.payload)
		if after, _ := json.Marshal(c.from); string(after) != string(before) {
			t.Errorf("%s: the state that was given is changed", name)
		}
		if c.want != "" {
			if err == nil || problem.KindOf(err) != c.want || !cmp.Equal(change, Change{}) {
				t.Errorf("%s: %v %v %v, want %s", name, err, next, change, c.want)
			}
			continue
		}
		if err != nil || next.Version != c.version || !slices.Equal(revoked(change), c.revoke) || change.Applied != (next.Version > c.from.Version) {
			t.Errorf("%s: version %d, %v, %v", name, next.Version, revoked(change), err)
		}
		if !change.Applied && !cmp.Equal(next, c.from) {
			t.Errorf("%s: nothing new, and another state: %s", name, cmp.Diff(c.from, next))
		}
	}
}

func TestApplyKeepsWhatItDoesNotConcern(t *testing.T) {
	next, _, err := apply(erika(), EntitlementPut{Kind: KindDriving, Territory: "UT", Privileges: []Privilege{{Category: "B"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := erika()
	want.Version, want.Evaluated, want.Entitlements[0].Privileges = 4, noon, []Privilege{{Category: "B"}}
	if d := cmp.Diff(want, next); d != "" {
		t.Error(d)
	}
	next, _, err = apply(next, DocumentAnnulled{Number: "UT-DL-1", Reason: "stolen blank"})
	want.Version = 5
	d := &want.Documents[0]
	d.Annulled, d.AnnulledAt, d.AnnulledReason, d.AnnulledKnown, d.AnnulledBy = true, noon, "stolen blank", noon, EventID{"S", "J"}
	if d := cmp.Diff(want, next); d != "" || err != nil {
		t.Error(d, err)
	}
	lost, _, err := apply(erika(), DocumentCarrierLost{Number: "UT-DL-1", Reason: "burnt"})
	if err != nil || !lost.Documents[0].CarrierLostAt.Equal(noon) || lost.Issuable("UT-DL-1", noon) != nil {
		t.Errorf("%+v, %v", lost.Documents, err)
	}
	renewed := put("UT-DL-1")
	if lost, _, err = apply(lost, renewed); err != nil || lost.Documents[0].CarrierLostReason != "burnt" || lost.Documents[0].ExpiryDate != "" {
		t.Errorf("%+v, %v", lost.Documents, err)
	}
}

func TestApplyLimits(t *testing.T) {
	s := Subject{Number: "P-1"}
	fill := func(what string, n int, p func(i int) Payload) {
		t.Helper()
		var err error
		for i := range n {
			if s, _, err = apply(s, p(i)); err != nil {
				t.Fatal(what, err)
			}
		}
		if _, _, err = apply(s, p(n)); problem.KindOf(err) != problem.Conflict {
			t.Errorf("%s beyond the limit: %v", what, err)
		}
	}
	fill("documents", MaxDocuments, func(i int) Payload { return put(fmt.Sprint("N", i)) })
	fill("entitlements", MaxEntitlements, func(i int) Payload { return EntitlementPut{Kind: fmt.Sprint("k", i), Territory: "UT"} })
	fill("measures", MaxMeasures, func(i int) Payload {
		return MeasureAdded{fmt.Sprint("m", i), CourtBan, driving, Orders{Authority: "A"}}
	})
	fill("revisions", MaxRevisions-1, func(i int) Payload {
		return MeasureCorrected{ID: "m0", Orders: Orders{Authority: fmt.Sprint(i)}}
	})
	for what, other := range map[string]Subject{
		"documents":    {Number: "P-2", Version: 1, Documents: s.Documents[:1]},
		"entitlements": {Number: "P-2", Version: 1, Entitlements: []Entitlement{{Kind: "more", Territory: "UT"}}},
		"measures":     {Number: "P-2", Version: 1, Measures: s.Measures[:1]},
	} {
		if _, _, err := DefaultTable().Apply([]Subject{s, other}, event(PersonMerged{Into: "P-2"})); problem.KindOf(err) != problem.Conflict || !strings.Contains(problem.Detail(err), what) {
			t.Errorf("%s of a merge beyond the limit: %v", what, err)
		}
	}
}

// Only measures and the ends of documents are dated ahead.
func TestEffective(t *testing.T) {
	for _, p := range []Payload{
		PersonPut{attributes("X")}, PersonDied{}, EntitlementPut{Kind: "k", Territory: "UT"}, put("N"), DocumentCarrierLost{Number: "UT-DL-1"}, WalletLost{},
		MeasureAdded{"m1", CourtBan, driving, Orders{Authority: "A"}}, DocumentAnnulled{Number: "UT-DL-1"}, DocumentSurrendered{Number: "UT-DL-1"},
	} {
		ahead := slices.Contains([]string{NameMeasureAdded, NameDocumentAnnulled, NameDocumentSurrendered}, p.Name())
		ev := event(p)
		ev.Effective = noon.Add(MaxAhead + time.Second)
		next, c, err := DefaultTable().Apply([]Subject{erika()}, ev)
		if ahead {
			if err != nil || len(c.Revoke) != 0 || !next[0].Next().Equal(ev.Effective) || next[0].Issuable("UT-DL-1", noon) != nil {
				t.Errorf("%s: %v %+v", p.Name(), err, c)
			}
		} else if problem.KindOf(err) != problem.Conflict || !strings.Contains(problem.Detail(err), p.Name()) {
			t.Errorf("%s: %v", p.Name(), err)
		}
		ev.Effective = noon.Add(MaxAhead)
		if _, _, err := DefaultTable().Apply([]Subject{erika()}, ev); err != nil {
			t.Errorf("%s: clocks differ, %v", p.Name(), err)
		}
	}
}

// An end is moved forward by a later word, and never back.
func TestEarlierEnd(t *testing.T) {
	s := erika()
	s.Measures, s.Evaluated = []Measure{hold("m1", CourtBan)}, noon
	say := func(p Payload, effective time.Time) (c Change) {
		t.Helper()
		ev := event(p)
		ev.Effective = effective
		next, c, err := DefaultTable().Apply([]Subject{s}, ev)
		if err != nil {
			t.Fatal(err)
		}
		s = next[0]
		return c
	}
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	for what, c := range map[string]struct {
		payload Payload
		ended   func() bool
		begins  string
	}{
		"lift":      {MeasureLifted{ID: "m1"}, func() bool { return !s.Measures[0].Holds(noon) }, "UT-DL-1 measure-ended"},
		"annul":     {DocumentAnnulled{Number: "UT-DL-1"}, func() bool { return s.Documents[0].annulled(noon) }, "UT-DL-1 document-annulled!"},
		"surrender": {DocumentSurrendered{Number: "UT-DL-1"}, func() bool { return s.Documents[0].surrendered(noon) }, "UT-DL-1 document-surrendered"},
	} {
		if c := say(c.payload, hour(5)); !c.Applied || len(c.Revoke) != 0 {
			t.Errorf("%s, dated ahead: %+v", what, c)
		}
		for _, later := range []int{5, 6} {
			if c := say(c.payload, hour(later)); c.Applied || len(c.Revoke) != 0 {
				t.Errorf("%s, later: %+v", what, c)
			}
		}
		if c := say(c.payload, hour(2)); !c.Applied || len(c.Revoke) != 0 || !s.Next().Equal(hour(2)) {
			t.Errorf("%s, earlier: %+v, next %s", what, c, s.Next())
		}
		if got := say(c.payload, hour(-1)); !got.Applied || !slices.Equal(revoked(got), []string{c.begins}) || !c.ended() {
			t.Errorf("%s, before now: %+v", what, got)
		}
	}
}

// A clock that was set back does nothing twice and forgets nothing.
func TestClockSetBack(t *testing.T) {
	s, _, err := apply(erika(), MeasureAdded{"m1", CourtBan, driving, Orders{Authority: "A", Until: noon.Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	ev := event(MeasureLifted{ID: "m1"})
	ev.Received = noon.Add(-time.Hour)
	next, c, err := DefaultTable().Apply([]Subject{s}, ev)
	if err != nil || !slices.Equal(revoked(c), []string{"UT-DL-1 measure-ended"}) || !next[0].Evaluated.Equal(noon) {
		t.Errorf("%v %v %v", revoked(c), next, err)
	}
	if r := next[0].Measures[0].Revisions; r[1].KnownAt.Before(r[0].KnownAt) {
		t.Error("revisions out of order")
	}
}

func TestWalletUnitRevoked(t *testing.T) {
	next, c, err := DefaultTable().Apply(nil, event(WalletUnitRevoked{Wallet: "w"}))
	want := Change{
		Applied: true, Wallets: []string{"w"},
		Revoke:  []Revocation{{Wallet: "w", Fact: FactWalletUnitRevoked, Urgent: true, Cause: EventID{"S", "J"}}},
		Notices: []Notice{{Fact: FactWalletUnitRevoked, Effect: EffectRevoke, Since: noon, Cause: EventID{"S", "J"}}},
	}
	if err != nil || len(next) != 0 || cmp.Diff(want, c) != "" {
		t.Error(err, next, cmp.Diff(want, c))
	}
}

// What stands beside the copies: grants, wallets, notices.
func TestChange(t *testing.T) {
	two := erika()
	two.Documents = append(two.Documents, Document{Number: "ID", Type: "pid", IssueDate: "2025-01-01"})
	id := EventID{"S", "J"}
	for name, c := range map[string]struct {
		payload Payload
		want    Change
	}{
		"reissue": {PersonPut{attributes("Y")}, Change{
			Revoke:  []Revocation{{"UT-DL-1", "", FactPersonChanged, false, id}, {"ID", "", FactPersonChanged, false, id}},
			Notices: []Notice{{"", FactPersonChanged, "", EffectReissue, noon, id}},
		}},
		"block": {DocumentAnnulled{Number: "ID"}, Change{
			Revoke: []Revocation{{"ID", "", FactDocumentAnnulled, true, id}}, Void: []string{"ID"}, Ended: []string{"ID"},
			Notices: []Notice{{"ID", FactDocumentAnnulled, "", EffectRevokeAndBlock, noon, id}},
		}},
		"nobody to tell": {PersonDied{}, Change{
			Revoke: []Revocation{{"UT-DL-1", "", FactPersonDied, false, id}, {"ID", "", FactPersonDied, false, id}}, Void: []string{"UT-DL-1", "ID"},
			Ended: []string{"UT-DL-1", "ID"},
		}},
		"measure": {MeasureAdded{"m1", ProvisionalWithdrawal, driving, Orders{Authority: "A"}}, Change{
			Revoke:  []Revocation{{"UT-DL-1", "", Fact(ProvisionalWithdrawal), true, id}},
			Notices: []Notice{{"", Fact(ProvisionalWithdrawal), "m1", EffectReissueReduced, noon, id}},
		}},
		"one phone": {WalletLost{Wallet: "w"}, Change{
			Revoke:  []Revocation{{"UT-DL-1", "w", FactWalletLost, true, id}, {"ID", "w", FactWalletLost, true, id}},
			Wallets: []string{"w"}, Notices: []Notice{{"", FactWalletLost, "", EffectRevoke, noon, id}},
		}},
		"every phone": {WalletLost{}, Change{
			Revoke:  []Revocation{{"UT-DL-1", "", FactWalletLost, true, id}, {"ID", "", FactWalletLost, true, id}},
			Void:    []string{"UT-DL-1", "ID"},
			Ended:   []string{"UT-DL-1", "ID"},
			Notices: []Notice{{"", FactWalletLost, "", EffectRevoke, noon, id}},
		}},
	} {
		c.want.Applied = true
		_, got, err := apply(two, c.payload)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}
