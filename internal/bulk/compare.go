package bulk

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"time"

	"vidimus/internal/document"
)

// comparison holds one subject of a dump against that of the office, as far as
// the source has a say.
type comparison struct {
	may  Rights
	at   time.Time // of the dump
	left []string  // attributes that were not read
	out  []Finding
	who  string
}

func (c *comparison) add(f Finding) {
	f.Person = c.who
	c.out = append(c.out, f)
}

// compare gives what differs between said, from the dump, and kept.
func (c *comparison) compare(said, kept document.Subject) []Finding {
	c.who = said.Number
	if kept.MergedInto != "" {
		c.add(Finding{Kind: MergedPerson})
		return c.out
	}
	if said.Person != nil && c.may(document.PersonPut{}) {
		c.person(said.Person, kept.Person)
	}
	c.entitlements(said, kept)
	c.documents(said, kept)
	c.measures(said, kept)
	return c.out
}

func (c *comparison) person(said, kept *document.Person) {
	if kept == nil {
		kept = &document.Person{}
	}
	members := c.attributes(said.Attributes, kept.Attributes)
	if said.Deceased != kept.Deceased {
		members = append(members, "died")
	}
	if len(members) > 0 {
		c.add(Finding{Kind: PersonDiffers, Members: members})
	}
}

// attributes names those that differ, in order.
func (c *comparison) attributes(said, kept document.Attributes) []string {
	var members []string
	names := slices.Collect(maps.Keys(said))
	for name := range kept {
		if _, both := said[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(c.left, name) && !sameValue(said[name], kept[name]) {
			members = append(members, "attributes."+name)
		}
	}
	return members
}

func sameValue(a, b any) bool {
	x, ok := a.([]byte)
	y, ok2 := b.([]byte)
	if ok && ok2 {
		return bytes.Equal(x, y)
	}
	return reflect.DeepEqual(a, b)
}

// entitlements without privileges have ended: it is the same whether they are
// named.
func (c *comparison) entitlements(said, kept document.Subject) {
	for _, e := range said.Entitlements {
		other := kept.Entitlement(e.Kind, e.Territory)
		if other == nil || len(other.Privileges) == 0 {
			if len(e.Privileges) > 0 {
				c.add(Finding{Kind: MissingEntitlement, Right: e.Kind + "/" + e.Territory})
			}
			continue
		}
		if members := differentPrivileges(e.Privileges, other.Privileges); len(members) > 0 {
			c.add(Finding{Kind: EntitlementDiffers, Right: e.Kind + "/" + e.Territory, Members: members})
		}
	}
	for _, e := range kept.Entitlements {
		if len(e.Privileges) > 0 && said.Entitlement(e.Kind, e.Territory) == nil &&
			c.may(document.EntitlementPut{Kind: e.Kind, Territory: e.Territory}) {
			c.add(Finding{Kind: UnknownEntitlement, Right: e.Kind + "/" + e.Territory})
		}
	}
}

// differentPrivileges names the categories that differ.
func differentPrivileges(said, kept []document.Privilege) []string {
	var members []string
	find := func(list []document.Privilege, category string) int {
		return slices.IndexFunc(list, func(p document.Privilege) bool { return p.Category == category })
	}
	for _, p := range said {
		i := find(kept, p.Category)
		if i < 0 || p.IssueDate != kept[i].IssueDate || p.ExpiryDate != kept[i].ExpiryDate || !slices.Equal(p.Codes, kept[i].Codes) {
			members = append(members, "privileges."+p.Category)
		}
	}
	for _, p := range kept {
		if find(said, p.Category) < 0 {
			members = append(members, "privileges."+p.Category)
		}
	}
	slices.Sort(members)
	return members
}

func (c *comparison) documents(said, kept document.Subject) {
	for i := range said.Documents {
		d := &said.Documents[i]
		other := kept.Document(d.Number)
		if other == nil {
			c.add(Finding{Kind: MissingDocument, Document: d.Number})
			continue
		}
		if members := c.document(d, other); len(members) > 0 {
			c.add(Finding{Kind: DocumentDiffers, Document: d.Number, Members: members})
		}
	}
	for _, d := range kept.Documents {
		// What has ended the source need not remember.
		if said.Document(d.Number) == nil && !d.Annulled && !d.Surrendered && !past(d.ExpiryDate, c.at) &&
			c.may(document.DocumentPut{Number: d.Number, Type: d.Type}) {
			c.add(Finding{Kind: UnknownDocument, Document: d.Number})
		}
	}
}

// past tells whether a date, YYYY-MM-DD or "", lies before the day of at.
func past(date string, at time.Time) bool {
	return date != "" && date < at.UTC().Format(time.DateOnly)
}

func (c *comparison) document(said, kept *document.Document) []string {
	var members []string
	for _, m := range []struct {
		name string
		same bool
	}{
		{"type", said.Type == kept.Type},
		{"issue_date", said.IssueDate == kept.IssueDate},
		{"expiry_date", said.ExpiryDate == kept.ExpiryDate},
		{"issuing_authority", said.IssuingAuthority == kept.IssuingAuthority},
		{"issuing_country", said.IssuingCountry == kept.IssuingCountry},
		{"issuing_jurisdiction", said.IssuingJurisdiction == kept.IssuingJurisdiction},
		{"un_distinguishing_sign", said.UNDistinguishingSign == kept.UNDistinguishingSign},
		{"annulled", said.Annulled == kept.Annulled},
		{"surrendered", said.Surrendered == kept.Surrendered},
	} {
		if !m.same {
			members = append(members, m.name)
		}
	}
	return append(members, c.attributes(said.Attributes, kept.Attributes)...)
}

// measures compares those that hold at the instant of the dump or will: what
// is over the source need not remember.
func (c *comparison) measures(said, kept document.Subject) {
	for _, m := range said.Measures {
		i := slices.IndexFunc(kept.Measures, func(o document.Measure) bool { return o.ID == m.ID })
		switch {
		case i < 0 && over(m, c.at):
		case i < 0:
			c.add(Finding{Kind: MissingMeasure, Measure: m.ID})
		default:
			if members := differentMeasure(m, kept.Measures[i], c.at); len(members) > 0 {
				c.add(Finding{Kind: MeasureDiffers, Measure: m.ID, Members: members})
			}
		}
	}
	for _, m := range kept.Measures {
		if !over(m, c.at) && !slices.ContainsFunc(said.Measures, func(o document.Measure) bool { return o.ID == m.ID }) &&
			c.may(document.MeasureAdded{ID: m.ID, Kind: m.Kind, Right: m.Right}) {
			c.add(Finding{Kind: UnknownMeasure, Measure: m.ID})
		}
	}
}

// over tells whether a measure holds neither at an instant nor later.
func over(m document.Measure, at time.Time) bool {
	_, until, ok := m.Latest().Span()
	return !ok || !until.IsZero() && !at.Before(until)
}

func differentMeasure(said, kept document.Measure, at time.Time) []string {
	a, b := said.Latest(), kept.Latest()
	var members []string
	for _, m := range []struct {
		name string
		same bool
	}{
		{"kind", said.Kind == kept.Kind},
		{"right", said.Right == kept.Right},
		{"from", a.From.Equal(b.From)},
		{"authority", a.Orders.Authority == b.Orders.Authority},
		{"legal_basis", a.Orders.LegalBasis == b.Orders.LegalBasis},
		{"until", a.Orders.Until.Equal(b.Orders.Until)},
		{"confirm_by", a.Orders.ConfirmBy.Equal(b.Orders.ConfirmBy)},
		{"categories", slices.Equal(a.Orders.Categories, b.Orders.Categories)},
		{"codes", slices.Equal(a.Orders.Codes, b.Orders.Codes)},
		{"lifted", over(said, at) == over(kept, at)},
	} {
		if !m.same {
			members = append(members, m.name)
		}
	}
	return members
}

// concerns tells whether a source would have named this subject in a dump.
func concerns(may Rights, s document.Subject, at time.Time) bool {
	if s.MergedInto != "" || s.Person != nil && s.Person.Deceased {
		return false
	}
	if s.Person != nil && may(document.PersonPut{}) {
		return true
	}
	for _, e := range s.Entitlements {
		if len(e.Privileges) > 0 && may(document.EntitlementPut{Kind: e.Kind, Territory: e.Territory}) {
			return true
		}
	}
	for _, d := range s.Documents {
		if !d.Annulled && !d.Surrendered && !past(d.ExpiryDate, at) && may(document.DocumentPut{Number: d.Number, Type: d.Type}) {
			return true
		}
	}
	for _, m := range s.Measures {
		if !over(m, at) && may(document.MeasureAdded{ID: m.ID, Kind: m.Kind, Right: m.Right}) {
			return true
		}
	}
	return false
}
