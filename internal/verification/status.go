package verification

import (
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
)

// statusOutcome is the part of a verdict that validity and lists decide.
type statusOutcome struct {
	status    policy.Status
	freshness policy.Freshness
}

// notKnown is the answer while nothing has been learned, notChecked while there
// was nothing to learn it from.
var (
	notKnown   = statusOutcome{policy.Unknown, policy.NotKnown}
	notChecked = statusOutcome{policy.NotChecked, policy.NotKnown}
)

// mdocStatus answers for an mdoc: validity first, since expired beats what a
// list says, then the mechanism that the MSO names (second edition, 12.3.6).
func (o *Options) mdocStatus(c *checks, mso *mdoc.MobileSecurityObject, p path, answer *StatusAnswer) statusOutcome {
	info := &mso.ValidityInfo
	validity := validityOutcome(c, o.Now, o.skew(), info)
	if mso.Status == nil {
		return o.withoutReference(c, "mso.status", validity, info.ValidFrom.Time, info.ValidUntil.Time)
	}
	q := question{id: "mso.status", typ: mso.DocType, path: p, rules: statuslist.LookupOptions{Now: o.Now, Skew: o.skew(), Format: statuslist.FormatCWT, ISO18013: true}}
	if s := mso.Status.StatusList; s != nil {
		q.refs.List = &statuslist.Reference{Index: s.Index, URI: s.URI, Certificate: s.Certificate}
	}
	if s := mso.Status.IdentifierList; s != nil {
		q.refs.Identifier = &statuslist.IdentifierReference{ID: s.ID, URI: s.URI, Certificate: s.Certificate}
	}
	if q.refs.List == nil && q.refs.Identifier == nil {
		c.notDone("mso.status", "the status mechanism is not known here")
		return unlessOver(validity, notKnown)
	}
	return o.lookUp(c, q, validity, answer)
}

// sdStatus answers for an SD-JWT VC.
func (o *Options) sdStatus(c *checks, payload *sdjwt.Payload, validity sdjwt.Finding, p path, answer *StatusAnswer) statusOutcome {
	state := policy.Valid
	switch {
	case validity.Reason == sdjwt.ReasonExpired:
		state = policy.Expired
	case validity.Reason == sdjwt.ReasonNotYetValid:
		state = policy.NotYetValid
	case validity.Result == sdjwt.Fail:
		state = policy.Unknown
	}
	claim, ok := payload.Claims["status"]
	if !ok {
		from := payload.NotBefore
		if from.IsZero() {
			from = payload.IssuedAt
		}
		until := payload.Expires
		if from.IsZero() || until.IsZero() {
			// Without both ends nobody knows that it is short-lived.
			from, until = time.Time{}, time.Unix(1<<40, 0)
		}
		return o.withoutReference(c, "sd.status", state, from, until)
	}
	refs, err := statuslist.ParseReferencesJSON(claim)
	if err != nil {
		c.fail("sd.status", detailOf(err))
		return unlessOver(state, notKnown)
	}
	return o.lookUp(c, question{id: "sd.status", typ: payload.VCT, path: p, refs: *refs, json: true,
		rules: statuslist.LookupOptions{Now: o.Now, Skew: o.skew(), Format: statuslist.FormatJWT}}, state, answer)
}

// unlessOver lets the end of validity win over what is not known.
func unlessOver(validity policy.Status, out statusOutcome) statusOutcome {
	if validity != policy.Valid {
		out.status = validity
	}
	return out
}

// withoutReference asks policy what a document without a status list is worth.
func (o *Options) withoutReference(c *checks, id string, validity policy.Status, from, until time.Time) statusOutcome {
	out := statusOutcome{o.policy().WithoutReference(from, until), policy.WithinPolicy}
	if out.status == policy.Valid {
		c.pass(id, "names no status list, and needs none by policy")
	} else {
		c.notDone(id, "names no status list")
		out.freshness = policy.NotKnown
	}
	return unlessOver(validity, out)
}

// lookUp asks the lists that a credential names. Each alone can revoke, and all
// have to answer before the copy counts as valid.
func (o *Options) lookUp(c *checks, q question, validity policy.Status, answer *StatusAnswer) statusOutcome {
	if !q.path.trusted() || c.forged() {
		// A reference that nobody vouches for is not followed: it would tell a
		// stranger's server who reads here.
		c.notDone(q.id, "the reference is not vouched for")
		return unlessOver(validity, notKnown)
	}
	if c.has(Fail, "ds.revocation") {
		c.notDone(q.id, "the reference is that of a signer who was revoked")
		return unlessOver(validity, notKnown)
	}
	var outcomes []statusOutcome
	if ref := q.refs.List; ref != nil {
		answer.URI, answer.Index = ref.URI, ref.Index
		outcomes = append(outcomes, o.ask(c, &q, ref.URI, ref.Certificate, answer, readStatusList(*ref)))
	}
	if ref := q.refs.Identifier; ref != nil {
		if answer.URI == "" {
			answer.URI = ref.URI
		}
		outcomes = append(outcomes, o.ask(c, &q, ref.URI, ref.Certificate, answer, readIdentifierList(*ref)))
	}
	return join(validity, outcomes)
}

// join joins the answers: revoked wins over everything, then the end of
// validity, then not knowing. What is known is as old as its oldest part.
func join(validity policy.Status, outcomes []statusOutcome) statusOutcome {
	joined := statusOutcome{policy.Valid, policy.WithinPolicy}
	for _, out := range outcomes {
		if out.status == policy.Revoked {
			return out
		}
		if out.status == policy.Unknown || out.status != policy.Valid && joined.status == policy.Valid {
			joined.status = out.status
		}
		if staleness(out.freshness) > staleness(joined.freshness) {
			joined.freshness = out.freshness
		}
	}
	return unlessOver(validity, joined)
}

func staleness(f policy.Freshness) int {
	switch f {
	case policy.WithinPolicy:
		return 0
	case policy.Old:
		return 1
	case policy.TooOld:
		return 2
	case policy.PastUse:
		return 4
	}
	return 3
}
