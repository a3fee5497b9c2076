package verification

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
)

// question is what one credential asks of the lists that it names.
type question struct {
	id    string // of the check that sums up: mso.status or sd.status
	typ   string // doctype or vct
	path  path   // of the credential's own signer
	refs  statuslist.References
	rules statuslist.LookupOptions
	json  bool // an SD-JWT VC, whose certificates may rest on RSA
}

// reader takes a list token, which it parses where that was not done before, and
// binds it to one reference.
type reader func(*statuslist.Opened) (*statuslist.Envelope, func(statuslist.LookupOptions) statuslist.Answer, error)

func readStatusList(ref statuslist.Reference) reader {
	return func(l *statuslist.Opened) (*statuslist.Envelope, func(statuslist.LookupOptions) statuslist.Answer, error) {
		t, err := l.Token()
		if err != nil {
			return nil, nil, err
		}
		return &t.Envelope, func(opt statuslist.LookupOptions) statuslist.Answer { return t.Evaluate(ref, opt) }, nil
	}
}

func readIdentifierList(ref statuslist.IdentifierReference) reader {
	return func(l *statuslist.Opened) (*statuslist.Envelope, func(statuslist.LookupOptions) statuslist.Answer, error) {
		t, err := l.IdentifierList()
		if err != nil {
			return nil, nil, err
		}
		return &t.Envelope, func(opt statuslist.LookupOptions) statuslist.Answer { return t.Evaluate(ref, opt) }, nil
	}
}

// list gets a list from what is carried, then from Lists; nil for neither.
func (o *Options) list(uri string) (*statuslist.Opened, error) {
	if o.Carried != nil {
		if l, err := o.Carried(uri, o.Now); l != nil || err != nil {
			return l, err
		}
	}
	if o.Lists == nil {
		return nil, nil
	}
	data, err := o.Lists(uri)
	return &statuslist.Opened{Raw: data}, err
}

// ask gets one list, verifies it and looks the copy up. It makes the checks
// st.* and the one that sums them up.
func (o *Options) ask(c *checks, q *question, uri string, certificate []byte, answer *StatusAnswer, read reader) statusOutcome {
	list, err := o.list(uri)
	switch {
	case errors.Is(err, ErrNotAtHand):
		c.notDone(q.id, fmt.Sprintf("not checked: %v", err))
		return notChecked
	case err != nil:
		c.notDone(q.id, fmt.Sprintf("the status list %.200s cannot be had: %v", uri, err))
		return notKnown
	case list == nil:
		c.notDone(q.id, fmt.Sprintf("not checked: no status list at hand for %.200s", uri))
		return notChecked
	}
	envelope, evaluate, err := read(list)
	if err != nil {
		check := statuslist.CheckOf(err)
		if check == "" {
			check = statuslist.CheckSignature
		}
		c.fail(check, detailOf(err))
		c.notDone(q.id, "the status list cannot be read")
		return notKnown
	}
	signer, err := o.listSigner(q, envelope.Chain, certificate)
	if err != nil {
		c.fail(statuslist.CheckPath, err.Error())
		c.notDone(q.id, "nobody who may speak for the issuer signed the status list")
		return notKnown
	}
	if len(signer.Warnings) > 0 {
		c.warn(statuslist.CheckPath, signer.Warnings[0])
	} else {
		c.pass(statuslist.CheckPath, "to "+signer.Anchor.String())
	}
	verified := envelope.Verify(signer.Leaf.PublicKey())
	got := evaluate(q.rules)
	for _, f := range got.Findings {
		switch {
		case f.Check == statuslist.CheckSignature && verified != nil:
			c.fail(f.Check, detailOf(verified))
		case f.Check != statuslist.CheckTTL: // judged below, by policy
			c.add(f.Check, Result(f.Result), f.Detail)
		}
	}
	if verified != nil || !got.Known { // unlocked for somebody else is no answer
		c.notDone(q.id, "the status list gives no answer")
		return notKnown
	}
	if age := o.Now.Sub(envelope.IssuedAt); answer.AsOf.IsZero() || age > answer.Age {
		answer.AsOf, answer.Age = envelope.IssuedAt, max(0, age)
	}
	freshness := o.freshness(c, got, envelope.IssuedAt)
	asOf := "as of " + envelope.IssuedAt.UTC().Format(time.RFC3339)
	switch got.Status {
	case statuslist.Valid:
		c.pass(q.id, asOf)
		return statusOutcome{policy.Valid, freshness}
	case statuslist.Invalid, statuslist.Suspended:
		c.fail(q.id, fmt.Sprintf("%s, %s", got.Status, asOf))
		return statusOutcome{policy.Revoked, freshness}
	}
	c.notDone(q.id, "the list holds a value that is not known here: "+got.Status.String())
	return statusOutcome{policy.Unknown, freshness}
}

// freshness judges the age of a list by policy, and says so when the list by
// its own ttl wants to be fetched anew: an offline reader cannot, and policy
// decides how long that is good enough.
func (o *Options) freshness(c *checks, got statuslist.Answer, issued time.Time) policy.Freshness {
	f := o.policy().Freshness(o.Now.Sub(issued))
	detail := "as of " + issued.UTC().Format(time.RFC3339) + ": " + string(f) + " by policy"
	if got.Stale {
		detail += ", past its own ttl"
	}
	if f != policy.WithinPolicy || got.Stale {
		c.warn(statuslist.CheckTTL, detail)
	} else {
		c.pass(statuslist.CheckTTL, detail)
	}
	return f
}

// listSigner validates the chain of a list. Its trust point is the certificate
// that the reference names, else the authority that signed the document's own
// signer (second edition, 12.3.6.2): no other anchor of ours, and no other
// authority below the same anchor, may speak for this issuer. The leaf is a
// status signer or a signer of documents of this type; one without any
// extended key usage is a warning (Token Status List, 10).
func (o *Options) listSigner(q *question, chain [][]byte, certificate []byte) (*pki.Path, error) {
	point := q.path.Chain[1]
	if certificate != nil {
		var err error
		if point, err = pki.ParseCertificate(certificate); err != nil {
			return nil, fmt.Errorf("the trust point in the reference: %w", err)
		}
	}
	if len(chain) == 0 {
		return nil, errors.New("the list carries no certificate")
	}
	p, err := o.Chains.Validate(chain, []*pki.Certificate{point}, pki.PathOptions{
		Now: o.Now, Purposes: slices.Concat(o.purposes(q.typ), statusPurposes), MaxIntermediates: o.policy().MaxIntermediates, AllowRSA: q.json,
	})
	if err != nil {
		return nil, err
	}
	if got := o.CRLs.Of(p, o.Now, o.skew(), q.json); got.State == pki.Revoked {
		return nil, errors.New(got.Detail)
	}
	return p, nil
}
