package sdjwt

import (
	"fmt"
	"time"
)

// ValidityOptions says when a credential is looked at.
type ValidityOptions struct {
	Now  time.Time
	Skew time.Duration // tolerance for the two clocks, usually 60 s
	// RequireExpires refuses a credential without exp.
	RequireExpires bool
}

// VerifyValidity checks nbf, exp and iat (RFC 7519, sections 4.1.4 to 4.1.6).
// A credential is valid from nbf on and until just before exp; the skew widens
// both. An iat in the future is refused, one in the past says nothing. One
// finding, sd.validity, with a reason when it is expired or not yet valid.
func (p *Payload) VerifyValidity(opt ValidityOptions) Finding {
	fail := func(reason, format string, args ...any) Finding {
		return Finding{Check: CheckValidity, Result: Fail, Reason: reason, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case p.timeErr != nil:
		return fail("", "%v", p.timeErr)
	case opt.RequireExpires && p.Expires.IsZero():
		return fail("", "no exp")
	case !p.Expires.IsZero() && !opt.Now.Before(p.Expires.Add(opt.Skew)):
		return fail(ReasonExpired, "expired at %s", p.Expires.Format(time.RFC3339))
	case !p.NotBefore.IsZero() && opt.Now.Add(opt.Skew).Before(p.NotBefore):
		return fail(ReasonNotYetValid, "not valid before %s", p.NotBefore.Format(time.RFC3339))
	case !p.IssuedAt.IsZero() && opt.Now.Add(opt.Skew).Before(p.IssuedAt):
		return fail(ReasonNotYetValid, "issued in the future, at %s", p.IssuedAt.Format(time.RFC3339))
	}
	return Finding{Check: CheckValidity, Result: Pass}
}
