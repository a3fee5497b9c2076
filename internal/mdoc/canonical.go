package mdoc

import (
	"strings"

	"vidimus/internal/cbor"
)

// verifyCanonical reports where an encoding is not deterministic (RFC 8949, 4.2):
// cbor.canonical.
//
// Unsorted maps are legal and only noted. Heads that are not the shortest are
// noted where the holder wrote, and a failure in the MSO and in the protected
// header, which the issuer has signed and where nothing but the preferred form
// is allowed.
func (s *IssuerSigned) verifyCanonical(o *outcome) {
	for _, finding := range s.lintMSO() {
		if strings.HasSuffix(finding, "not the shortest") {
			o.fail("MSO: %s", finding)
		} else {
			o.warn("MSO: %s", finding)
		}
	}
	if len(s.IssuerAuth.ProtectedBytes) == 0 {
		return
	}
	if deterministic, _ := cbor.CheckMap(s.IssuerAuth.ProtectedBytes, cbor.MaxMessage); deterministic {
		return
	}
	for _, finding := range cbor.Lint(s.IssuerAuth.ProtectedBytes) {
		o.fail("protected header: %s", finding)
	}
}

// lintMSO asks Lint only where the parser has seen that it finds something.
func (s *IssuerSigned) lintMSO() []string {
	if s.MSO.deterministic {
		return nil
	}
	return cbor.Lint(s.IssuerAuth.Payload)
}

// VerifyCanonical reports cbor.canonical of an IssuerSigned.
func (s *IssuerSigned) VerifyCanonical() []Finding {
	o := newOutcome(CheckCanonical)
	s.verifyCanonical(o)
	for _, finding := range cbor.Lint(s.Raw) {
		o.warn("IssuerSigned: %s", finding)
	}
	return []Finding{o.finding()}
}

// VerifyCanonical reports cbor.canonical of a document, IssuerSigned included.
func (d *Document) VerifyCanonical() []Finding {
	o := newOutcome(CheckCanonical)
	d.IssuerSigned.verifyCanonical(o)
	if !d.deterministic {
		for _, finding := range cbor.Lint(d.Raw) {
			o.warn("Document: %s", finding)
		}
	}
	return []Finding{o.finding()}
}
