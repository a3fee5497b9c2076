package elements

import (
	"regexp"

	"vidimus/internal/cbor"
)

// Privilege is the right to drive vehicles of one category (ISO/IEC 18013-5,
// 7.2.4). Dates are YYYY-MM-DD or empty.
type Privilege struct {
	Category   string
	IssueDate  string
	ExpiryDate string
	Codes      []Code
}

// Code is a condition or a note on a privilege: a code of Directive 2006/126/EC,
// Annex I, or of ISO/IEC 18013-2, Annex A, with an optional sign and value.
type Code struct {
	Code  string
	Sign  string
	Value string
}

// Names of the members, used in both encodings.
const (
	memberCategory = "vehicle_category_code"
	memberIssue    = "issue_date"
	memberExpiry   = "expiry_date"
	memberCodes    = "codes"
	memberCode     = "code"
	memberSign     = "sign"
	memberValue    = "value"
)

// category is what is issued: AM, BE, C1E, and what states add to them.
var category = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,7}$`)

// EncodePrivileges gives the driving_privileges element in deterministic form.
func EncodePrivileges(list []Privilege) (cbor.RawMessage, error) {
	e, _ := MDL.ByIdentifier("driving_privileges")
	return e.Encode(list)
}

// DecodePrivileges reads the driving_privileges element as a verifier does:
// wrong types and dates refuse the whole element, since a category that cannot
// be read must not vanish from the list.
func DecodePrivileges(item cbor.RawMessage) ([]Privilege, error) {
	e, _ := MDL.ByIdentifier("driving_privileges")
	d, err := e.Decode(item)
	if err != nil {
		return nil, err
	}
	return d.Value.([]Privilege), nil
}

func (p Privilege) cbor() map[string]any {
	m := map[string]any{memberCategory: p.Category}
	if p.IssueDate != "" {
		m[memberIssue] = cbor.FullDate(p.IssueDate)
	}
	if p.ExpiryDate != "" {
		m[memberExpiry] = cbor.FullDate(p.ExpiryDate)
	}
	if len(p.Codes) > 0 {
		m[memberCodes] = p.codes()
	}
	return m
}

func (p Privilege) json() map[string]any {
	m := map[string]any{memberCategory: p.Category}
	if p.IssueDate != "" {
		m[memberIssue] = p.IssueDate
	}
	if p.ExpiryDate != "" {
		m[memberExpiry] = p.ExpiryDate
	}
	if len(p.Codes) > 0 {
		m[memberCodes] = p.codes()
	}
	return m
}

func (p Privilege) codes() []any {
	codes := make([]any, len(p.Codes))
	for i, c := range p.Codes {
		m := map[string]any{memberCode: c.Code}
		if c.Sign != "" {
			m[memberSign] = c.Sign
		}
		if c.Value != "" {
			m[memberValue] = c.Value
		}
		codes[i] = m
	}
	return codes
}

// checkPrivileges applies the rules of 7.2.4. The list may be empty: the holder
// has the document and may drive nothing.
func checkPrivileges(list []Privilege) ([]Privilege, *flaw) {
	if len(list) > MaxList {
		return nil, broken("too many driving privileges")
	}
	var later *flaw
	note := func(f *flaw) *flaw {
		if f != nil && f.soft {
			later = f
			return nil
		}
		return f
	}
	for _, p := range list {
		if f := note(short(p.Category)); f != nil {
			return nil, f
		}
		if !category.MatchString(p.Category) {
			note(soft("vehicle category of an unknown form"))
		}
		for _, date := range []string{p.IssueDate, p.ExpiryDate} {
			if date == "" {
				continue
			}
			if _, f := day(date); note(f) != nil {
				return nil, f
			}
		}
		if p.IssueDate != "" && p.ExpiryDate != "" && p.ExpiryDate < p.IssueDate {
			note(soft("driving privilege that expires before it is issued"))
		}
		if len(p.Codes) > MaxList {
			return nil, broken("too many codes of a driving privilege")
		}
		for _, c := range p.Codes {
			for i, s := range []string{c.Code, c.Sign, c.Value} {
				if s == "" && i > 0 {
					continue
				}
				if f := note(short(s)); f != nil {
					return nil, f
				}
			}
		}
	}
	return list, later
}

// short is a category or a part of a code.
func short(s string) *flaw {
	if len(s) > MaxCode {
		return broken("vehicle category or code too long")
	}
	_, f := text(s, false)
	return f
}

func readPrivileges(item cbor.RawMessage) ([]Privilege, *flaw) {
	items, err := cbor.ArrayItems(item)
	if err != nil {
		return nil, wrong("list of driving privileges expected")
	}
	if len(items) > MaxList {
		return nil, broken("too many driving privileges")
	}
	list := make([]Privilege, len(items))
	for i := range items {
		members, f := readMap(items[i])
		if f != nil {
			return nil, f
		}
		if list[i], f = readPrivilege(members); f != nil {
			return nil, f
		}
	}
	return list, nil
}

// readPrivilege reads one map. Unknown members are ignored (RFU).
func readPrivilege(members map[string]cbor.RawMessage) (p Privilege, f *flaw) {
	raw, ok := members[memberCategory]
	if !ok {
		return p, wrong("driving privilege without vehicle category")
	}
	if p.Category, f = readText(raw); f != nil {
		return p, f
	}
	for _, date := range []struct {
		member string
		to     *string
	}{{memberIssue, &p.IssueDate}, {memberExpiry, &p.ExpiryDate}} {
		raw, ok := members[date.member]
		if !ok {
			continue
		}
		value, _, f := readMoment(KindDate, raw)
		if f != nil {
			return p, f
		}
		*date.to = value.(string)
	}
	if raw, ok = members[memberCodes]; !ok {
		return p, nil
	}
	codes, err := cbor.ArrayItems(raw)
	if err != nil || len(codes) > MaxList {
		return p, wrong("list of codes expected")
	}
	for _, item := range codes {
		c, f := readCode(item)
		if f != nil {
			return p, f
		}
		p.Codes = append(p.Codes, c)
	}
	return p, nil
}

func readCode(item cbor.RawMessage) (c Code, f *flaw) {
	members, f := readMap(item)
	if f != nil {
		return c, f
	}
	if _, ok := members[memberCode]; !ok {
		return c, wrong("code of a driving privilege without code")
	}
	for member, to := range map[string]*string{memberCode: &c.Code, memberSign: &c.Sign, memberValue: &c.Value} {
		raw, ok := members[member]
		if !ok {
			continue
		}
		if *to, f = readText(raw); f != nil {
			return c, f
		}
	}
	return c, nil
}

// privilegesFromJSON reads the list that wireJSON writes.
func privilegesFromJSON(claim any) ([]Privilege, *flaw) {
	items, ok := claim.([]any)
	if !ok || len(items) > MaxList {
		return nil, wrong("list of driving privileges expected")
	}
	list := make([]Privilege, len(items))
	for i := range items {
		m, ok := items[i].(map[string]any)
		if !ok {
			return nil, wrong("driving privilege that is no object")
		}
		p := &list[i]
		if !members(m, map[string]*string{memberCategory: &p.Category, memberIssue: &p.IssueDate, memberExpiry: &p.ExpiryDate}) || p.Category == "" {
			return nil, wrong("driving privilege with a wrong member")
		}
		codes, ok := m[memberCodes].([]any)
		if m[memberCodes] != nil && !ok || len(codes) > MaxList {
			return nil, wrong("list of codes expected")
		}
		for _, item := range codes {
			m, ok := item.(map[string]any)
			c := Code{}
			if !ok || !members(m, map[string]*string{memberCode: &c.Code, memberSign: &c.Sign, memberValue: &c.Value}) || c.Code == "" {
				return nil, wrong("code with a wrong member")
			}
			p.Codes = append(p.Codes, c)
		}
	}
	return list, nil
}

// members reads optional text members; it answers false for another type.
func members(m map[string]any, to map[string]*string) bool {
	for name, at := range to {
		v, ok := m[name]
		if !ok {
			continue
		}
		if *at, ok = v.(string); !ok {
			return false
		}
	}
	return true
}
