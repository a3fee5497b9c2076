package verification

import (
	"fmt"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
)

// judge draws the verdict of one document from its checks.
//
// Authenticity: forged when any check of that axis failed, unknown issuer when
// the only trouble is that no anchor of ours stands above the signer, holder
// not proven when nothing tied the data to the one who shows them. A signer
// whose certificate has run out signs nothing any more, but what it signed is
// no forgery: that is told on the status axis (ISO/IEC 18013-5, 9.3.3 asks for
// the path at the present instant).
func (d *Document) judge(c *checks, p path, status statusOutcome, entitlement policy.Entitlement, asked bool) {
	v := policy.Verdict{Status: status.status, Freshness: status.freshness, Entitlement: entitlement}
	unknown := p.reason == pki.ReasonNoAnchor
	lapsed := p.reason == pki.ReasonExpired || p.reason == pki.ReasonNotYetValid
	switch {
	case forged(c, unknown || lapsed):
		v.Authenticity = policy.Forged
	case unknown:
		v.Authenticity = policy.UnknownIssuer
	case !c.has(Pass, "da.sig", "da.mac") && !c.has(Warn, "da.sig", "da.mac") && !c.has(Pass, "sd.kb"):
		v.Authenticity = policy.HolderNotProven
	default:
		v.Authenticity = policy.Genuine
	}
	switch {
	case v.Authenticity == policy.Forged || v.Authenticity == policy.UnknownIssuer:
		// What nobody stands behind says nothing about its own status.
		v.Status, v.Freshness = policy.Unknown, policy.NotKnown
		if asked {
			v.Entitlement = policy.CannotTell
		}
	case p.reason == pki.ReasonExpired && v.Status != policy.Revoked:
		v.Status = policy.Expired
	case p.reason == pki.ReasonNotYetValid && v.Status != policy.Revoked:
		v.Status = policy.NotYetValid
	}
	if v.Colour() == policy.Green && anyFailed(c) {
		// No failed check hides behind green.
		v.Entitlement = policy.CannotTell
	}
	d.Verdict, d.Colour, d.Checks = v, v.Colour(), c.list
	d.Reasons = reasons(v, c)
}

// forged reports a failed check of authenticity; pathExcused leaves the path
// itself out, when its reason is told elsewhere.
func forged(c *checks, pathExcused bool) bool {
	for _, e := range c.list {
		if e.Axis != Authenticity || e.Result != Fail {
			continue
		}
		if pathExcused && (e.ID == "ia.path" || e.ID == "sd.path") {
			continue
		}
		return true
	}
	return false
}

func anyFailed(c *checks) bool {
	for _, e := range c.list {
		if e.Result == Fail {
			return true
		}
	}
	return false
}

// reasons says in a line each what keeps the verdict from green: the axis, and
// the check that decided it.
func reasons(v policy.Verdict, c *checks) []string {
	var lines []string
	for _, r := range v.Reasons() {
		line := fmt.Sprintf("%s: %s", r.Axis, r.Value)
		if e := deciding(Axis(r.Axis), c); e != nil {
			line += fmt.Sprintf(" (%s: %s)", e.ID, e.Detail)
		}
		lines = append(lines, line)
	}
	return lines
}

// deciding finds the check that a person should read first: a failed one of the
// axis, else one that was not done.
func deciding(axis Axis, c *checks) *Check {
	for _, want := range []Result{Fail, NotDone, Warn} {
		for i, e := range c.list {
			if e.Axis == axis && e.Result == want && e.Detail != "" && e.ID != "ds.revocation" {
				return &c.list[i]
			}
		}
	}
	return nil
}

// conclude gives the report the verdict of its worst document. Trouble of the
// message as a whole is worse than any document.
func (r *Report) conclude(c *checks) {
	r.Checks = c.list
	nothing := policy.Verdict{Authenticity: policy.HolderNotProven, Status: policy.Unknown, Freshness: policy.NotKnown, Entitlement: policy.CannotTell}
	switch {
	case c.has(Fail, "cbor.strict", "sd.parse") || malformed(c):
		r.Verdict = nothing
		r.Verdict.Authenticity = policy.Forged
		r.Reasons = reasons(r.Verdict, c)
	case len(r.Documents) == 0:
		r.Verdict = nothing
		r.Reasons = append([]string{"nothing was shown"}, reasons(r.Verdict, c)...)
	default:
		worst := 0
		for i, d := range r.Documents {
			if rank(d.Colour) > rank(r.Documents[worst].Colour) {
				worst = i
			}
		}
		r.Verdict, r.Reasons = r.Documents[worst].Verdict, r.Documents[worst].Reasons
		if anyFailed(c) && r.Verdict.Colour() == policy.Green {
			r.Verdict.Entitlement = policy.CannotTell
			r.Reasons = reasons(r.Verdict, c)
		}
	}
	r.Colour = r.Verdict.Colour()
}

// malformed reports a failed authenticity check of the message, other than its
// status code, which is the holder's own excuse.
func malformed(c *checks) bool {
	for _, e := range c.list {
		if e.Axis == Authenticity && e.Result == Fail && e.ID != "resp.status" {
			return true
		}
	}
	return false
}

func rank(c policy.Colour) int {
	switch c {
	case policy.Red:
		return 2
	case policy.Green:
		return 0
	}
	return 1
}
