package document

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"vidimus/internal/jose"
)

// binaryForm is the first octet of what AppendBinary writes: never that of JSON,
// which is a brace.
const binaryForm = 1

// AppendBinary appends the form in which stores keep a subject: short, and read
// at a twentieth of the cost of JSON. The same subject has the same octets.
// Instants come back in UTC, and lists without items as none.
func (s Subject) AppendBinary(to []byte) ([]byte, error) {
	c := coder{writing: true, out: append(to, binaryForm)}
	c.subject(&s)
	if c.bad {
		return nil, fmt.Errorf("%w: a subject holds what has no form", jose.ErrMalformed)
	}
	return c.out, nil
}

// AppendBinaryApart is AppendBinary with the attributes of the person as
// UnmarshalBinaryApart gave them.
func (s Subject) AppendBinaryApart(to []byte, attributes string) ([]byte, error) {
	c := coder{writing: true, out: append(to, binaryForm), apart: &attributes}
	c.subject(&s)
	if c.bad {
		return nil, fmt.Errorf("%w: a subject holds what has no form", jose.ErrMalformed)
	}
	return c.out, nil
}

// UnmarshalBinary reads what AppendBinary wrote. b may be written to afterwards.
func (s *Subject) UnmarshalBinary(b []byte) error { return s.read(b, nil) }

// UnmarshalBinaryApart reads a subject but for the attributes of the person,
// which it gives as they are written: most of a subject, that most events
// neither ask for nor change (ConcernsAttributes).
func (s *Subject) UnmarshalBinaryApart(b []byte) (attributes string, err error) {
	err = s.read(b, &attributes)
	return attributes, err
}

func (s *Subject) read(b []byte, apart *string) error {
	if len(b) == 0 || b[0] != binaryForm {
		return fmt.Errorf("%w: a subject in a form of another version", jose.ErrMalformed)
	}
	c := coder{in: string(b[1:]), apart: apart} // one copy, of which all texts are parts
	var read Subject
	c.subject(&read)
	if c.bad || c.in != "" {
		return fmt.Errorf("%w: a subject that does not read", jose.ErrMalformed)
	}
	*s = read
	return nil
}

// coder goes through a value and writes it, or reads it from in: one order for
// both. What is read after bad is nothing.
type coder struct {
	writing bool
	out     []byte
	in      string
	bad     bool
	apart   *string // the attributes of the person as they are written
}

func (c *coder) fail() { c.bad, c.in = true, "" }

func (c *coder) octet(b *byte) {
	switch {
	case c.writing:
		c.out = append(c.out, *b)
	case c.in == "":
		c.fail()
	default:
		*b, c.in = c.in[0], c.in[1:]
	}
}

func (c *coder) uint(n *uint64) {
	if c.writing {
		c.out = binary.AppendUvarint(c.out, *n)
		return
	}
	*n = 0
	for shift := 0; shift < 64; shift += 7 {
		var b byte
		c.octet(&b)
		*n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 || shift == 63 && b > 1 {
				c.fail() // another spelling, or too large
			}
			return
		}
	}
	c.fail()
}

// int writes small numbers of both signs short.
func (c *coder) int(n *int64) {
	u := uint64(*n<<1) ^ uint64(*n>>63)
	c.uint(&u)
	*n = int64(u>>1) ^ -int64(u&1)
}

func (c *coder) text(s *string) {
	n := uint64(len(*s))
	c.uint(&n)
	switch {
	case c.writing:
		c.out = append(c.out, *s...)
	case n > uint64(len(c.in)):
		c.fail()
	default:
		*s, c.in = c.in[:n], c.in[n:]
	}
}

func (c *coder) flag(v *bool) {
	var b byte
	if *v {
		b = 1
	}
	c.octet(&b)
	if b > 1 {
		c.fail()
	}
	*v = b == 1
}

// instant is 0 for none, else the seconds with their nanoseconds.
func (c *coder) instant(t *time.Time) {
	some := !t.IsZero()
	if c.flag(&some); !some {
		return
	}
	seconds, nanoseconds := t.Unix(), uint64(t.Nanosecond())
	c.int(&seconds)
	c.uint(&nanoseconds)
	if nanoseconds >= 1e9 {
		c.fail()
	}
	if !c.writing {
		*t = time.Unix(seconds, int64(nanoseconds)).UTC()
	}
}

// list goes through the items of a list.
func list[T any](c *coder, items *[]T, each func(*T)) {
	n := uint64(len(*items))
	c.uint(&n)
	if c.writing {
		for i := range *items {
			each(&(*items)[i])
		}
		return
	}
	if n > uint64(len(c.in)) { // each has an octet at least
		c.fail()
		return
	}
	*items = slices.Grow(*items, int(min(n, 8)))
	for range n {
		var item T
		if each(&item); c.bad {
			return
		}
		*items = append(*items, item)
	}
}

func (c *coder) texts(all *[]string) { list(c, all, c.text) }

func (c *coder) subject(s *Subject) {
	c.text(&s.Number)
	c.uint(&s.Version)
	some := s.Person != nil
	if c.flag(&some); some {
		if !c.writing {
			s.Person = new(Person)
		}
		c.person(s.Person)
	}
	list(c, &s.Entitlements, c.entitlement)
	list(c, &s.Documents, c.document)
	list(c, &s.Measures, c.measure)
	c.text(&s.MergedInto)
	c.instant(&s.Evaluated)
}

func (c *coder) person(p *Person) {
	if c.apart == nil {
		c.attributes(&p.Attributes)
	} else {
		c.attributesApart()
	}
	c.flag(&p.Deceased)
	c.instant(&p.DeceasedAt)
	c.instant(&p.DeceasedKnown)
	c.event(&p.DeceasedBy)
}

func (c *coder) event(e *EventID) {
	c.text(&e.Source)
	c.text(&e.JTI)
}

func (c *coder) entitlement(e *Entitlement) {
	c.text(&e.Kind)
	c.text(&e.Territory)
	list(c, &e.Privileges, func(p *Privilege) {
		c.text(&p.Category)
		c.text(&p.IssueDate)
		c.text(&p.ExpiryDate)
		list(c, &p.Codes, c.code)
	})
}

func (c *coder) code(v *Code) {
	c.text(&v.Code)
	c.text(&v.Sign)
	c.text(&v.Value)
}

func (c *coder) document(d *Document) {
	for _, s := range []*string{
		&d.Number, &d.Type, &d.IssueDate, &d.ExpiryDate, &d.IssuingAuthority, &d.IssuingCountry, &d.IssuingJurisdiction, &d.UNDistinguishingSign,
	} {
		c.text(s)
	}
	c.attributes(&d.Attributes)
	c.flag(&d.Annulled)
	c.instant(&d.AnnulledAt)
	c.text(&d.AnnulledReason)
	c.instant(&d.AnnulledKnown)
	c.event(&d.AnnulledBy)
	c.flag(&d.Surrendered)
	c.instant(&d.SurrenderedAt)
	c.text(&d.SurrenderedReason)
	c.instant(&d.SurrenderedKnown)
	c.event(&d.SurrenderedBy)
	c.instant(&d.CarrierLostAt)
	c.text(&d.CarrierLostReason)
}

func (c *coder) measure(m *Measure) {
	c.text(&m.ID)
	c.text((*string)(&m.Kind))
	c.text(&m.Right.Kind)
	c.text(&m.Right.Territory)
	list(c, &m.Revisions, func(r *Revision) {
		c.instant(&r.KnownAt)
		c.event(&r.Event)
		c.instant(&r.From)
		c.text(&r.Orders.Authority)
		c.text(&r.Orders.LegalBasis)
		c.instant(&r.Orders.Until)
		c.instant(&r.Orders.ConfirmBy)
		c.texts(&r.Orders.Categories)
		list(c, &r.Orders.Codes, c.code)
		c.instant(&r.Lifted)
		c.flag(&r.Void)
		c.text(&r.Reason)
	})
}

// attributes are written in one order; none and an empty set are the same.
func (c *coder) attributes(a *Attributes) {
	m := map[string]any(*a)
	c.object(&m, 0)
	if !c.writing && len(m) > 0 {
		*a = m
	}
}

func (c *coder) attributesApart() {
	switch {
	case !c.writing:
		begin := c.in
		c.skipObject(0)
		*c.apart = begin[:len(begin)-len(c.in)]
	case *c.apart == "": // there was no person
		none := uint64(0)
		c.uint(&none)
	default:
		c.out = append(c.out, *c.apart...)
	}
}

func (c *coder) skipObject(depth int) {
	c.skipList(func() {
		var name string
		c.text(&name)
		c.skipValue(depth)
	})
}

func (c *coder) skipList(each func()) {
	var n uint64
	for c.uint(&n); n > 0 && !c.bad; n-- {
		each()
	}
}

// skipValue goes over what value would read.
func (c *coder) skipValue(depth int) {
	var letter byte
	var text string
	var n int64
	if c.octet(&letter); depth > MaxDepth {
		c.fail()
		return
	}
	switch letter {
	case letterTrue, letterFalse:
	case letterText, letterOctets:
		c.text(&text)
	case letterNumber:
		c.int(&n)
	case letterTexts:
		c.skipList(func() { c.text(&text) })
	case letterList:
		c.skipList(func() { c.skipValue(depth + 1) })
	case letterObject:
		c.skipObject(depth + 1)
	default:
		c.fail()
	}
}

func (c *coder) object(m *map[string]any, depth int) {
	n := uint64(len(*m))
	c.uint(&n)
	if c.writing {
		var few [MaxAttributes]string
		for _, name := range inOrder(few[:0], *m) {
			v := (*m)[name]
			c.text(&name)
			c.value(&v, depth)
		}
		return
	}
	if n > uint64(len(c.in)) {
		c.fail()
		return
	}
	*m = make(map[string]any, n)
	for range n {
		var name string
		var v any
		c.text(&name)
		if c.value(&v, depth); c.bad {
			return
		}
		(*m)[name] = v
	}
	if uint64(len(*m)) != n {
		c.fail() // one name twice
	}
}

// knownNames are those of the standards, in the order in which they are written:
// to look them up costs less than to sort them.
var knownNames = slices.Sorted(maps.Keys(rules))

// inOrder appends the names of m: those of the standards, then the others, each
// in their order.
func inOrder(names []string, m map[string]any) []string {
	for _, name := range knownNames {
		if _, ok := m[name]; ok {
			names = append(names, name)
		}
	}
	known := len(names)
	if known == len(m) {
		return names
	}
	for name := range m {
		if _, ok := rules[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names[known:])
	return names
}

// The letters of the values that Attributes documents.
const (
	letterText = iota
	letterTrue
	letterFalse
	letterNumber
	letterOctets
	letterTexts
	letterList
	letterObject
)

func (c *coder) value(v *any, depth int) {
	if depth > MaxDepth {
		c.fail()
		return
	}
	if c.writing {
		c.writeValue(*v, depth)
		return
	}
	var letter byte
	c.octet(&letter)
	switch letter {
	case letterText:
		var s string
		c.text(&s)
		*v = s
	case letterTrue, letterFalse:
		*v = letter == letterTrue
	case letterNumber:
		var n int64
		c.int(&n)
		*v = n
	case letterOctets:
		var s string
		c.text(&s)
		*v = []byte(s)
	case letterTexts:
		s := []string{}
		c.texts(&s)
		*v = s
	case letterList:
		l := []any{}
		list(c, &l, func(item *any) { c.value(item, depth+1) })
		*v = l
	case letterObject:
		var m map[string]any
		c.object(&m, depth+1)
		*v = m
	default:
		c.fail()
	}
}

func (c *coder) writeValue(v any, depth int) {
	letter := func(b byte) { c.out = append(c.out, b) }
	switch v := v.(type) {
	case string:
		letter(letterText)
		c.text(&v)
	case bool:
		if v {
			letter(letterTrue)
		} else {
			letter(letterFalse)
		}
	case int64:
		letter(letterNumber)
		c.int(&v)
	case []byte:
		letter(letterOctets)
		n := uint64(len(v))
		c.uint(&n)
		c.out = append(c.out, v...)
	case []string:
		letter(letterTexts)
		c.texts(&v)
	case []any:
		letter(letterList)
		list(c, &v, func(item *any) { c.value(item, depth+1) })
	case map[string]any:
		letter(letterObject)
		c.object(&v, depth+1)
	default:
		c.bad = true
	}
}
