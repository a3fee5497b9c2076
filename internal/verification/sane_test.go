package verification

import (
	"encoding/json"
	"slices"
	"testing"

	"vidimus/internal/policy"
)

// everyDocument are the checks that no document lacks, passed or not.
var everyDocument = map[Format][]string{
	FormatDeviceResponse: slices.Concat(checksMdoc, neededMdoc, []string{"cbor.canonical", "doc.requested", "ia.path", "ia.eku", "ia.country", "mso.validity", "mso.outlives"}),
	FormatIssuerSigned:   slices.Concat(checksMdoc, neededIssued, []string{"cbor.canonical", "doc.requested", "ia.path", "ia.eku", "ia.country", "mso.validity", "mso.outlives", "da.sig"}),
	FormatSDJWT:          slices.Concat(checksSDJWT, neededSDJWT, []string{"sd.path", "doc.requested"}),
}

// sane makes sure of what holds for every report, whatever went in.
func sane(t testing.TB, r *Report) {
	t.Helper()
	lists := [][]Check{r.Checks}
	for _, d := range r.Documents {
		lists = append(lists, d.Checks)
	}
	total := 0
	for _, list := range lists {
		var seen []string
		for _, c := range list {
			rule, known := rules[c.ID]
			if !known || c.Axis != rule.axis || c.Clause != rule.clause {
				t.Errorf("check %q: axis %q, clause %q", c.ID, c.Axis, c.Clause)
			}
			if slices.Contains(seen, c.ID) {
				t.Errorf("check %s stands twice", c.ID)
			}
			if !slices.Contains([]Result{Pass, Fail, Warn, NotDone}, c.Result) || c.Detail == "" && (c.Result == Fail || c.Result == NotDone) {
				t.Errorf("check %s: %q without a word why", c.ID, c.Result)
			}
			seen = append(seen, c.ID)
			total++
		}
	}
	if total == 0 {
		t.Error("a report without a check")
	}
	if r.Colour != r.Verdict.Colour() {
		t.Errorf("%s, and the verdict is %s", r.Colour, r.Verdict.Colour())
	}
	if r.Colour == policy.Green && (len(r.Failed()) > 0 || len(r.Documents) == 0) {
		t.Errorf("green with %d documents and failed checks %v", len(r.Documents), r.Failed())
	}
	if r.Colour != policy.Green && len(r.Reasons) == 0 {
		t.Errorf("%s without a reason", r.Colour)
	}
	for _, d := range r.Documents {
		if d.Colour != d.Verdict.Colour() {
			t.Errorf("document %s, and its verdict is %s", d.Colour, d.Verdict.Colour())
		}
		if r.Colour == policy.Green && d.Colour != policy.Green || r.Colour == policy.Amber && d.Colour == policy.Red {
			t.Errorf("%s with a document that is %s", r.Colour, d.Colour)
		}
		vouched := d.Verdict.Authenticity == policy.Genuine || d.Verdict.Authenticity == policy.HolderNotProven
		if !vouched && (len(d.IssuerSigned)+len(d.DeviceSigned)+len(d.Driving)+len(d.Dropped) > 0 || d.Trust.Signer+d.Trust.Anchor+d.Status.URI != "" || !d.Validity.Until.IsZero()) {
			t.Errorf("%s, and shows %+v", d.Verdict.Authenticity, d)
		}
		if d.Verdict.Authenticity != policy.Genuine && len(d.DeviceSigned) > 0 {
			t.Errorf("%s, and shows what a device said", d.Verdict.Authenticity)
		}
		for _, id := range everyDocument[r.Format] {
			if !slices.ContainsFunc(d.Checks, func(c Check) bool { return c.ID == id }) {
				t.Errorf("check %s is silently left out", id)
			}
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("no JSON: %v", err)
	}
}
