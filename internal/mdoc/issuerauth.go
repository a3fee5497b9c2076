package mdoc

import (
	"crypto"
	"errors"

	"vidimus/internal/cose"
)

// parseIssuerAuth reads the COSE_Sign1 of an IssuerSigned and the MSO inside.
func parseIssuerAuth(b []byte, n *notes) (*cose.Sign1, *MobileSecurityObject, error) {
	sign1, err := parseSign1(b, CheckIssuerHeader, n)
	if err != nil {
		return nil, nil, err
	}
	if sign1.Payload == nil {
		return nil, nil, refuse(CheckIssuerHeader, "payload is detached")
	}
	mso, err := parseMSO(sign1.Payload, n)
	return sign1, mso, err
}

// parseSign1 reads a COSE_Sign1 that must carry an x5chain, and notes what
// writers of ISO/IEC 18013-5 should do otherwise.
func parseSign1(b []byte, check string, n *notes) (*cose.Sign1, error) {
	sign1, err := cose.ParseSign1(b)
	if err != nil {
		return nil, refuseCause(check, err)
	}
	h := &sign1.Header
	switch {
	case len(h.X5Chain) == 0:
		return nil, refuse(check, "no x5chain")
	case len(h.X5Chain) > MaxChain:
		return nil, refuseKind(ErrLimit, check, "x5chain of %d certificates, at most %d", len(h.X5Chain), MaxChain)
	}
	if h.X5ChainProtected {
		n.warn(check, "x5chain in the protected header")
	}
	if h.X5ChainSingleArray {
		n.warn(check, "x5chain is an array with one certificate")
	}
	if sign1.Tagged {
		n.warn(check, "COSE_Sign1 carries tag 18")
	}
	return sign1, nil
}

// VerifyIssuerAuth verifies the issuer's signature: ia.header and ia.sig
// (ISO/IEC 18013-5, 9.3.1, step 2).
//
// leaf is the key of x5chain's first certificate, which the caller has validated
// up to an anchor of its own (step 1): anybody may put certificates into the
// unprotected header.
func (s *IssuerSigned) VerifyIssuerAuth(leaf crypto.PublicKey) []Finding {
	return []Finding{s.noted(CheckIssuerHeader), signatureFinding(CheckIssuerSignature, s.IssuerAuth.Verify(leaf))}
}

// VerifyIssuerAuth is [IssuerSigned.VerifyIssuerAuth] of the document.
func (d *Document) VerifyIssuerAuth(leaf crypto.PublicKey) []Finding {
	return d.IssuerSigned.VerifyIssuerAuth(leaf)
}

// signatureFinding says how a signature failed, in words that do not depend on
// the room below.
func signatureFinding(check string, err error) Finding {
	f := Finding{Check: check, Result: Pass}
	if err == nil {
		return f
	}
	f.Result = Fail
	switch {
	case errors.Is(err, cose.ErrKey):
		f.Detail = "algorithm and key do not fit: " + err.Error()
	case errors.Is(err, cose.ErrSignature):
		f.Detail = "the signature is not that of the key"
	default:
		f.Detail = err.Error()
	}
	return f
}
