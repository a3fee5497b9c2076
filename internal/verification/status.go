package verification

import (
	"errors"
	"fmt"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
)

// statusOutcome is the part of a verdict that validity and lists decide.
type statusOutcome struct {
	status    policy.Status
	freshness policy.Freshness
}

// notKnown is the answer while nothing has been learned.
var notKnown = statusOutcome{policy.Unknown, policy.NotKnown}

// mdocStatus answers for an mdoc: validity first, since expired beats what a
// list says, then the mechanism that the MSO names (second edition, 12.3.6).
func (o *Options) mdocStatus(c *checks, mso *mdoc.MobileSecurityObject, p path, answer *StatusAnswer) statusOutcome {
	c.notDone("ds.revocation", "certificate revocation lists are not read by this version")
	info := mso.ValidityInfo
	validity := validityOutcome(c, "mso.validity", o.Now, o.policy().ClockSkew.Std(), info.ValidFrom.Time)
	if mso.Status == nil {
		return o.withoutReference(c, "mso.status", validity, info.ValidFrom.Time, info.ValidUntil.Time)
	}
	refs := &statuslist.References{}
	if s := mso.Status.StatusList; s != nil {
		refs.List = &statuslist.Reference{Index: s.Index, URI: s.URI, Certificate: s.Certificate}
	}
	if s := mso.Status.IdentifierList; s != nil {
		refs.Identifier = &statuslist.IdentifierReference{ID: s.ID, URI: s.URI, Certificate: s.Certificate}
	}
	if refs.List == nil && refs.Identifier == nil {
		c.notDone("mso.status", "the status mechanism is not known here")
		return unlessOver(validity, notKnown)
	}
	return o.lookUp(c, "mso.status", refs, p, validity, answer)
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
	ref, err := payload.Status()
	switch {
	case err != nil:
		c.fail("sd.status", err.Error())
		return unlessOver(state, notKnown)
	case ref == nil:
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
	list := &statuslist.References{List: &statuslist.Reference{Index: ref.Index, URI: ref.URI}}
	return o.lookUp(c, "sd.status", list, p, state, answer)
}

// unlessOver lets the end of validity win over what is not known.
func unlessOver(validity policy.Status, else_ statusOutcome) statusOutcome {
	if validity != policy.Valid {
		else_.status = validity
	}
	return else_
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
func (o *Options) lookUp(c *checks, id string, refs *statuslist.References, p path, validity policy.Status, answer *StatusAnswer) statusOutcome {
	if !p.trusted() {
		// A reference that nobody vouches for is not followed: it would tell a
		// stranger's server who reads here.
		c.notDone(id, "the reference is not vouched for")
		return unlessOver(validity, notKnown)
	}
	var outcomes []statusOutcome
	if ref := refs.List; ref != nil {
		answer.URI, answer.Index = ref.URI, ref.Index
		outcomes = append(outcomes, o.ask(c, id, ref.URI, ref.Certificate, p, answer, func(data []byte) (*statuslist.Envelope, func(statuslist.LookupOptions) statuslist.Answer, error) {
			t, err := statuslist.ParseToken(data)
			if err != nil {
				return nil, nil, err
			}
			return &t.Envelope, func(opt statuslist.LookupOptions) statuslist.Answer { return t.Evaluate(*ref, opt) }, nil
		}))
	}
	if ref := refs.Identifier; ref != nil {
		answer.URI = ref.URI
		outcomes = append(outcomes, o.ask(c, id, ref.URI, ref.Certificate, p, answer, func(data []byte) (*statuslist.Envelope, func(statuslist.LookupOptions) statuslist.Answer, error) {
			l, err := statuslist.ParseIdentifierList(data)
			if err != nil {
				return nil, nil, err
			}
			return &l.Envelope, func(opt statuslist.LookupOptions) statuslist.Answer { return l.Evaluate(*ref, opt) }, nil
		}))
	}
	return unlessRevoked(validity, outcomes)
}

// unlessRevoked joins the answers: revoked wins over everything, then the end
// of validity, then not knowing.
func unlessRevoked(validity policy.Status, outcomes []statusOutcome) statusOutcome {
	joined := outcomes[0]
	for _, out := range outcomes[1:] {
		if out.status == policy.Revoked || joined.status == policy.Valid {
			joined = out
		}
	}
	if joined.status == policy.Revoked {
		return joined
	}
	return unlessOver(validity, joined)
}

// ask gets one list, verifies it and looks the copy up. It makes the checks
// st.* and the one named by id, which sums them up.
func (o *Options) ask(c *checks, id, uri string, certificate []byte, p path, answer *StatusAnswer,
	parse func([]byte) (*statuslist.Envelope, func(statuslist.LookupOptions) statuslist.Answer, error)) statusOutcome {
	if o.Lists == nil {
		c.notDone(id, "no status list at hand for "+uri)
		return notKnown
	}
	data, err := o.Lists(uri)
	if err != nil {
		c.notDone(id, fmt.Sprintf("the status list %s cannot be had: %v", uri, err))
		return notKnown
	}
	envelope, evaluate, err := parse(data)
	if err != nil {
		check := statuslist.CheckOf(err)
		if check == "" {
			check = "st.sig"
		}
		c.fail(check, err.Error())
		c.notDone(id, "the status list cannot be read")
		return notKnown
	}
	leaf, err := o.listSigner(envelope.Chain, certificate, p)
	if err != nil {
		c.fail("st.path", err.Error())
		c.notDone(id, "nobody that we trust signed the status list")
		return notKnown
	}
	c.pass("st.path", "")
	// The error shows in Evaluate as well, as st.sig.
	_ = envelope.Verify(leaf.PublicKey())
	got := evaluate(statuslist.LookupOptions{Now: o.Now, Skew: o.policy().ClockSkew.Std()})
	for _, f := range got.Findings {
		if f.Check != "st.ttl" {
			c.add(f.Check, Result(f.Result), f.Detail)
		}
	}
	if !got.Known {
		c.notDone(id, "the status list gives no answer")
		return notKnown
	}
	answer.AsOf, answer.Age = envelope.IssuedAt, max(0, o.Now.Sub(envelope.IssuedAt))
	freshness := o.policy().Freshness(o.Now.Sub(envelope.IssuedAt))
	age := "as of " + envelope.IssuedAt.UTC().Format(time.RFC3339)
	if freshness == policy.WithinPolicy {
		c.pass("st.ttl", age)
	} else {
		c.warn("st.ttl", fmt.Sprintf("%s: %s by policy", age, freshness))
	}
	switch got.Status {
	case statuslist.Valid:
		c.pass(id, age)
		return statusOutcome{policy.Valid, freshness}
	case statuslist.Invalid, statuslist.Suspended:
		c.fail(id, fmt.Sprintf("%s, %s", got.Status, age))
		return statusOutcome{policy.Revoked, freshness}
	}
	c.notDone(id, "the list holds a value that is not known here: "+got.Status.String())
	return statusOutcome{policy.Unknown, freshness}
}

// listSigner validates the chain of a list. Its trust point is the certificate
// that the reference names, else the authority that stands above the document's
// own signer (second edition, 12.3.6.2): no other anchor of ours may speak for
// this issuer.
func (o *Options) listSigner(chain [][]byte, certificate []byte, p path) (*pki.Certificate, error) {
	point := p.Anchor
	if certificate != nil {
		var err error
		if point, err = pki.ParseCertificate(certificate); err != nil {
			return nil, fmt.Errorf("the trust point in the reference: %w", err)
		}
	}
	if len(chain) == 0 {
		return nil, errors.New("the list carries no certificate")
	}
	purposes := append(o.purposes(""), pki.OIDStatusSigner, pki.OIDMdlDS)
	valid, err := o.Chains.Validate(chain, []*pki.Certificate{point}, pki.PathOptions{
		Now: o.Now, Purposes: purposes, MaxIntermediates: o.policy().MaxIntermediates, AllowRSA: true,
	})
	if err != nil {
		return nil, err
	}
	return valid.Leaf, nil
}
