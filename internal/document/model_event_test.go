package document

import (
	"fmt"
	"strings"
	"time"
)

// Hours of the model as instants, and back.
func hourOf(t time.Time) int {
	if t.IsZero() {
		return never
	}
	return int(t.Sub(noon) / time.Hour)
}

func timeOf(hour int) time.Time { return noon.Add(time.Duration(hour) * time.Hour) }

func scopeOf(o Orders) string {
	var codes []string
	for _, c := range o.Codes {
		codes = append(codes, c.Code)
	}
	return strings.Join(o.Categories, " ") + "/" + strings.Join(codes, " ")
}

// hear lets the model take an event. It answers with a refusal, or tells
// whether the event said something new.
func (w *world) hear(person, other string, ev Event) (refusal string, news bool) {
	f := w.person(person)
	var o *folk
	if other != "" {
		o = w.person(other)
	}
	if f.into != "" || o != nil && o.into != "" {
		return "conflict", false
	}
	before := w.scenes()
	moved := FactPersonMerged
	if ev.Payload.Name() == NamePersonSplit {
		moved = FactPersonSplit
	}
	refusal, news = w.take(f, o, ev)
	if refusal != "" || !news {
		return refusal, false
	}
	w.compare(before, w.scenes(), ev.ID.JTI, moved)
	f.version++
	if o != nil {
		o.version++
	}
	return "", true
}

func (w *world) take(f, o *folk, ev Event) (refusal string, news bool) {
	toe, by := hourOf(ev.Effective), ev.ID.JTI
	if toe > w.hour {
		switch ev.Payload.Name() {
		case NameMeasureAdded, NameMeasureLifted, NameDocumentAnnulled, NameDocumentSurrendered:
		default:
			return "conflict", false
		}
	}
	switch p := ev.Payload.(type) {
	case PersonPut:
		name := p.Attributes.Text("family_name")
		news = f.name != name
		f.known, f.name = true, name
	case PersonDied:
		if f.version == 0 {
			return "not_found", false
		}
		if toe >= f.died {
			w.repeat(f.number, "", FactPersonDied, w.hour >= f.died, by)
			return "", false
		}
		w.repeat(f.number, "", FactPersonDied, w.hour >= f.died, by)
		f.known, f.died, f.diedBy, news = true, toe, by, true
	case EntitlementPut:
		var categories []string
		for _, c := range p.Privileges {
			categories = append(categories, c.Category)
		}
		right, content := Right{p.Kind, p.Territory}, strings.Join(categories, " ")
		old, had := f.rights[right]
		f.rights[right] = content
		news = !had || old != content
	case DocumentPut:
		content := p.ExpiryDate
		known := w.papers[p.Number]
		switch {
		case known == nil:
			w.papers[p.Number] = &paper{number: p.Number, kind: p.Type, owner: f.number, content: content, annulled: never, surrendered: never}
			news = true
		case w.hour >= known.annulled || w.hour >= known.surrendered || known.kind != p.Type:
			return "conflict", false
		default:
			news, known.content = known.content != content, content
		}
	case DocumentAnnulled:
		d := w.papers[p.Number]
		if d == nil || d.owner != f.number {
			return "not_found", false
		}
		if toe >= d.annulled {
			w.repeat("", p.Number, FactDocumentAnnulled, w.hour >= d.annulled, by)
			return "", false
		}
		w.repeat("", p.Number, FactDocumentAnnulled, w.hour >= d.annulled, by)
		d.annulled, d.annulledBy, d.annulledKnown, news = toe, by, w.hour, true
	case DocumentSurrendered:
		d := w.papers[p.Number]
		if d == nil || d.owner != f.number {
			return "not_found", false
		}
		if toe >= d.surrendered {
			w.repeat("", p.Number, FactDocumentSurrendered, w.hour >= d.surrendered, by)
			return "", false
		}
		w.repeat("", p.Number, FactDocumentSurrendered, w.hour >= d.surrendered, by)
		d.surrendered, d.surrenderedBy, d.surrenderedKnow, news = toe, by, w.hour, true
	case DocumentCarrierLost:
		d := w.papers[p.Number]
		if d == nil || d.owner != f.number {
			return "not_found", false
		}
		lost := fmt.Sprint(toe, p.Reason)
		news = d.lost != lost
		if d.lost = lost; news {
			w.repeat("", p.Number, FactDocumentCarrierLost, true, by)
		}
	case WalletLost:
		if f.version == 0 {
			return "not_found", false
		}
		for number, d := range w.papers {
			if d.owner == f.number {
				w.hit(hit{paper: number, wallet: p.Wallet, fact: string(FactWalletLost), cause: by})
			}
		}
		news = true
	case PersonMerged:
		return w.merge(f, o)
	case PersonSplit:
		return w.split(f, o, p)
	default:
		return w.takeMeasure(f, ev)
	}
	return "", news
}

func (w *world) takeMeasure(f *folk, ev Event) (refusal string, news bool) {
	toe := hourOf(ev.Effective)
	find := func(id string) *claim {
		for _, c := range w.claims {
			if c.owner == f.number && c.id == id {
				return c
			}
		}
		return nil
	}
	// named: all events are of one source, so of two that had the same id neither is meant.
	named := func(id string) (c *claim, refusal string) {
		if c = find(id); c == nil {
			if c = find(strings.TrimPrefix(id, f.number+":")); c == nil {
				return nil, "not_found"
			}
			return c, ""
		}
		for _, other := range w.claims {
			if other.owner == f.number && strings.HasSuffix(other.id, ":"+id) {
				return nil, "conflict"
			}
		}
		return c, ""
	}
	next := func(c *claim) saying {
		s := c.says[len(c.says)-1]
		s.heard, s.by = w.hour, ev.ID.JTI
		return s
	}
	ordered := func(s saying, o Orders) saying {
		s.until, s.confirm, s.scope, s.rest = hourOf(o.Until), hourOf(o.ConfirmBy), scopeOf(o), o.Authority+o.LegalBasis
		return s
	}
	switch p := ev.Payload.(type) {
	case MeasureAdded:
		s := ordered(saying{heard: w.hour, from: toe, lifted: never, by: ev.ID.JTI}, p.Orders)
		if s.until <= s.from || s.confirm <= s.from {
			return "conflict", false
		}
		if c := find(p.ID); c != nil {
			old := next(c)
			if old != s || c.kind != p.Kind || c.right != p.Right {
				return "conflict", false
			}
			return "", false
		}
		w.claims = append(w.claims, &claim{id: p.ID, owner: f.number, kind: p.Kind, right: p.Right, says: []saying{s}})
		return "", true
	case MeasureLifted:
		c, refusal := named(p.ID)
		if refusal != "" {
			return refusal, false
		}
		s := next(c)
		if s.void || s.lifted <= toe {
			return "", false
		}
		s.lifted = toe
		c.says = append(c.says, s)
		return "", true
	case MeasureCorrected:
		c, refusal := named(p.ID)
		if refusal != "" {
			return refusal, false
		}
		old := next(c)
		s := ordered(old, p.Orders)
		if !p.From.IsZero() {
			s.from = hourOf(p.From)
		}
		restricts := strings.Contains(s.scope, "/") && !strings.HasSuffix(s.scope, "/")
		if old.void {
			return "conflict", false
		}
		if s == old {
			return "", false
		}
		if s.until <= s.from || s.confirm <= s.from || restricts != (c.kind == "restriction") {
			return "conflict", false
		}
		c.says = append(c.says, s)
		return "", true
	case AppealUpheld:
		c, refusal := named(p.Measure)
		if refusal != "" {
			return refusal, false
		}
		s := next(c)
		if s.void {
			return "", false
		}
		s.void = true
		c.says = append(c.says, s)
		return "", true
	}
	panic("no such event")
}

// repeat names papers without anything being new.
func (w *world) repeat(person, number string, fact Fact, holds bool, by string) {
	for n, d := range w.papers {
		if holds && (n == number || number == "" && d.owner == person) {
			w.hit(hit{paper: n, fact: string(fact), cause: by})
		}
	}
}

func (w *world) merge(f, into *folk) (refusal string, news bool) {
	if f.version == 0 && into.version == 0 {
		return "not_found", false
	}
	into.known = into.known || f.known
	if into.name == "" {
		into.name = f.name
	}
	if f.died < into.died {
		into.died, into.diedBy = f.died, f.diedBy
	}
	for right, content := range f.rights {
		if _, has := into.rights[right]; !has {
			into.rights[right] = content
		}
	}
	for _, d := range w.papers {
		if d.owner == f.number {
			d.owner = into.number
		}
	}
	theirs := map[string]bool{}
	for _, c := range w.claims {
		theirs[c.id] = theirs[c.id] || c.owner == into.number
	}
	for _, c := range w.claims {
		if c.owner == f.number {
			for theirs[c.id] {
				c.id = f.number + ":" + c.id
			}
			c.owner = into.number
		}
	}
	*f = folk{number: f.number, version: f.version, into: into.number, died: never}
	return "", true
}

func (w *world) split(f, o *folk, p PersonSplit) (refusal string, news bool) {
	if f.version == 0 {
		return "not_found", false
	}
	if o.version != 0 {
		return "conflict", false
	}
	for _, number := range p.Documents {
		if d := w.papers[number]; d == nil || d.owner != f.number {
			return "not_found", false
		}
	}
	for _, right := range p.Entitlements {
		if _, has := f.rights[right]; !has {
			return "not_found", false
		}
	}
	var going []*claim
	for _, id := range p.Measures {
		found := false
		for _, c := range w.claims {
			if c.owner == f.number && c.id == id {
				going, found = append(going, c), true
			}
		}
		if !found {
			return "not_found", false
		}
	}
	for _, number := range p.Documents {
		w.papers[number].owner = o.number
	}
	for _, right := range p.Entitlements {
		o.rights[right] = f.rights[right]
		delete(f.rights, right)
	}
	for _, c := range going {
		c.owner = o.number
	}
	o.known, o.name = true, p.Attributes.Text("family_name")
	return "", true
}
