package verification

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
)

// needed are the checks that have to hold before a document counts as genuine,
// the certificate path aside, which judge looks at itself.
var (
	neededMdoc = []string{"cbor.strict", "ia.header", "ia.sig", "mso.format", "mso.doctype", "mso.digest", "mso.dup", "mso.signed", "mso.tdate", "da.keyauth"}
	// neededIssued are those of a credential that nobody shows.
	neededIssued = []string{"cbor.strict", "ia.header", "ia.sig", "mso.format", "mso.digest", "mso.dup", "mso.signed", "mso.tdate"}
	neededSDJWT  = []string{"sd.sig", "sd.typ", "sd.disclosure", "sd.digest", "sd.vct"}
)

// bindingSDJWT are the checks that together prove the holder of an SD-JWT.
var bindingSDJWT = []string{"sd.kb", "sd.sdhash", "sd.nonce", "sd.aud", "sd.iat"}

// judge draws the verdict of one document from its checks.
//
// Authenticity: forged when any check of that axis failed, unknown issuer when
// the only trouble is that no anchor of ours stands above the signer, holder
// not proven when nothing tied the data to the one who shows them. A signer
// whose certificate has run out signs nothing any more, but what it signed is
// no forgery: that is told on the status axis (ISO/IEC 18013-5, 9.3.3 asks for
// the path at the present instant).
func (o *Options) judge(d *Document, c *checks, p path, needed []string, status statusOutcome, entitlement policy.Entitlement, asked bool) {
	v := policy.Verdict{Status: status.status, Freshness: status.freshness, Entitlement: entitlement}
	if f := o.anchorAge(c, d.Trust.AnchorAt); p.trusted() && staleness(f) > staleness(v.Freshness) {
		v.Freshness = f
	}
	switch {
	case c.forged(p.excused()...):
		v.Authenticity = policy.Forged
	case !p.trusted() && !p.lapsed() || !c.holds(needed...):
		v.Authenticity = policy.UnknownIssuer
	case !c.holds("da.sig") && !c.holds("da.mac") && !c.holds(bindingSDJWT...):
		v.Authenticity = policy.HolderNotProven
	default:
		v.Authenticity = policy.Genuine
	}
	switch {
	case v.Authenticity == policy.Forged || v.Authenticity == policy.UnknownIssuer:
		// What nobody stands behind says nothing about its own status.
		v.Status, v.Freshness, v.Entitlement = policy.Unknown, policy.NotKnown, unasked(asked)
		d.hide()
	case c.has(Fail, "ds.revocation"):
		// Whoever has the key of a revoked signer writes what he likes: nothing that
		// it signed is shown.
		v.Entitlement = unasked(asked)
		d.withhold()
	case v.Status == policy.Revoked:
	case p.reason == pki.ReasonExpired || c.has(Fail, "mdl.expiry"):
		v.Status = policy.Expired
	case p.reason == pki.ReasonNotYetValid:
		v.Status = policy.NotYetValid
	}
	if v.Colour() == policy.Green && c.failed() {
		// No failed check hides behind green.
		v.Entitlement = policy.CannotTell
	}
	d.Verdict, d.Colour, d.Checks = v, v.Colour(), c.list
	d.Reasons, d.Warnings = reasons(v, c), c.warnings()
}

// hide takes away what nobody vouches for: a value, a date or the name of an
// authority that is not shown cannot be believed by mistake.
func (d *Document) hide() {
	d.withhold()
	d.Trust, d.Validity, d.Status = Trust{AnchorAt: d.Trust.AnchorAt}, Validity{}, StatusAnswer{}
	d.Revocation = CertificateAnswer{State: pki.RevocationNotChecked}
}

// withhold takes away the values alone.
func (d *Document) withhold() {
	d.IssuerSigned, d.DeviceSigned, d.Driving, d.Missing, d.Dropped = nil, nil, nil, nil, nil
}

func unasked(asked bool) policy.Entitlement {
	if asked {
		return policy.CannotTell
	}
	return policy.NotAsked
}

// reasons says in a line each what keeps the verdict from green: the axis, and
// the check that decided it.
func reasons(v policy.Verdict, c *checks) []string {
	var lines []string
	for _, r := range v.Reasons() {
		line := fmt.Sprintf("%s: %s", r.Axis, r.Value)
		if e := deciding(r, c); e != nil {
			line += fmt.Sprintf(" (%s: %s)", e.ID, e.Detail)
		}
		lines = append(lines, line)
	}
	return lines
}

// warnings are the lines of the checks that warn: odd, and no failure.
func (c *checks) warnings() []string {
	var lines []string
	for _, e := range c.list {
		if e.Result == Warn {
			lines = append(lines, e.ID+": "+e.Detail)
		}
	}
	return lines
}

// oldest is the earlier of two instants, of which one may not be known.
func oldest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// known is nil for an instant that nobody knows.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// deciding finds the check that a person should read first: a failed one of the
// axis, else one that was not done.
func deciding(r policy.Reason, c *checks) *Check {
	axis := Axis(r.Axis)
	for i, e := range c.list { // of several ages the one that made it so
		if axis == Freshness && e.Axis == axis && strings.Contains(e.Detail, r.Value+" by policy") {
			return &c.list[i]
		}
	}
	for _, want := range []Result{Fail, NotDone, Warn} {
		for i, e := range c.list {
			if e.Axis == axis && e.Result == want && e.Detail != "" && (e.ID != "ia.anchors" || want != NotDone) {
				return &c.list[i]
			}
		}
	}
	return nil
}

// conclude gives the report the verdict of its worst document. Trouble of the
// message as a whole is worse than any document.
func (r *Report) conclude(c *checks) {
	r.Checks, r.Warnings = c.list, c.warnings()
	var status, revocation time.Time
	for i := range r.Documents {
		d := &r.Documents[i]
		r.Warnings = append(r.Warnings, d.Warnings...)
		status, revocation = oldest(status, d.Status.AsOf), oldest(revocation, d.Revocation.AsOf)
	}
	if r.Knowledge.RevocationAsOf = known(revocation); !status.IsZero() {
		r.Knowledge.StatusAsOf = known(status)
	}
	nothing := policy.Verdict{Authenticity: policy.HolderNotProven, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}
	switch {
	// The status code of a response is the holder's own excuse, no forgery.
	case c.forged("resp.status"):
		r.Verdict = nothing
		r.Verdict.Authenticity = policy.Forged
		r.Reasons = reasons(r.Verdict, c)
	case len(r.Documents) == 0:
		r.Verdict = nothing
		r.Reasons = append([]string{"nothing was shown"}, reasons(r.Verdict, c)...)
	default:
		worst := &r.Documents[0]
		for i := range r.Documents {
			if d := &r.Documents[i]; severity(d.Verdict) > severity(worst.Verdict) {
				worst = d
			}
		}
		r.Verdict, r.Reasons = worst.Verdict, r.allReasons(worst)
		if c.failed() && r.Verdict.Colour() == policy.Green {
			r.Verdict.Entitlement = policy.CannotTell
			r.Reasons = reasons(r.Verdict, c)
		}
	}
	r.Colour = r.Verdict.Colour()
}

// allReasons gives the reasons of every document that is not green, those of
// the worst first, each with the place of its document when there are several.
func (r *Report) allReasons(worst *Document) []string {
	if len(r.Documents) == 1 {
		return worst.Reasons
	}
	var first, others []string
	for i := range r.Documents {
		d := &r.Documents[i]
		for _, line := range d.Reasons {
			line = fmt.Sprintf("document %d of %d: %s", i+1, len(r.Documents), line)
			if d == worst {
				first = append(first, line)
			} else {
				others = append(others, line)
			}
		}
	}
	return append(first, others...)
}

// severity orders verdicts: red before amber before green, and among the same
// colour by what a person must not miss.
func severity(v policy.Verdict) int {
	grades := []bool{
		v.Entitlement == policy.CannotTell, v.Freshness == policy.Old, v.Freshness == policy.TooOld, v.Status == policy.NotChecked, v.Status == policy.Unknown,
		v.Authenticity == policy.HolderNotProven, v.Authenticity == policy.UnknownIssuer,
		v.Colour() != policy.Green,
		v.Freshness == policy.PastUse, v.Entitlement == policy.No, v.Status == policy.NotYetValid, v.Status == policy.Expired, v.Status == policy.Revoked,
		v.Authenticity == policy.Forged,
		v.Colour() == policy.Red,
	}
	slices.Reverse(grades)
	n := 0
	for _, set := range grades {
		n *= 2
		if set {
			n++
		}
	}
	return n
}
