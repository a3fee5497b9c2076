package trust

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"vidimus/internal/pki"
)

// ErrAnchor is for a certificate that may not be an anchor, or an anchor that
// does not say for what.
var ErrAnchor = errors.New("anchor refused")

// Purpose is what an anchor's descendants may sign.
type Purpose string

// Purposes. Those that issue hold for the doctypes or vcts of the anchor alone;
// for the others an anchor without any holds for all.
const (
	// IssueMdoc is for the MSO of documents of the anchor's doctypes.
	IssueMdoc Purpose = "issue-mdoc"
	// IssueSDJWT is for SD-JWT VCs of the anchor's vcts.
	IssueSDJWT Purpose = "issue-sd-jwt"
	// StatusList is for status list tokens and identifier lists.
	StatusList Purpose = "status-list"
	// Reader is for readerAuth of mdoc requests.
	Reader Purpose = "reader"
	// Access is for OpenID4VP requests and OpenID4VCI metadata.
	Access Purpose = "access"
	// VICAL is for lists of issuing authorities.
	VICAL Purpose = "vical"
	// Bundle is for the bundles of offline readers.
	Bundle Purpose = "bundle"
)

// Purposes is every purpose, in the order of this file.
func Purposes() []Purpose {
	return []Purpose{IssueMdoc, IssueSDJWT, StatusList, Reader, Access, VICAL, Bundle}
}

// Scope is for what an anchor counts.
type Scope struct {
	Purposes []Purpose
	// DocTypes are mdoc doctypes, VCTs are SD-JWT VC types; compared exactly.
	DocTypes, VCTs []string
}

// Anchor is a certificate that is trusted of itself.
type Anchor struct {
	Cert *pki.Certificate
	Scope
	// Source tells where it comes from: a file, a list with its number.
	Source string
	// AsOf is when the source said so; zero when it does not say.
	AsOf time.Time
}

// covers tells whether the anchor counts for a purpose and a type.
func (a *Anchor) covers(p Purpose, typ string) bool {
	if !slices.Contains(a.Purposes, p) {
		return false
	}
	switch p {
	case IssueMdoc:
		return slices.Contains(a.DocTypes, typ)
	case IssueSDJWT:
		return slices.Contains(a.VCTs, typ)
	}
	return len(a.DocTypes)+len(a.VCTs) == 0 || typ == "" || slices.Contains(a.DocTypes, typ) || slices.Contains(a.VCTs, typ)
}

// check says whether the anchor may be one (bad input X02).
func (a *Anchor) check() error {
	if a.Cert == nil {
		return fmt.Errorf("%w: no certificate", ErrAnchor)
	}
	if err := a.Cert.Anchor(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrAnchor, a.Cert, err)
	}
	return a.Scope.check()
}

func (s Scope) check() error {
	if len(s.Purposes) == 0 {
		return fmt.Errorf("%w: no purpose", ErrAnchor)
	}
	for _, p := range s.Purposes {
		switch {
		case !slices.Contains(Purposes(), p):
			return fmt.Errorf("%w: unknown purpose %q, known are %v", ErrAnchor, p, Purposes())
		case p == IssueMdoc && len(s.DocTypes) == 0:
			return fmt.Errorf("%w: %s without doctypes", ErrAnchor, p)
		case p == IssueSDJWT && len(s.VCTs) == 0:
			return fmt.Errorf("%w: %s without vcts", ErrAnchor, p)
		}
	}
	if len(s.DocTypes)+len(s.VCTs) > maxTypes {
		return fmt.Errorf("%w: more than %d doctypes and vcts", ErrAnchor, maxTypes)
	}
	if slices.Contains(s.DocTypes, "") || slices.Contains(s.VCTs, "") {
		return fmt.Errorf("%w: empty doctype or vct", ErrAnchor)
	}
	return nil
}

// Store holds anchors. The zero value is empty and trusts nobody. Safe for
// concurrent use.
type Store struct {
	mu      sync.RWMutex
	anchors []Anchor
	// asked are the answers of Anchors: readers ask the same again and again, and
	// the lists of the world are long.
	asked map[question][]*pki.Certificate
	asOf  time.Time // see AsOf
}

type question struct {
	purpose Purpose
	typ     string
}

// Add takes one more anchor, in a copy. Errors match ErrAnchor; nothing is
// added then. The same certificate may be added for several scopes.
func (s *Store) Add(a Anchor) error {
	if err := a.check(); err != nil {
		return err
	}
	a.Purposes, a.DocTypes, a.VCTs = slices.Clone(a.Purposes), slices.Clone(a.DocTypes), slices.Clone(a.VCTs)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(a)
	return nil
}

// Anchors gives the certificates that count for a purpose and a doctype or vct,
// each once, in the order in which they were added. An empty type asks the
// purposes that do not issue for all of theirs. The answer is shared: do not
// change it.
func (s *Store) Anchors(p Purpose, docTypeOrVCT string) []*pki.Certificate {
	if s == nil {
		return nil
	}
	q := question{p, docTypeOrVCT}
	s.mu.RLock()
	out, known := s.asked[q]
	s.mu.RUnlock()
	if known {
		return out
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[[sha256.Size]byte]bool{}
	for i := range s.anchors {
		c := s.anchors[i].Cert
		if s.anchors[i].covers(p, docTypeOrVCT) && !seen[c.Fingerprint] {
			seen[c.Fingerprint] = true
			out = append(out, c)
		}
	}
	out = slices.Clip(out)
	if len(out) > 0 && len(s.asked) < maxAsked { // types come from strangers
		if s.asked == nil {
			s.asked = map[question][]*pki.Certificate{}
		}
		s.asked[q] = out
	}
	return out
}

// Find gives what the store says of a certificate for a purpose and a type: the
// anchor that was added first.
func (s *Store) Find(c *pki.Certificate, p Purpose, docTypeOrVCT string) (Anchor, bool) {
	if s == nil || c == nil {
		return Anchor{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.anchors {
		if a := &s.anchors[i]; a.Cert.Fingerprint == c.Fingerprint && a.covers(p, docTypeOrVCT) {
			return *a, true
		}
	}
	return Anchor{}, false
}

// All gives every anchor, in the order in which they were added.
func (s *Store) All() []Anchor {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := slices.Clone(s.anchors)
	for i := range out {
		out[i].Purposes, out[i].DocTypes, out[i].VCTs = slices.Clone(out[i].Purposes), slices.Clone(out[i].DocTypes), slices.Clone(out[i].VCTs)
	}
	return out
}

// AsOf is the age of what the store knows: the oldest instant of those anchors
// whose source tells one, zero when none does.
func (s *Store) AsOf() time.Time {
	if s == nil {
		return time.Time{}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.asOf
}

// Merge adds every anchor of another store.
func (s *Store) Merge(other *Store) {
	all := other.All()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(all...)
}

// take adds anchors; the caller holds the lock, or is the only one with the store.
func (s *Store) take(anchors ...Anchor) {
	s.anchors = append(s.anchors, anchors...)
	clear(s.asked)
	for i := range anchors {
		if at := anchors[i].AsOf; !at.IsZero() && (s.asOf.IsZero() || at.Before(s.asOf)) {
			s.asOf = at
		}
	}
}
