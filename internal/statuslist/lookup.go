package statuslist

import "time"

// LookupOptions is the policy of the one who asks.
type LookupOptions struct {
	Now  time.Time
	Skew time.Duration // tolerance for the two clocks
	// Format is the container that the credential needs: JWT for an SD-JWT VC,
	// CWT for an mdoc; "" takes either.
	Format Format
	// ISO18013 adds the rules of ISO/IEC 18013-5 second edition, 12.3.6: one
	// bit per entry, exp, x5chain in the protected header.
	ISO18013 bool
	// RequireExpires refuses a token without exp.
	RequireExpires bool
}

// Answer is what a list says about one credential.
type Answer struct {
	Status   Status // the zero status unless Known
	Known    bool   // no check failed
	Age      time.Duration
	Stale    bool // the issuer has a newer list by now; policy decides
	Findings []Finding
}

// Lookup is [Token.Evaluate] without options: the status, or the *[Error] of
// the first check that failed. Whether a stale list will do is for the caller,
// who can ask [Envelope.RefreshAt].
func (t *Token) Lookup(ref Reference, now time.Time) (Status, error) {
	return t.lookup(ref, LookupOptions{Now: now})
}

func (t *Token) lookup(ref Reference, opt LookupOptions) (Status, error) {
	for _, step := range t.steps(ref.URI, opt) {
		if err := step.check(); err != nil {
			return 0, err
		}
	}
	if opt.ISO18013 && t.Bits != 1 {
		return 0, refuse(CheckIndex, "entries of %d bits, an mdoc has 1", t.Bits)
	}
	list, err := t.List()
	if err != nil {
		return 0, err
	}
	return list.Get(ref.Index)
}

// Evaluate follows the validation rules of section 8.3 in their order and
// stops at the first that fails: what comes after would rest on it. Findings,
// always all six: st.sig, st.sub, st.exp, st.ttl, st.inflate, st.index.
func (t *Token) Evaluate(ref Reference, opt LookupOptions) Answer {
	a := t.answer(opt)
	for _, step := range t.steps(ref.URI, opt) {
		if !a.add(finding(step.id, step.check())) {
			return a.rest()
		}
		if step.id == CheckExpires {
			a.addFreshness()
		}
	}
	list, err := t.List()
	if !a.add(finding(CheckInflate, err)) {
		return a.rest()
	}
	if opt.ISO18013 && t.Bits != 1 {
		a.add(finding(CheckIndex, refuse(CheckIndex, "entries of %d bits, an mdoc has 1", t.Bits)))
		return a.rest()
	}
	status, err := list.Get(ref.Index)
	if a.add(finding(CheckIndex, err)) {
		a.Status, a.Known = status, true
	}
	return a
}

// step is one rule.
type step struct {
	id    string
	check func() error
}

// steps are the rules that do not look into the list.
func (e *Envelope) steps(uri string, opt LookupOptions) []step {
	return []step{
		{CheckSignature, func() error { return e.checkContainer(opt) }},
		{CheckSubject, func() error { return e.checkURI(uri) }},
		{CheckExpires, func() error { return e.checkTimes(opt) }},
	}
}

func (e *Envelope) checkContainer(opt LookupOptions) error {
	switch {
	case !e.verified.Load():
		return refuseFor(ReasonNotVerified, CheckSignature, "signature of the status list token was not verified")
	case opt.Format != "" && e.Format != opt.Format:
		return refuse(CheckSignature, "status list token is a %s, a %s is due", e.Format, opt.Format)
	case opt.ISO18013 && e.Format != FormatCWT:
		return refuse(CheckSignature, "status list token is no CWT")
	case opt.ISO18013 && (e.Chain == nil || !e.ChainProtected):
		return refuse(CheckSignature, "x5chain is not in the protected header")
	}
	return nil
}

// checkURI compares byte for byte: no normalisation, no trailing slash.
func (e *Envelope) checkURI(uri string) error {
	if e.Subject != uri {
		return refuse(CheckSubject, "sub of the list is not the uri of the reference")
	}
	return nil
}

func (e *Envelope) checkTimes(opt LookupOptions) error {
	switch {
	case e.Expires.IsZero() && (opt.RequireExpires || opt.ISO18013):
		return refuse(CheckExpires, "list without exp")
	case !e.Expires.IsZero() && !opt.Now.Before(e.Expires.Add(opt.Skew)):
		return refuseFor(ReasonExpired, CheckExpires, "list expired at %s", e.Expires.Format(time.RFC3339))
	case opt.Now.Add(opt.Skew).Before(e.IssuedAt):
		return refuseFor(ReasonNotYetValid, CheckExpires, "list issued in the future, at %s", e.IssuedAt.Format(time.RFC3339))
	}
	return nil
}

func (e *Envelope) answer(opt LookupOptions) Answer {
	return Answer{Age: e.Age(opt.Now), Stale: e.TTL > 0 && opt.Now.After(e.IssuedAt.Add(e.TTL))}
}

func (a *Answer) addFreshness() {
	f := Finding{Check: CheckTTL, Result: Pass}
	if a.Stale {
		f = Finding{Check: CheckTTL, Result: Warn, Reason: ReasonStale, Detail: "list is " + a.Age.Round(time.Second).String() + " old, older than its ttl"}
	}
	a.Findings = append(a.Findings, f)
}

func (a *Answer) add(f Finding) bool {
	a.Findings = append(a.Findings, f)
	return f.Result != Fail
}

// rest reports the checks that were not reached.
func (a Answer) rest() Answer {
	order := []string{CheckSignature, CheckSubject, CheckExpires, CheckTTL, CheckInflate, CheckIndex}
	failed := a.Findings[len(a.Findings)-1].Check
	for _, check := range order[len(a.Findings):] {
		a.Findings = append(a.Findings, Finding{Check: check, Result: NotDone, Detail: "needs " + failed})
	}
	return a
}
