package document

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// The model is the rules in the words of doc.go, written without the code that
// it judges: hours are numbers, every measure keeps the list of what was said
// of it, and what an event or an hour does to copies is found by comparing
// what holds for each document before with what holds after.

const never = 1 << 30

type world struct {
	hour   int
	table  Table
	folk   map[string]*folk
	papers map[string]*paper
	claims []*claim
	hits   []hit
	// due are the hits of hours that went by, by person, not yet asked for.
	due map[string][]hit
}

type folk struct {
	number, into string
	version      int
	known        bool // somebody put or buried this person
	name         string
	died         int
	diedBy       string
	rights       map[Right]string
}

type paper struct {
	number, kind, owner, content   string
	annulled, surrendered          int
	annulledBy, surrenderedBy      string
	annulledKnown, surrenderedKnow int
	lost                           string
}

type claim struct {
	id, owner string
	kind      MeasureKind
	right     Right
	says      []saying
}

type saying struct {
	heard, from, until, confirm, lifted int
	void                                bool
	scope, rest, by                     string
}

// hit is one revocation as the words ask for it.
type hit struct{ paper, wallet, fact, cause string }

func newWorld(t Table) *world {
	return &world{table: t, folk: map[string]*folk{}, papers: map[string]*paper{}, due: map[string][]hit{}}
}

func (w *world) clone() *world {
	c := &world{hour: w.hour, table: w.table, folk: make(map[string]*folk, len(w.folk)), papers: make(map[string]*paper, len(w.papers))}
	for k, f := range w.folk {
		copied := *f
		copied.rights = maps.Clone(f.rights)
		c.folk[k] = &copied
	}
	for k, p := range w.papers {
		copied := *p
		c.papers[k] = &copied
	}
	c.due = map[string][]hit{}
	for k, list := range w.due {
		c.due[k] = slices.Clone(list)
	}
	for _, m := range w.claims {
		copied := *m
		copied.says = slices.Clone(m.says)
		c.claims = append(c.claims, &copied)
	}
	return c
}

func (w *world) person(number string) *folk {
	if w.folk[number] == nil {
		w.folk[number] = &folk{number: number, died: never, rights: map[Right]string{}}
	}
	return w.folk[number]
}

// last is what was said last of a claim, as heard up to an hour.
func (c *claim) last(heard int) (saying, bool) {
	found := false
	var last saying
	for _, s := range c.says {
		if s.heard <= heard {
			last, found = s, true
		}
	}
	return last, found
}

func (s saying) holds(hour int) bool {
	return !s.void && hour >= s.from && hour < s.until && hour < s.confirm && hour < s.lifted
}

// shows is the kind of paper that shows a right.
func shows(kind string) string {
	if kind == "driving" {
		return "mdl"
	}
	return kind
}

// holding is what holds at an hour: measures by claim, with their scope.
func (w *world) holding(person string, hour int) map[*claim]string {
	h := map[*claim]string{}
	for _, c := range w.claims {
		if s, ok := c.last(never); ok && c.owner == person && s.holds(hour) {
			h[c] = s.scope
		}
	}
	return h
}

// scene is what concerns one paper at one instant.
type scene struct {
	owner, content, name    string
	measures                map[*claim]string
	rights                  string
	dead, annulled, handed  bool
	diedBy, annulBy, handBy string
}

func (w *world) scenes() map[string]scene {
	all := map[string]scene{}
	for number, p := range w.papers {
		f := w.folk[p.owner]
		pic := scene{owner: p.owner, content: p.content, name: f.name, measures: map[*claim]string{},
			dead: w.hour >= f.died, annulled: w.hour >= p.annulled, handed: w.hour >= p.surrendered,
			diedBy: f.diedBy, annulBy: p.annulledBy, handBy: p.surrenderedBy}
		for c, scope := range w.holding(p.owner, w.hour) {
			if shows(c.right.Kind) == p.kind {
				pic.measures[c] = scope
			}
		}
		var rights []string
		for r, content := range f.rights {
			if shows(r.Kind) == p.kind {
				rights = append(rights, fmt.Sprint(r, content))
			}
		}
		sort.Strings(rights)
		pic.rights = strings.Join(rights, "|")
		all[number] = pic
	}
	return all
}

// compare adds the hits between two scenes of each paper. by is the event,
// "" when time went by; moved the fact for papers that have another holder.
func (w *world) compare(before, after map[string]scene, by string, moved Fact) {
	add := func(number string, fact Fact, cause string) {
		if by != "" {
			cause = by
		}
		w.hit(hit{paper: number, fact: string(fact), cause: cause})
	}
	for number, now := range after {
		was, existed := before[number]
		if !existed {
			continue
		}
		for c, scope := range now.measures {
			if old, held := was.measures[c]; !held || old != scope {
				add(number, Fact(c.kind), c.says[len(c.says)-1].by)
			}
		}
		if now.dead && !was.dead {
			add(number, FactPersonDied, now.diedBy)
		}
		if now.annulled && !was.annulled {
			add(number, FactDocumentAnnulled, now.annulBy)
		}
		if now.handed && !was.handed {
			add(number, FactDocumentSurrendered, now.handBy)
		}
		if now.owner != was.owner {
			add(number, moved, "")
			continue
		}
		for c := range was.measures {
			if _, holds := now.measures[c]; !holds {
				add(number, FactMeasureEnded, c.says[len(c.says)-1].by)
			}
		}
		if now.name != was.name && was.name != "" {
			add(number, FactPersonChanged, "")
		}
		if now.rights != was.rights {
			add(number, FactEntitlementChanged, "")
		}
		if now.content != was.content {
			add(number, FactDocumentChanged, "")
		}
	}
}

func (w *world) hit(h hit) {
	kind := "*"
	if p := w.papers[h.paper]; p != nil {
		kind = p.kind
	}
	if w.table.Rule(kind, Fact(h.fact)).Effect != EffectNone && !slices.Contains(w.hits, h) {
		w.hits = append(w.hits, h)
	}
}

// tick lets one hour pass.
func (w *world) tick() {
	before, marks := w.scenes(), w.marks()
	w.hour++
	w.hits = nil
	w.compare(before, w.scenes(), "", "")
	for _, h := range w.hits {
		owner := w.papers[h.paper].owner
		w.due[owner] = append(w.due[owner], h)
	}
	for number, mark := range w.marks() {
		if mark != marks[number] {
			w.folk[number].version++
		}
	}
}

// marks is what holds for each person, papers or not.
func (w *world) marks() map[string]string {
	all := map[string]string{}
	for number, f := range w.folk {
		var list []string
		for c := range w.holding(number, w.hour) {
			list = append(list, c.id)
		}
		for _, p := range w.papers {
			if p.owner == number {
				list = append(list, fmt.Sprint(p.number, w.hour >= p.annulled, w.hour >= p.surrendered))
			}
		}
		sort.Strings(list)
		all[number] = fmt.Sprint(list, w.hour >= f.died)
	}
	return all
}

// turns is the next hour at which something begins or ends for a person, never
// when that is not within the horizon.
func (w *world) turns(person string, horizon int) int {
	hour, start := w.hour, w.marks()[person]
	defer func() { w.hour = hour }()
	for range horizon {
		if w.hour++; w.marks()[person] != start {
			return w.hour
		}
	}
	return never
}

// drives is what a person may drive at an hour: territory, category, codes.
func (w *world) drives(person string, hour int) []string {
	var list []string
	f := w.folk[person]
	if f == nil {
		return nil
	}
	for right, categories := range f.rights {
		if right.Kind != "driving" {
			continue
		}
		for category := range strings.FieldsSeq(categories) {
			codes, allowed := map[string]bool{}, true
			for c, scope := range w.holding(person, hour) {
				about, conditions, _ := strings.Cut(scope, "/")
				if c.right != right || about != "" && !slices.Contains(strings.Fields(about), category) {
					continue
				}
				if c.kind != "restriction" {
					allowed = false
				}
				for code := range strings.FieldsSeq(conditions) {
					codes[code] = true
				}
			}
			if allowed {
				list = append(list, fmt.Sprint(category, slices.Sorted(maps.Keys(codes))))
			}
		}
	}
	sort.Strings(list)
	return list
}

// blocked tells whether there are no new copies of a paper.
func (w *world) blocked(p *paper) bool {
	f := w.folk[p.owner]
	if !f.known || w.hour >= f.died || w.hour >= p.annulled || w.hour >= p.surrendered {
		return true
	}
	for c := range w.holding(p.owner, w.hour) {
		if shows(c.right.Kind) == p.kind && w.table.Rule(p.kind, Fact(c.kind)).Effect == EffectRevokeAndBlock {
			return true
		}
	}
	return false
}
