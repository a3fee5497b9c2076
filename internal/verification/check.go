package verification

import (
	"errors"
	"slices"
	"strings"

	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
)

// Axis is one of the four questions that a verdict answers apart.
type Axis string

// The axes of ARCHITECTURE.md.
const (
	Authenticity Axis = "authenticity"
	Status       Axis = "status"
	Freshness    Axis = "freshness"
	Entitlement  Axis = "entitlement"
)

// rule says what a check id stands for.
type rule struct {
	axis   Axis
	clause string
}

// rules is the closed list of check ids. An id that is not here is a mistake of
// ours; add counts it for authenticity, so that its failure shows.
var rules = map[string]rule{
	"cbor.strict":    {Authenticity, "RFC 8949, 5.6; ISO/IEC 18013-5, 8.1"},
	"cbor.canonical": {Authenticity, "RFC 8949, 4.2.1"},
	"resp.status":    {Authenticity, "ISO/IEC 18013-5, 8.3.2.1.2.3"},
	"doc.requested":  {Entitlement, "ISO/IEC 18013-5, 8.3.2.1.2.2"},
	"ia.header":      {Authenticity, "ISO/IEC 18013-5, 9.1.2.4"},
	"ia.path":        {Authenticity, "ISO/IEC 18013-5, 9.3.3"},
	"ia.eku":         {Authenticity, "ISO/IEC 18013-5, B.1.4"},
	"ia.country":     {Authenticity, "ISO/IEC 18013-5, 9.3.3"},
	"ia.anchors":     {Freshness, "ISO/IEC 18013-5, C.1.7"},
	"ia.sig":         {Authenticity, "ISO/IEC 18013-5, 9.3.1 step 2"},
	"mso.format":     {Authenticity, "ISO/IEC 18013-5, 9.1.2.4"},
	"mso.doctype":    {Authenticity, "ISO/IEC 18013-5, 9.3.1 step 4"},
	"mso.digest":     {Authenticity, "ISO/IEC 18013-5, 9.3.1 step 3"},
	"mso.dup":        {Authenticity, "ISO/IEC 18013-5, 9.1.2.5"},
	"mso.validity":   {Status, "ISO/IEC 18013-5, 9.3.1 step 5"},
	"mso.signed":     {Authenticity, "ISO/IEC 18013-5, 9.3.1 step 5"},
	"mso.outlives":   {Authenticity, "ISO/IEC 18013-5, 9.1.2.4"},
	"mso.tdate":      {Authenticity, "ISO/IEC 18013-5, 9.1.2.4"},
	"mso.status":     {Status, "ISO/IEC 18013-5 second edition, 12.3.6"},
	"ds.revocation":  {Status, "ISO/IEC 18013-5, 9.3.3 and B.1.3"},
	"ds.age":         {Freshness, "ISO/IEC 18013-5, B.1.3"},
	"da.keyauth":     {Authenticity, "ISO/IEC 18013-5, 9.1.2.4"},
	"da.sig":         {Authenticity, "ISO/IEC 18013-5, 9.1.3.6"},
	"da.mac":         {Authenticity, "ISO/IEC 18013-5, 9.1.3.5"},
	"mdl.country":    {Authenticity, "ISO/IEC 18013-5, 9.3.1 step 6"},
	"mdl.elements":   {Entitlement, "ISO/IEC 18013-5, 7.2; PID Rulebook, 3"},
	"mdl.portrait":   {Entitlement, "ISO/IEC 18013-5, 7.2.2"},
	"mdl.expiry":     {Status, "ISO/IEC 18013-5, 7.2"},
	"mdl.driving":    {Entitlement, "ISO/IEC 18013-5, 7.2.4"},
	"id.portrait":    {Entitlement, "ISO/IEC 18013-5, 7.2.2"},
	"age.over":       {Entitlement, "ISO/IEC 18013-5, 7.2.5"},
	"req.satisfied":  {Entitlement, "ISO/IEC 18013-5, 8.3.2.1.2.2"},

	"sd.parse":      {Authenticity, "RFC 9901, 4"},
	"sd.sig":        {Authenticity, "RFC 9901, 7.1 step 2"},
	"sd.path":       {Authenticity, "HAIP 1.0, 6.1.1"},
	"sd.typ":        {Authenticity, "SD-JWT VC draft -19, 2.2.1"},
	"sd.disclosure": {Authenticity, "RFC 9901, 7.1 step 3"},
	"sd.digest":     {Authenticity, "RFC 9901, 7.1 steps 4 and 5"},
	"sd.validity":   {Status, "RFC 9901, 7.1 step 6"},
	"sd.vct":        {Authenticity, "SD-JWT VC draft -19, 2.2.2.1"},
	"sd.status":     {Status, "SD-JWT VC draft -19, 2.2.2.2"},
	"sd.kb":         {Authenticity, "RFC 9901, 7.3 step 5"},
	"sd.sdhash":     {Authenticity, "RFC 9901, 4.3.1"},
	"sd.nonce":      {Authenticity, "RFC 9901, 7.3 step 5"},
	"sd.aud":        {Authenticity, "RFC 9901, 7.3 step 5"},
	"sd.iat":        {Authenticity, "RFC 9901, 7.3 step 5"},

	"st.inflate": {Status, "Token Status List, 4.1"},
	"st.sig":     {Status, "Token Status List, 8.3 step 4"},
	"st.path":    {Status, "ISO/IEC 18013-5 second edition, 12.3.6; HAIP 1.0, 6.1"},
	"st.sub":     {Status, "Token Status List, 8.3 step 4"},
	"st.exp":     {Status, "Token Status List, 8.3 step 4"},
	"st.ttl":     {Freshness, "Token Status List, 8.3 step 4"},
	"st.index":   {Status, "Token Status List, 8.3 step 6"},
}

// CheckIDs gives every check id with the axis and clause it belongs to.
func CheckIDs() map[string]Axis {
	ids := make(map[string]Axis, len(rules))
	for id, r := range rules {
		ids[id] = r.axis
	}
	return ids
}

// checks collects entries in the order in which they were made, each id once.
type checks struct{ list []Check }

// add makes an entry, or joins it with the one that has this id: the gravest
// result stands, with the details of that gravity.
func (c *checks) add(id string, result Result, detail string) {
	if e := c.find(id); e != nil {
		switch old, now := gravity(e.Result), gravity(result); {
		case now > old:
			e.Result, e.Detail = result, detail
		case now == old && detail != "" && detail != e.Detail:
			e.Detail = strings.TrimPrefix(e.Detail+"; "+detail, "; ")
		}
		return
	}
	r, ok := rules[id]
	if !ok {
		r = rule{Authenticity, "unknown check"}
	}
	c.list = append(c.list, Check{ID: id, Axis: r.axis, Clause: r.clause, Result: result, Detail: detail})
}

func (c *checks) find(id string) *Check {
	for i := range c.list {
		if c.list[i].ID == id {
			return &c.list[i]
		}
	}
	return nil
}

func gravity(r Result) int {
	switch r {
	case Pass:
		return 0
	case Warn:
		return 1
	case NotDone:
		return 2
	}
	return 3 // Fail, and whatever is no result at all
}

func (c *checks) pass(id, detail string)    { c.add(id, Pass, detail) }
func (c *checks) fail(id, detail string)    { c.add(id, Fail, detail) }
func (c *checks) warn(id, detail string)    { c.add(id, Warn, detail) }
func (c *checks) notDone(id, detail string) { c.add(id, NotDone, detail) }

// undone takes a result back: it proves nothing without what is missing.
func (c *checks) undone(id, detail string) {
	if e := c.find(id); e != nil {
		e.Result, e.Detail = NotDone, detail
	}
}

// complete enters the ids that were not reached, so that no check is silently
// left out: nothing is read of what is forged or of an unknown issuer.
func (c *checks) complete(ids []string) {
	for _, id := range ids {
		if c.find(id) == nil {
			c.notDone(id, "not looked at: nobody vouches for the document")
		}
	}
}

// has reports whether a check with one of the ids has the result.
func (c *checks) has(result Result, ids ...string) bool {
	for _, id := range ids {
		if e := c.find(id); e != nil && e.Result == result {
			return true
		}
	}
	return false
}

// holds reports whether every check was made and does not fail.
func (c *checks) holds(ids ...string) bool {
	for _, id := range ids {
		if e := c.find(id); e == nil || e.Result != Pass && e.Result != Warn {
			return false
		}
	}
	return true
}

// failed reports whether any check failed.
func (c *checks) failed() bool {
	return slices.ContainsFunc(c.list, func(e Check) bool { return e.Result == Fail })
}

// forged reports whether a check of authenticity failed. The ids excused are
// left out: their reason is told elsewhere.
func (c *checks) forged(excused ...string) bool {
	return slices.ContainsFunc(c.list, func(e Check) bool {
		return e.Axis == Authenticity && e.Result == Fail && !slices.Contains(excused, e.ID)
	})
}

// detailOf is the text of a refusal without the id that stands beside it.
func detailOf(err error) string {
	var list *statuslist.Error
	var token *sdjwt.Error
	switch {
	case errors.As(err, &list):
		return list.Err.Error()
	case errors.As(err, &token):
		return token.Err.Error()
	}
	return err.Error()
}
