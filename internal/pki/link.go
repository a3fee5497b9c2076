package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// VerifyLink decides whether link, an IACA link certificate, lets a reader that
// trusts old trust next as well: old signed link, and link and next certify
// the same name and key. It is an update of the anchors, not a step of a path:
// where the roll-over changes the name, old's path length of 0 forbids a
// further CA below it, and Validate obeys that.
//
// All three must be valid at now. Errors are *PathError.
func VerifyLink(old, link, next *Certificate, now time.Time) error {
	v := &validation{opt: PathOptions{Now: now}}
	switch {
	case !next.SelfSigned():
		return &PathError{Reason: ReasonSignature, Subject: next, Err: errors.New("the new root is not self-signed")}
	case link.SelfSigned():
		return &PathError{Reason: ReasonSelfSigned, Subject: link, Err: errors.New("the link is a root")}
	case !names(old, link):
		return &PathError{Reason: ReasonNoAnchor, Subject: link, Err: errors.New("the link is not issued by the old root")}
	case !bytes.Equal(link.RawSubject, next.RawSubject):
		return &PathError{Reason: ReasonNoAnchor, Subject: link, Err: errors.New("the link names another subject than the new root")}
	case !bytes.Equal(link.Cert.RawSubjectPublicKeyInfo, next.Cert.RawSubjectPublicKeyInfo):
		return &PathError{Reason: ReasonNoAnchor, Subject: link, Err: errors.New("the link certifies another key than the new root's")}
	case old.Country != link.Country || link.Country == "":
		return &PathError{Reason: ReasonCountry, Subject: link, Err: fmt.Errorf("%q follows %q", link.Country, old.Country)}
	case !v.signed(link, old):
		return v.furthest
	}
	for _, c := range []*Certificate{old, link, next} {
		if err := c.Anchor(); err != nil {
			return &PathError{Reason: ReasonCA, Subject: c, Err: err}
		}
	}
	if !v.inTime(&Path{Leaf: link, Anchor: old, Chain: []*Certificate{old, link, next}}) {
		return v.furthest
	}
	return nil
}

// Anchor says whether the certificate may be an anchor at all: a CA that signs
// certificates, with a key we accept and without critical extensions that we
// do not understand. RSA is left to the path's options. A leaf as anchor would
// turn every certificate into its own proof.
func (c *Certificate) Anchor() error {
	switch {
	case !c.IsCA():
		return fmt.Errorf("%w: not a CA", ErrProfile)
	case c.extension(oidKeyUsage) == nil || c.Cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("%w: key usage does not include keyCertSign", ErrProfile)
	case c.extension(oidNameConstraints) != nil:
		return fmt.Errorf("%w: name constraints are not evaluated", ErrProfile)
	case len(c.unknownCritical()) > 0:
		return fmt.Errorf("%w: unknown critical extension %s", ErrProfile, c.unknownCritical()[0])
	}
	if err := issuerKey(c.PublicKey(), true); err != nil {
		return fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return nil
}
