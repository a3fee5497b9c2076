package trust

import (
	"errors"
	"fmt"
	"time"

	"vidimus/internal/pki"
)

// ErrLink is for a new root that no anchor of the store leads to. What was wrong
// with the link is a *pki.PathError below it.
var ErrLink = errors.New("the link leads from no anchor to the new root")

// Follow trusts a new root for all that an old one counts for, since the old one's
// key signed a link certificate for it: pki.VerifyLink says whether it did (ISO/IEC
// 18013-5 second edition, 10.6). It is the anchors that change, not a path: whoever
// holds the new root afterwards needs the link no more. Old anchors stay, for what
// was signed below them.
//
// The answer are the anchors that were added, none when the store had them. Errors
// match ErrLink, and nothing is added then.
func (s *Store) Follow(link, next *pki.Certificate, now time.Time) ([]Anchor, error) {
	var failed error
	var added []Anchor
	followed := false
	for _, a := range s.All() {
		err := pki.VerifyLink(a.Cert, link, next, now)
		if err != nil {
			// Of all anchors that the link is not from, the one whose name it has says why.
			if failed == nil || !errors.Is(err, pki.ErrUntrusted) {
				failed = err
			}
			continue
		}
		followed = true
		if s.holds(next, a.Scope) {
			continue
		}
		added = append(added, Anchor{Cert: next, Scope: a.Scope, Source: "link from " + a.Source, AsOf: a.AsOf})
	}
	switch {
	case failed == nil && !followed:
		return nil, fmt.Errorf("%w: there are no anchors", ErrLink)
	case !followed:
		return nil, fmt.Errorf("%w: %w", ErrLink, failed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(added...)
	return added, nil
}

// holds tells whether the store trusts a certificate for all of a scope.
func (s *Store) holds(c *pki.Certificate, scope Scope) bool {
	for _, p := range scope.Purposes {
		types := []string{""}
		switch p {
		case IssueMdoc:
			types = scope.DocTypes
		case IssueSDJWT:
			types = scope.VCTs
		}
		for _, typ := range types {
			if _, ok := s.Find(c, p, typ); !ok {
				return false
			}
		}
	}
	return true
}
