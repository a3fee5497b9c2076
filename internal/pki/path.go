package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reasons of a PathError, in the order in which they are looked for: a chain
// that is both forged and expired is told as forged, and "expired" means that
// all else holds.
const (
	ReasonMalformed   = "malformed"     // a certificate or the list cannot be read
	ReasonTooMany     = "too-many"      // more certificates or look-alikes than Validate will look at
	ReasonSelfSigned  = "self-signed"   // the leaf is signed with its own key
	ReasonNoAnchor    = "no-anchor"     // no anchor of ours under that name and key identifier
	ReasonSignature   = "signature"     // a signature does not verify
	ReasonAlgorithm   = "algorithm"     // a key or signature algorithm is not accepted
	ReasonCritical    = "critical"      // an unknown critical extension, or name constraints
	ReasonCA          = "ca"            // an issuer is no CA, or the leaf is one
	ReasonPathLength  = "path-length"   // a path length or MaxIntermediates is exceeded
	ReasonKeyUsage    = "key-usage"     // key usage does not allow what is done
	ReasonEKU         = "eku"           // the leaf may not serve the purpose
	ReasonCountry     = "country"       // leaf and anchor differ in country
	ReasonState       = "state"         // leaf and anchor differ in state
	ReasonExpired     = "expired"       // all else holds, but a certificate is past its validity
	ReasonNotYetValid = "not-yet-valid" // all else holds, but a certificate is before its validity
)

// Warnings of a Path.
const (
	warnNoEKU          = "leaf has no extended key usage"
	warnEKUNotCritical = "extended key usage of the leaf is not critical"
	warnExtraEKU       = "extended key usage of the leaf lists other purposes"
	warnNoKeyUsage     = "leaf has no key usage"
	warnNoAKI          = "certificate has no authority key identifier"
	warnNoState        = "anchor has a state and the leaf has none"
	warnLenient        = "read leniently"
)

// PathError says why a chain is not trusted.
type PathError struct {
	// Reason is one of the Reason constants.
	Reason string
	// Subject is the certificate that it is about, nil when it is the list.
	Subject *Certificate
	Err     error
}

func (e *PathError) Error() string {
	s := "certificate path: " + e.Reason
	if e.Subject != nil {
		s += ": " + e.Subject.String()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *PathError) Unwrap() error { return e.Err }

// Is matches ErrMalformed, ErrUntrusted, ErrPath, ErrProfile and ErrExpired.
func (e *PathError) Is(target error) bool {
	switch e.Reason {
	case ReasonMalformed:
		return target == ErrMalformed
	case ReasonSelfSigned, ReasonNoAnchor:
		return target == ErrUntrusted
	case ReasonTooMany, ReasonSignature, ReasonCA, ReasonPathLength:
		return target == ErrPath
	case ReasonExpired, ReasonNotYetValid:
		return target == ErrExpired
	}
	return target == ErrProfile
}

// PathOptions is what the caller asks of a path. The zero value asks for a leaf
// directly below the anchor, valid at the zero time, for no purpose: set Now
// and Purposes.
type PathOptions struct {
	// Now is the instant of acceptance, not the instant of signing: a stolen
	// key could back-date (ISO/IEC 18013-5, 9.3.3).
	Now time.Time
	// Purposes are the extended key usages of which the leaf must list one.
	// anyExtendedKeyUsage does not count.
	Purposes []asn1.ObjectIdentifier
	// RequireEKU refuses a leaf without the extension; else that is a warning.
	// A leaf that has it must list a purpose in either case.
	RequireEKU bool
	// StrictEKU refuses a leaf whose EKU is not critical or lists anything
	// beside Purposes and what the second edition advises beside them; else
	// these are warnings.
	StrictEKU bool
	// KeyUsage is what the leaf's key usage must allow when it is there: zero
	// is digitalSignature, a VICAL needs nonRepudiation.
	KeyUsage x509.KeyUsage
	// CheckCountry compares C and ST of leaf and anchor, for IACA anchors.
	CheckCountry bool
	// MaxIntermediates is how many certificates may lie between leaf and
	// anchor, self-issued ones not counted: 0 as in Annex B, at most 2 is wise.
	MaxIntermediates int
	// AllowRSA accepts CA signatures with RSA keys of 2048 bits and more, which
	// SD-JWT issuers use; never in mdoc profiles, never in a leaf.
	AllowRSA bool
	// AllowOddSerial makes a serial number that is not positive or is longer
	// than 20 octets a warning, for demonstration issuers that have one.
	AllowOddSerial bool
}

// Path is a chain that holds.
type Path struct {
	// Leaf is chain[0]; Anchor is one of the anchors given.
	Leaf, Anchor *Certificate
	// Chain is leaf first, anchor last.
	Chain []*Certificate
	// NotBefore and NotAfter bound the validity of the whole path.
	NotBefore, NotAfter time.Time
	// Warnings are departures from Annex B that do not break trust.
	Warnings []string
}

// Validate decides whether chain, leaf first, leads to one of anchors. Every
// failure is a *PathError; where several paths were tried, its reason is that
// of the path which held longest.
//
// Steps are those of RFC 5280 section 6.1 as ISO/IEC 18013-5 Annex B narrows
// them; not done here: revocation (CRLs.Of, on the path),
// policies, and name constraints, which are refused.
func Validate(chain [][]byte, anchors []*Certificate, opt PathOptions) (*Path, error) {
	v := &validation{opt: opt, anchors: anchors}
	// Step 1. Parse, bounded.
	if len(chain) == 0 {
		return nil, &PathError{Reason: ReasonMalformed, Err: errors.New("no certificate")}
	}
	if len(chain) > MaxChain {
		return nil, &PathError{Reason: ReasonTooMany, Err: fmt.Errorf("%d certificates, at most %d", len(chain), MaxChain)}
	}
	var leaf *Certificate
	for i, raw := range chain {
		c, err := ParseCertificate(raw)
		if err != nil {
			return nil, &PathError{Reason: ReasonMalformed, Err: fmt.Errorf("certificate %d of the chain: %w", i, err)}
		}
		if i == 0 {
			leaf = c
			continue
		}
		// Step 2. Senders wrongly include the root: what is an anchor need not
		// travel, and what is self-signed proves nothing.
		if !v.isAnchor(c) && !c.SelfSigned() {
			v.pool = append(v.pool, c)
		}
	}
	if leaf.SelfSigned() {
		return nil, &PathError{Reason: ReasonSelfSigned, Subject: leaf}
	}
	// Steps 3 to 7, for every path there is.
	v.used = make([]bool, len(v.pool))
	if p := v.extend([]*Certificate{leaf}, 0); p != nil {
		return p, nil
	}
	if v.furthest == nil {
		v.fail(ReasonNoAnchor, leaf, fmt.Errorf("issuer is %s", nameText(leaf.Cert.Issuer)))
	}
	return nil, v.furthest
}

type validation struct {
	opt      PathOptions
	anchors  []*Certificate
	pool     []*Certificate
	used     []bool
	checks   int
	furthest *PathError
}

// fail keeps the error of the path that held longest, and returns false.
func (v *validation) fail(reason string, c *Certificate, err error) bool {
	if v.furthest == nil || slices.Index(order, reason) > slices.Index(order, v.furthest.Reason) {
		v.furthest = &PathError{Reason: reason, Subject: c, Err: err}
	}
	return false
}

// order is how far a path got before it failed for a reason. Having looked at
// too much hides all else, since what was not looked at might have held.
var order = []string{ReasonNoAnchor, ReasonSignature, ReasonAlgorithm, ReasonMalformed, ReasonCritical, ReasonCA,
	ReasonPathLength, ReasonKeyUsage, ReasonEKU, ReasonCountry, ReasonState, ReasonNotYetValid, ReasonExpired, ReasonTooMany}

func (v *validation) isAnchor(c *Certificate) bool {
	for _, a := range v.anchors {
		if a.Equal(c) {
			return true
		}
	}
	return false
}

// extend looks for an issuer of the last certificate of path: first among the
// anchors, all of them since several bear one name, then in the chain.
// intermediates counts those of path that are not self-issued.
func (v *validation) extend(path []*Certificate, intermediates int) *Path {
	last := path[len(path)-1]
	for _, a := range v.anchors {
		if !names(a, last) || !v.signed(last, a) {
			continue
		}
		if p := v.judge(append(path[:len(path):len(path)], a)); p != nil {
			return p
		}
	}
	for i, c := range v.pool {
		if v.used[i] || !names(c, last) || !v.signed(last, c) {
			continue
		}
		n := intermediates
		if !c.SelfIssued() {
			n++
		}
		if n > v.opt.MaxIntermediates {
			v.fail(ReasonPathLength, c, fmt.Errorf("more than %d certificates between leaf and anchor", v.opt.MaxIntermediates))
			continue
		}
		v.used[i] = true
		p := v.extend(append(path[:len(path):len(path)], c), n)
		v.used[i] = false
		if p != nil {
			return p
		}
	}
	return nil
}

// names tells whether issuer may have issued c: same name byte for byte, and
// no contradiction between the key identifiers.
func names(issuer, c *Certificate) bool {
	return bytes.Equal(issuer.RawSubject, c.RawIssuer) &&
		(len(c.AuthorityKeyID()) == 0 || len(issuer.SubjectKeyID()) == 0 || bytes.Equal(c.AuthorityKeyID(), issuer.SubjectKeyID()))
}

// signed checks one signature within the budget, algorithms first.
func (v *validation) signed(c, issuer *Certificate) bool {
	if err := signatureAlgorithm(c.Cert.SignatureAlgorithm, v.opt.AllowRSA); err != nil {
		return v.fail(ReasonAlgorithm, c, err)
	}
	if err := issuerKey(issuer.PublicKey(), v.opt.AllowRSA); err != nil {
		return v.fail(ReasonAlgorithm, issuer, err)
	}
	if v.checks++; v.checks > maxSignatureChecks {
		return v.fail(ReasonTooMany, nil, fmt.Errorf("more than %d signatures to check", maxSignatureChecks))
	}
	if err := verifySignature(c, issuer); err != nil {
		return v.fail(ReasonSignature, c, err)
	}
	return true
}
