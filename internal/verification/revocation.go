package verification

import (
	"fmt"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
)

// CertificateAnswer is what revocation lists said of those who signed: the four
// states are told apart, "not checked" among them.
type CertificateAnswer struct {
	State pki.RevocationState `json:"state"`
	// AsOf is when the oldest list that counted was written, Age how long ago;
	// Until is when the first of them ends. Zero while none counted.
	AsOf  time.Time     `json:"as_of,omitzero"`
	Age   time.Duration `json:"age,omitempty"`
	Until time.Time     `json:"until,omitzero"`
}

// revocation looks the signer of a document up, and who stands above it
// (ISO/IEC 18013-5, 9.3.3 and B.1.3). It makes the checks ds.revocation and
// ds.age.
func (o *Options) revocation(c *checks, p path, allowRSA bool, answer *CertificateAnswer) statusOutcome {
	answer.State = pki.RevocationNotChecked
	if !p.trusted() {
		c.notDone("ds.revocation", "not checked: the signer's certificate leads to nobody who could have revoked it")
		return statusOutcome{policy.NotChecked, policy.NotKnown}
	}
	got := o.CRLs.Of(p.Path, o.Now, o.skew(), allowRSA)
	*answer = CertificateAnswer{State: got.State, AsOf: got.AsOf, Until: got.NextUpdate}
	if !got.AsOf.IsZero() {
		answer.Age = max(0, o.Now.Sub(got.AsOf))
	}
	out := statusOutcome{policy.Valid, policy.WithinPolicy}
	switch got.State {
	case pki.NotRevoked:
		c.pass("ds.revocation", got.Detail)
		out.freshness = o.aged(c, "ds.age", policy.RevocationKnowledge, got.AsOf)
	case pki.Revoked:
		c.fail("ds.revocation", got.Detail)
		out.status, out.freshness = policy.Revoked, o.policy().FreshnessOf(policy.RevocationKnowledge, o.Now.Sub(got.AsOf))
	default:
		c.notDone("ds.revocation", fmt.Sprintf("%s: %s", got.State, got.Detail))
		if !o.policy().RequireRevocation {
			break
		}
		if out = (statusOutcome{policy.Unknown, policy.NotKnown}); got.State == pki.RevocationNotChecked {
			out.status = policy.NotChecked
		}
	}
	return out
}

// aged makes a check of how old something known is, by policy.
func (o *Options) aged(c *checks, id string, k policy.Knowledge, asOf time.Time) policy.Freshness {
	f := o.policy().FreshnessOf(k, o.Now.Sub(asOf))
	detail := "as of " + asOf.UTC().Format(time.RFC3339) + ": " + string(f) + " by policy"
	if f == policy.WithinPolicy {
		c.pass(id, detail)
	} else {
		c.warn(id, detail)
	}
	return f
}

// anchorAge judges how old the knowledge is of who issues. Anchors that do not
// tell, since an operator put them there by hand, are as new as he says.
func (o *Options) anchorAge(c *checks, asOf time.Time) policy.Freshness {
	if asOf.IsZero() {
		c.notDone("ia.anchors", "the anchors do not say as of when they are")
		return policy.WithinPolicy
	}
	f := o.policy().FreshnessOf(policy.AnchorKnowledge, o.Now.Sub(asOf))
	if o.AnchorsEnd.IsZero() || o.Now.Before(o.AnchorsEnd) || staleness(f) >= staleness(policy.TooOld) {
		return o.aged(c, "ia.anchors", policy.AnchorKnowledge, asOf)
	}
	c.warn("ia.anchors", fmt.Sprintf("as of %s: %s by policy, but nobody vouches for them since %s", asOf.UTC().Format(time.RFC3339), f, o.AnchorsEnd.UTC().Format(time.RFC3339)))
	return policy.TooOld
}

// beside joins what is known of a copy with what is known of its signer: revoked
// wins over everything, then the end of validity, then not knowing, then not
// having looked. The whole is as old as its oldest part.
func (s statusOutcome) beside(signer statusOutcome) statusOutcome {
	out := s
	if staleness(signer.freshness) > staleness(out.freshness) {
		out.freshness = signer.freshness
	}
	for _, status := range []policy.Status{policy.Revoked, policy.Expired, policy.NotYetValid, policy.Unknown, policy.NotChecked} {
		if s.status == status || signer.status == status {
			out.status = status
			return out
		}
	}
	return out
}
