package pki

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// RevocationState is what is known about the revocation of a certificate or of
// a whole path. The four are never collapsed.
type RevocationState string

// The states, from best to worst in what a reader may conclude.
const (
	// NotRevoked: a list that counts was read, and it names none of the path.
	NotRevoked RevocationState = "good"
	// RevocationNotChecked: no list of the issuer is at hand.
	RevocationNotChecked RevocationState = "not checked"
	// RevocationUnknown: there is a list, and it does not count: past its next
	// update, from the future, or not signed by the issuer.
	RevocationUnknown RevocationState = "unknown"
	// Revoked: a list that the issuer signed names the certificate. No later
	// list takes that back: the profile knows no hold.
	Revoked RevocationState = "revoked"
)

// Revocation is the answer for a path.
type Revocation struct {
	State RevocationState
	// Certificate is the one that decided, nil when the state is good.
	Certificate *Certificate
	// AsOf is when the oldest list that counted was written, NextUpdate when the
	// first of them ends; zero when none counted.
	AsOf, NextUpdate time.Time
	// Detail says why in one line.
	Detail string
}

// CRLs is a set of revocation lists, several of one issuer among them: of those
// that the issuer signed, the one with the highest number says who is good, and
// each of them who is revoked. A nil set holds none. Safe for concurrent use.
type CRLs struct {
	byIssuer map[string][]*CRL
	lists    []*CRL

	mu       sync.Mutex
	verified map[signedBy]error // a signature is checked once
}

// signedBy names a list and the certificate that it is held against.
type signedBy struct {
	list, issuer [32]byte
	allowRSA     bool
}

// NewCRLs makes a set. Lists beyond MaxCRLs match ErrCRL; whether they are
// signed by anybody shows when a path is asked for.
func NewCRLs(lists ...*CRL) (*CRLs, error) {
	if len(lists) > MaxCRLs {
		return nil, fmt.Errorf("%w: %d lists, at most %d", ErrCRL, len(lists), MaxCRLs)
	}
	s := &CRLs{byIssuer: map[string][]*CRL{}, verified: map[signedBy]error{}, lists: lists}
	for _, c := range lists {
		s.byIssuer[string(c.RawIssuer)] = append(s.byIssuer[string(c.RawIssuer)], c)
	}
	return s, nil
}

// All gives the lists, in the order in which they were given. Do not change it.
func (s *CRLs) All() []*CRL {
	if s == nil {
		return nil
	}
	return s.lists
}

// Of answers for a path at an instant: each certificate against the list of the
// one above it, a self-signed anchor against its own. skew forgives a list that
// was written by a clock ahead of ours. The worst answer stands (RFC 5280, 6.3;
// ISO/IEC 18013-5, 9.3.3).
func (s *CRLs) Of(p *Path, now time.Time, skew time.Duration, allowRSA bool) Revocation {
	worst := Revocation{State: RevocationNotChecked, Detail: "no authority stands above the certificate"}
	for i, c := range p.Chain {
		issuer := c
		if i+1 < len(p.Chain) {
			issuer = p.Chain[i+1]
		} else if !c.SelfIssued() {
			break
		}
		got := s.one(c, issuer, now, skew, allowRSA)
		if i == 0 {
			worst = got
			continue
		}
		asOf, next := worst.AsOf, worst.NextUpdate
		if got.State.worse(worst.State) {
			worst = got
		}
		worst.AsOf, worst.NextUpdate = earlier(asOf, got.AsOf), earlier(next, got.NextUpdate)
	}
	return worst
}

// one answers for one certificate.
func (s *CRLs) one(c, issuer *Certificate, now time.Time, skew time.Duration, allowRSA bool) Revocation {
	var newest *CRL
	out := Revocation{State: RevocationNotChecked, Certificate: c}
	if s == nil {
		return out.without(issuer)
	}
	for _, list := range s.byIssuer[string(c.RawIssuer)] {
		if len(issuer.SubjectKeyID()) > 0 && !bytes.Equal(list.AuthorityKeyID, issuer.SubjectKeyID()) {
			continue // of another authority under the same name, as real lists hold several
		}
		if err := s.verify(list, issuer, allowRSA); err != nil {
			out.State, out.Detail = RevocationUnknown, err.Error()
			continue
		}
		if at, ok := list.RevokedAt(c); ok {
			return Revocation{State: Revoked, Certificate: c, AsOf: list.ThisUpdate, NextUpdate: list.NextUpdate,
				Detail: fmt.Sprintf("%s was revoked on %s, list %s", c, at.Format(time.RFC3339), list.Number)}
		}
		if newest == nil || list.Number.Cmp(newest.Number) > 0 {
			newest = list
		}
	}
	if newest == nil {
		return out.without(issuer)
	}
	out = Revocation{State: NotRevoked, AsOf: newest.ThisUpdate, NextUpdate: newest.NextUpdate}
	switch {
	case now.Add(skew).Before(newest.ThisUpdate):
		out.State, out.Certificate, out.Detail = RevocationUnknown, c, "the revocation list is from the future: "+newest.ThisUpdate.Format(time.RFC3339)
	case !now.Before(newest.NextUpdate):
		out.State, out.Certificate, out.Detail = RevocationUnknown, c, "the revocation list ended on "+newest.NextUpdate.Format(time.RFC3339)
	default:
		out.Detail = newest.name
	}
	return out
}

// without says that there is no list, unless something else was said already.
func (r Revocation) without(issuer *Certificate) Revocation {
	if r.Detail == "" {
		r.Detail = "no revocation list of " + issuer.String() + " is at hand"
	}
	return r
}

func (s *CRLs) verify(list *CRL, issuer *Certificate, allowRSA bool) error {
	key := signedBy{list.Fingerprint, issuer.Fingerprint, allowRSA}
	s.mu.Lock()
	err, known := s.verified[key]
	s.mu.Unlock()
	if known {
		return err
	}
	err = list.Verify(issuer, allowRSA)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) < 4*MaxCRLs { // strangers' authorities of one name must not fill the memory
		s.verified[key] = err
	}
	return err
}

func (s RevocationState) worse(than RevocationState) bool {
	return s.rank() > than.rank()
}

func (s RevocationState) rank() int {
	switch s {
	case NotRevoked:
		return 0
	case RevocationNotChecked:
		return 1
	case Revoked:
		return 3
	}
	return 2
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
