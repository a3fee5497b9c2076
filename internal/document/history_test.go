package document

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vidimus/internal/problem"
)

// history drives the package and the model side by side, and issues copies
// wherever that is allowed.
type history struct {
	t        rapid.TB
	table    Table
	w        *world
	subjects map[string]Subject
	copies   []phoneCopy
	events   int
	horizon  int
	whole    bool // check what is slow too
}

type phoneCopy struct {
	paper, wallet string
	step          int
	says          []string
	dead          bool
}

func newHistory(t rapid.TB, table Table) *history {
	return &history{t: t, table: table, w: newWorld(table), subjects: map[string]Subject{}, horizon: 8}
}

func (h *history) clone() *history {
	c := *h
	c.w = h.w.clone()
	c.subjects = make(map[string]Subject, len(h.subjects))
	for k, s := range h.subjects {
		c.subjects[k] = s
	}
	c.copies = slices.Clone(h.copies)
	return &c
}

func (h *history) subject(number string) Subject {
	if s, ok := h.subjects[number]; ok {
		return s
	}
	return Subject{Number: number}
}

// send gives an event to both.
func (h *history) send(person, other string, p Payload, toe int) {
	h.events++
	ev := Event{ID: EventID{"S", fmt.Sprint("j", h.events)}, Effective: timeOf(toe), Received: timeOf(h.w.hour), Payload: p}
	given := []Subject{h.subject(person)}
	if other != "" {
		given = append(given, h.subject(other))
	}
	var before []byte
	if h.whole {
		before, _ = json.Marshal(given)
	}
	next, change, err := h.table.Apply(given, ev)
	if !ConcernsAttributes(p.Name()) {
		h.sendWithout(given, ev, next, change, err)
	}
	if h.whole {
		if after, _ := json.Marshal(given); string(after) != string(before) {
			h.t.Fatalf("%T: the states that were given are changed", p)
		}
	}
	h.w.hits = nil
	refusal, news := h.w.hear(person, other, ev)
	if (refusal != "") != (err != nil) || err != nil && string(problem.KindOf(err)) != refusal {
		h.t.Fatalf("%T of %s: %v, the model says %q", p, person, err, refusal)
	}
	if err != nil {
		if next != nil || change.Applied || change.Revoke != nil || change.Void != nil || change.Notices != nil {
			h.t.Fatalf("%T: refused, and yet %+v", p, change)
		}
		return
	}
	want := slices.Concat(h.w.due[person], h.w.due[other], h.w.hits)
	grown := false
	for i, s := range next {
		grown = grown || s.Version > given[i].Version
		h.subjects[s.Number] = s
	}
	h.compare(want, change)
	delete(h.w.due, person)
	delete(h.w.due, other)
	if change.Applied != grown || news && !change.Applied {
		h.t.Fatalf("%T: applied %v, versions grown %v, news %v", p, change.Applied, grown, news)
	}
	h.check(person)
	if other != "" {
		h.check(other)
	}
	h.issue()
}

// sendWithout gives an event to subjects without the attributes of the person,
// which makes no difference.
func (h *history) sendWithout(given []Subject, ev Event, next []Subject, change Change, err error) {
	bare := func(list []Subject) []Subject {
		list = slices.Clone(list)
		for i, s := range list {
			if s.Person != nil {
				p := *s.Person
				p.Attributes = nil
				list[i].Person = &p
			}
		}
		return list
	}
	nextBare, changeBare, errBare := h.table.Apply(bare(given), ev)
	if fmt.Sprint(err) != fmt.Sprint(errBare) || !reflect.DeepEqual(change, changeBare) || !reflect.DeepEqual(bare(next), nextBare) {
		h.t.Fatalf("%T without attributes: %v %v %s %s", ev.Payload, err, errBare, cmp.Diff(change, changeBare), cmp.Diff(bare(next), nextBare))
	}
}

// pass lets an hour go by; the office looks at every subject, or is asleep.
func (h *history) pass(awake bool) {
	h.w.tick()
	if awake {
		h.wake()
	}
}

func (h *history) wake() {
	for number, s := range h.subjects {
		next, change := h.table.Advance(s, timeOf(h.w.hour))
		if change.Applied != (next.Version > s.Version) || !change.Applied && !cmp.Equal(next, s) {
			h.t.Fatalf("time: applied %v, version %d after %d", change.Applied, next.Version, s.Version)
		}
		h.compare(h.w.due[number], change)
		delete(h.w.due, number)
		h.subjects[number] = next
		h.check(number)
	}
	h.issue()
}

// compare looks at what is revoked and kills those copies.
func (h *history) compare(want []hit, change Change) {
	var got, wanted []string
	void, ended := map[string]bool{}, map[string]bool{}
	for _, r := range change.Revoke {
		got = append(got, fmt.Sprint(hit{r.Document, r.Wallet, string(r.Fact), r.Cause.JTI}))
		rule := h.table.Rule(h.w.papers[r.Document].kind, r.Fact)
		if rule.Urgent != r.Urgent || rule.Effect == EffectNone {
			h.t.Fatalf("%+v by the rule %+v", r, rule)
		}
		if r.Wallet == "" && (rule.Effect == EffectRevoke || rule.Effect == EffectRevokeAndBlock) {
			void[r.Document] = true
			// A measure that blocks is waited out; the rest is for good.
			if rule.Effect == EffectRevoke || !slices.Contains(MeasureKinds(), MeasureKind(r.Fact)) {
				ended[r.Document] = true
			}
		}
		for i := range h.copies {
			if c := &h.copies[i]; c.paper == r.Document && (r.Wallet == "" || r.Wallet == c.wallet) {
				c.dead = true
			}
		}
	}
	for _, w := range want {
		wanted = append(wanted, fmt.Sprint(w))
	}
	sort.Strings(got)
	sort.Strings(wanted)
	if !slices.Equal(got, slices.Compact(wanted)) {
		h.t.Fatalf("hour %d, event %d: revoked %v, the model says %v", h.w.hour, h.events, got, wanted)
	}
	if len(void) != len(change.Void) || len(ended) != len(change.Ended) {
		h.t.Fatalf("void %v, want %v; ended %v, want %v", change.Void, void, change.Ended, ended)
	}
}

// issue makes a copy of every document that may have one, and looks at all
// copies: those that live say what their holder may drive now.
func (h *history) issue() {
	for _, number := range []string{"D", "I", "D2"} {
		p := h.w.papers[number]
		if p == nil || len(h.w.due[p.owner]) > 0 {
			continue
		}
		err := h.table.Issuable(h.subjects[p.owner], number, timeOf(h.w.hour))
		if (err != nil) != h.w.blocked(p) {
			h.t.Fatalf("hour %d: copy of %s: %v, the model says blocked=%v", h.w.hour, number, err, h.w.blocked(p))
		}
		says := h.w.drives(p.owner, h.w.hour)
		for _, c := range h.copies {
			if !c.dead && c.paper == number && p.kind == "mdl" && h.table["mdl"][FactEntitlementChanged].Effect != EffectNone && !slices.Equal(c.says, says) {
				h.t.Fatalf("hour %d: a copy of %s lives that says %v, and the holder may drive %v", h.w.hour, number, c.says, says)
			}
		}
		if err == nil {
			h.copies = append(h.copies, phoneCopy{number, fmt.Sprint("w", h.events%2), h.events, says, false})
		}
	}
}

// check compares one subject with the model, at instants before and after now.
func (h *history) check(number string) {
	s, f := h.subjects[number], h.w.person(number)
	if int(s.Version) != f.version || s.MergedInto != f.into {
		h.t.Fatalf("%s: version %d, the model's %d; merged into %q, %q", number, s.Version, f.version, s.MergedInto, f.into)
	}
	claims := 0
	for _, c := range h.w.claims {
		if c.owner != number {
			continue
		}
		claims++
		m := s.Measure(c.id)
		if m == nil || len(m.Revisions) != len(c.says) {
			h.t.Fatalf("%s: measure %s is %+v, said %+v", number, c.id, m, c.says)
		}
		for hour := h.w.hour - 3; hour <= h.w.hour+h.horizon; hour++ {
			last, _ := c.last(never)
			if s.Holds(*m, timeOf(hour)) != last.holds(hour) {
				h.t.Fatalf("%s: measure %s at hour %d, said %+v", number, c.id, hour, c.says)
			}
		}
	}
	if claims != len(s.Measures) {
		h.t.Fatalf("%s: %d measures, the model has %d", number, len(s.Measures), claims)
	}
	if next := hourOf(s.Next()); next != h.w.turns(number, h.horizon) {
		h.t.Fatalf("%s: next at hour %d, the model says %d", number, next, h.w.turns(number, h.horizon))
	}
	if h.whole {
		h.checkWhole(s, number)
	}
}

// checkWhole looks at every instant with every knowledge, and at the encoding.
func (h *history) checkWhole(s Subject, number string) {
	for heard := -1; heard <= h.w.hour; heard++ {
		known := s.AsKnown(timeOf(heard))
		for _, c := range h.w.claims {
			if c.owner != number {
				continue
			}
			last, ok := c.last(heard)
			m := known.Measure(c.id)
			if (m != nil) != ok {
				h.t.Fatalf("measure %s as known at hour %d: %+v, said %+v", c.id, heard, m, c.says)
			}
			for hour := 0; ok && hour <= h.w.hour+h.horizon; hour++ {
				if known.Holds(*m, timeOf(hour)) != last.holds(hour) {
					h.t.Fatalf("measure %s as known at hour %d, at hour %d, said %+v", c.id, heard, hour, c.says)
				}
			}
		}
	}
	for hour := 0; hour <= h.w.hour+h.horizon; hour++ {
		var got []string
		for _, p := range s.Driving(timeOf(hour)) {
			codes := []string{}
			for _, c := range p.Codes {
				codes = append(codes, c.Code)
			}
			got = append(got, fmt.Sprint(p.Category, codes))
		}
		sort.Strings(got)
		if want := h.w.drives(number, hour); !slices.Equal(got, want) {
			h.t.Fatalf("%s may drive %v at hour %d, the model says %v", number, got, hour, want)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		h.t.Fatal(err)
	}
	var again Subject
	if err := json.Unmarshal(data, &again); err != nil || !cmp.Equal(s, again) {
		h.t.Fatalf("%v %s", err, cmp.Diff(s, again))
	}
	// In one step or in many.
	end := h.w.hour + 5
	once, all := h.table.Advance(s, timeOf(end))
	many := s
	var sum Change
	for hour := h.w.hour; hour <= end; hour++ {
		var c Change
		many, c = h.table.Advance(many, timeOf(hour))
		sum.Applied = sum.Applied || c.Applied
		for _, r := range c.Revoke {
			if !slices.Contains(sum.Revoke, r) {
				sum.Revoke = append(sum.Revoke, r)
			}
		}
	}
	if !cmp.Equal(once, many) || all.Applied != sum.Applied || !cmp.Equal(all.Revoke, sum.Revoke) {
		h.t.Fatalf("in one step %+v, in many %+v", all, sum)
	}
}

func attributes(name string) Attributes {
	return Attributes{"family_name": name, "given_name": "G", "birth_date": "1984-01-26"}
}

func rights(categories ...string) []Privilege {
	var list []Privilege
	for _, c := range categories {
		list = append(list, Privilege{Category: c})
	}
	return list
}

var driving = Right{KindDriving, "UT"}

// Every sequence of four events, and of five of those that say most, from a
// subject that is set up.
func TestEverySequence(t *testing.T) {
	ban := MeasureAdded{"m2", CourtBan, driving, Orders{Authority: "Court"}}
	steps := []func(h *history){
		func(h *history) { h.pass(true) },
		func(h *history) { h.pass(false) },
		func(h *history) {
			h.send("P", "", MeasureAdded{"m1", ProvisionalWithdrawal, driving, Orders{Authority: "Police", ConfirmBy: timeOf(h.w.hour + 2)}}, h.w.hour)
		},
		func(h *history) {
			h.send("P", "", MeasureCorrected{ID: "m1", Orders: Orders{Authority: "Court"}}, h.w.hour)
		},
		func(h *history) {
			p := ban
			p.Orders.Until, p.Orders.Categories = timeOf(3), []string{"C"}
			h.send("P", "", p, 1)
		},
		func(h *history) { h.send("P", "", MeasureLifted{ID: "m1"}, h.w.hour) },
		func(h *history) { h.send("P", "", MeasureLifted{ID: "m2"}, h.w.hour+1) },
		func(h *history) { h.send("P", "", AppealUpheld{Measure: "m2"}, 0) },
		func(h *history) { h.send("P", "", EntitlementPut{"driving", "UT", rights("B")}, h.w.hour) },
		func(h *history) { h.send("P", "", DocumentAnnulled{Number: "D"}, 2) },
		func(h *history) { h.send("P", "", put("D"), h.w.hour) },
		func(h *history) { h.send("P", "", WalletLost{Wallet: "w1"}, h.w.hour) },
	}
	start := newHistory(t, DefaultTable())
	start.send("P", "", PersonPut{attributes("X")}, 0)
	start.send("P", "", EntitlementPut{"driving", "UT", rights("B", "C")}, 0)
	start.send("P", "", put("D"), 0)
	sequences := 0
	var walk func(h *history, steps []func(h *history), depth int)
	walk = func(h *history, steps []func(h *history), depth int) {
		if depth == 0 {
			sequences++
			return
		}
		for _, step := range steps {
			next := h.clone()
			step(next)
			walk(next, steps, depth-1)
		}
	}
	walk(start, steps, 4)
	walk(start, steps[:8], 5)
	t.Logf("%d sequences", sequences)
}

// Random histories of four persons under random tables.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t, drawTable(t))
		h.whole, h.horizon = true, 12
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			h.draw(t)
		}
		h.wake()
	})
}

// drawTable changes cells of the default as far as they may be changed.
func drawTable(t *rapid.T) Table {
	table := DefaultTable()
	for range rapid.IntRange(0, 12).Draw(t, "cells") {
		docType := rapid.SampledFrom([]string{"*", "mdl", "pid"}).Draw(t, "type")
		fact := rapid.SampledFrom(Facts()).Draw(t, "fact")
		rule := Rule{rapid.SampledFrom(effects).Draw(t, "effect"), rapid.Bool().Draw(t, "urgent"), rapid.Bool().Draw(t, "notice")}
		if rule.check(fact) == nil {
			table[docType][fact] = rule
		}
	}
	// A copy may say what its holder may not only where the table leaves it so.
	for _, fact := range Facts() {
		if table.Rule("mdl", fact).Effect == EffectNone && fact != FactDocumentCarrierLost {
			table["mdl"][FactEntitlementChanged] = Rule{Effect: EffectNone}
		}
	}
	return table
}

func (h *history) draw(t *rapid.T) {
	person := rapid.SampledFrom([]string{"P", "P", "P", "Q", "R", "S"}).Draw(t, "person")
	toe := h.w.hour - rapid.SampledFrom([]int{0, 0, 0, 2, -1, -3}).Draw(t, "toe")
	id := rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "measure")
	named := id
	if rapid.IntRange(0, 3).Draw(t, "long name") == 0 { // as after records were merged
		named = rapid.SampledFrom([]string{person, "P", "Q"}).Draw(t, "before the name") + ":" + id
	}
	number := rapid.SampledFrom([]string{"D", "I", "D2"}).Draw(t, "document")
	if d := h.w.papers[number]; d != nil {
		person = d.owner // the store refuses another's document
	}
	switch rapid.IntRange(0, 19).Draw(t, "event") {
	case 0, 1, 2, 3:
		h.pass(rapid.Bool().Draw(t, "awake"))
	case 4:
		h.send(person, "", PersonPut{attributes(rapid.SampledFrom([]string{"X", "Y"}).Draw(t, "name"))}, toe)
	case 5:
		categories := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"A", "B", "C"}), rapid.ID).Draw(t, "categories")
		h.send(person, "", EntitlementPut{drawRight(t).Kind, drawRight(t).Territory, rights(categories...)}, toe)
	case 6, 7:
		p := put(number)
		if p.ExpiryDate = rapid.SampledFrom([]string{"", "2033-03-03"}).Draw(t, "expiry"); number == "I" {
			p.Type = "pid"
		}
		h.send(person, "", p, toe)
	case 8, 9, 10:
		kind := rapid.SampledFrom(MeasureKinds()).Draw(t, "kind")
		h.send(person, "", MeasureAdded{id, kind, drawRight(t), h.drawOrders(t, kind)}, toe)
	case 11, 12:
		p := MeasureCorrected{ID: named, Orders: h.drawOrders(t, rapid.SampledFrom([]MeasureKind{Restriction, CourtBan}).Draw(t, "kind"))}
		if rapid.Bool().Draw(t, "moves") {
			p.From = timeOf(toe)
		}
		h.send(person, "", p, h.w.hour)
	case 13:
		h.send(person, "", MeasureLifted{ID: named, Reason: "r"}, toe)
	case 14:
		h.send(person, "", AppealUpheld{Measure: named}, toe)
	case 15:
		h.send(person, "", rapid.SampledFrom([]Payload{DocumentAnnulled{Number: number}, DocumentSurrendered{Number: number}, DocumentCarrierLost{Number: number}}).Draw(t, "end"), toe)
	case 16:
		h.send(person, "", WalletLost{Wallet: rapid.SampledFrom([]string{"", "w0", "w1"}).Draw(t, "wallet")}, toe)
	case 17:
		if rapid.IntRange(0, 3).Draw(t, "dies") == 0 {
			h.send(person, "", PersonDied{}, toe)
		}
	case 18:
		into := rapid.SampledFrom([]string{"P", "Q", "R", "S"}).Draw(t, "into")
		if into != person {
			h.send(person, into, PersonMerged{Into: into}, toe)
		}
	case 19:
		h.drawSplit(t, person, toe)
	}
}

func (h *history) drawSplit(t *rapid.T, person string, toe int) {
	p := PersonSplit{New: rapid.SampledFrom([]string{"Q", "R", "S"}).Draw(t, "new"), Attributes: attributes("N")}
	s := h.subject(person)
	if p.New == person {
		return
	}
	for _, d := range s.Documents {
		if rapid.Bool().Draw(t, "moves") {
			p.Documents = append(p.Documents, d.Number)
		}
	}
	for _, e := range s.Entitlements {
		if rapid.Bool().Draw(t, "moves") {
			p.Entitlements = append(p.Entitlements, e.Right())
		}
	}
	for _, m := range s.Measures {
		if rapid.Bool().Draw(t, "moves") {
			p.Measures = append(p.Measures, m.ID)
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "wrong") == 0 {
		p.Measures = append(p.Measures, "m9")
	}
	h.send(person, p.New, p, toe)
}

func drawRight(t *rapid.T) Right {
	return rapid.SampledFrom([]Right{driving, driving, {KindDriving, "DE"}, {"pid", "UT"}}).Draw(t, "right")
}

func (h *history) drawOrders(t *rapid.T, kind MeasureKind) Orders {
	o := Orders{Authority: rapid.SampledFrom([]string{"Court", "Police"}).Draw(t, "authority")}
	if n := rapid.IntRange(-1, 6).Draw(t, "until"); n > 0 {
		o.Until = timeOf(h.w.hour + n)
	}
	if n := rapid.IntRange(-4, 4).Draw(t, "confirm"); n > 0 {
		o.ConfirmBy = timeOf(h.w.hour + n)
	}
	if rapid.Bool().Draw(t, "some") {
		o.Categories = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C"}), 1, 2, rapid.ID).Draw(t, "categories")
	}
	if kind == Restriction {
		o.Codes = []Code{{Code: rapid.SampledFrom([]string{"01", "78"}).Draw(t, "code")}}
	}
	return o
}
