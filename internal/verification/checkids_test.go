package verification

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// table is the table of check ids that a verifier has to make, each with what it
// is worth by default. Those of online transactions (vp.*) are not made here.
var table = map[string]string{
	"cbor.strict":    "reject",
	"cbor.canonical": "warn",
	"resp.status":    "reject",
	"doc.requested":  "reject that document",
	"ia.header":      "reject",
	"ia.path":        "reject (untrusted issuer is its own sub-code)",
	"ia.eku":         "reject (policy switch)",
	"ia.country":     "reject",
	"ia.sig":         "reject",
	"mso.format":     "reject",
	"mso.doctype":    "reject",
	"mso.digest":     "reject",
	"mso.dup":        "reject",
	"mso.validity":   "reject (EXPIRED / NOT_YET)",
	"mso.signed":     "reject",
	"mso.outlives":   "warn",
	"mso.tdate":      "warn / reject untagged",
	"mso.status":     "reject / undetermined",
	"ds.revocation":  "reject / undetermined",
	"da.keyauth":     "reject",
	"da.sig":         "reject",
	"da.mac":         "reject",
	"mdl.country":    "reject",
	"req.satisfied":  "per element policy",
}

// ours are the ids beside the table, with what they are for.
var ours = map[string]string{
	"ds.age": "how old the list is that ds.revocation rests on", "ia.anchors": "how old the anchors are that ia.path rests on",
	"mdl.elements": "rules of the data model", "mdl.portrait": "the picture", "mdl.expiry": "end of the document itself",
	"mdl.driving": "the question of the right to drive", "age.over": "the question of the age", "id.portrait": "the question of identity",
	"sd.parse": "SD-JWT", "sd.sig": "SD-JWT", "sd.path": "SD-JWT", "sd.typ": "SD-JWT", "sd.disclosure": "SD-JWT", "sd.digest": "SD-JWT",
	"sd.validity": "SD-JWT", "sd.vct": "SD-JWT", "sd.status": "SD-JWT", "sd.kb": "SD-JWT", "sd.sdhash": "SD-JWT", "sd.nonce": "SD-JWT",
	"sd.aud": "SD-JWT", "sd.iat": "SD-JWT",
	"st.inflate": "status lists", "st.sig": "status lists", "st.path": "status lists", "st.sub": "status lists", "st.exp": "status lists",
	"st.ttl": "status lists", "st.index": "status lists",
}

// CheckIDs is the table and ours: no id more, none less, each with its clause and
// one of the four axes.
func TestCheckIDs(t *testing.T) {
	got := CheckIDs()
	want := slices.Sorted(maps.Keys(table))
	for id := range ours {
		if _, both := table[id]; both {
			t.Errorf("%s stands in both lists", id)
		}
		want = append(want, id)
	}
	slices.Sort(want)
	if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, want) {
		t.Errorf("ids %v\nwant %v", have, want)
	}
	for id, axis := range got {
		if !slices.Contains([]Axis{Authenticity, Status, Freshness, Entitlement}, axis) || !strings.Contains(rules[id].clause, ",") {
			t.Errorf("%s: axis %q, clause %q", id, axis, rules[id].clause)
		}
	}
}

// Every id of the table is made for a presentation that shows everything, but for
// those of the other way of proving the holder; and what the table warns of does
// not fail.
func TestEveryCheckIsMade(t *testing.T) {
	made := map[string]Result{}
	for _, mac := range []bool{false, true} {
		f := newForgery(t)
		f.mac = mac
		r := f.report()
		for _, c := range append(r.Checks, r.Documents[0].Checks...) {
			if old, ok := made[c.ID]; !ok || old == NotDone {
				made[c.ID] = c.Result
			}
		}
	}
	for id := range table {
		result, ok := made[id]
		if !ok || result != Pass && id != "mdl.country" { // which was not asked for
			t.Errorf("%s: %q", id, result)
		}
	}
}
