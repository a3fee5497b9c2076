package mdoc

import (
	"crypto"
	"time"
)

// VerifyOptions is what the verifier knows, none of it from the holder.
type VerifyOptions struct {
	// Leaf is the key of the document signer's certificate, validated up to an
	// anchor that may sign this docType. DSNotBefore and DSNotAfter are its
	// validity.
	Leaf                    crypto.PublicKey
	DSNotBefore, DSNotAfter time.Time

	Now  time.Time
	Skew time.Duration // tolerance for clocks, 0 to MaxSkew

	DeviceAuth DeviceAuthOptions
}

// Verify makes every check of a document that needs neither certificates nor
// lists (ISO/IEC 18013-5, 9.3.1, steps 2 to 6 and 9.1.3), in one pass over the
// parsed bytes, and returns one finding for each, in a fixed order:
// cbor.strict, cbor.canonical, ia.header, ia.sig, mso.format, mso.tdate,
// mso.doctype, mso.digest, mso.dup, mso.validity, mso.signed, mso.outlives,
// da.keyauth, da.sig or da.mac; and resp.status when the document contradicts
// itself.
//
// All are made even when an early one fails, so that "genuine but expired" can
// be told from "forged". Left to the caller are the certificate path with its
// country rules, revocation, whether the document was asked for
// ([Document.VerifyRequested]) and whether it answers ([Document.Compare]).
func (d *Document) Verify(opt VerifyOptions) []Finding {
	format := d.VerifyFormat()
	issuer := d.VerifyIssuerAuth(opt.Leaf)
	validity := d.VerifyValidity(opt.Now, opt.Skew, opt.DSNotBefore, opt.DSNotAfter)
	findings := make([]Finding, 0, 15)
	findings = append(findings, format[0])
	findings = append(findings, d.VerifyCanonical()...)
	findings = append(findings, issuer...)
	findings = append(findings, format[1], validity[3])
	findings = append(findings, d.VerifyDocType()...)
	findings = append(findings, d.VerifyDigests()...)
	findings = append(findings, validity[:3]...)
	findings = append(findings, d.VerifyDeviceAuth(opt.DeviceAuth)...)
	return append(findings, d.VerifyErrors()...)
}

// Verify makes the checks of an IssuerSigned without a holder's proof, as when
// an issuer or a wallet looks at a credential.
func (s *IssuerSigned) Verify(opt VerifyOptions) []Finding {
	validity := s.VerifyValidity(opt.Now, opt.Skew, opt.DSNotBefore, opt.DSNotAfter)
	findings := append([]Finding{s.noted(CheckStrict)}, s.VerifyCanonical()...)
	findings = append(findings, s.VerifyIssuerAuth(opt.Leaf)...)
	findings = append(findings, s.noted(CheckFormat), validity[3])
	findings = append(findings, s.VerifyDigests()...)
	return append(findings, validity[:3]...)
}

// VerifyFormat reports cbor.strict and mso.format: the parser has refused what
// is malformed, so that what is left to tell are the leniencies.
func (d *Document) VerifyFormat() []Finding {
	strict := Merge([]Finding{d.IssuerSigned.noted(CheckStrict)}, notesFor(d.Notes, CheckStrict))
	return append(strict, d.IssuerSigned.noted(CheckFormat))
}

func notesFor(list []Finding, check string) []Finding {
	var found []Finding
	for _, note := range list {
		if note.Check == check {
			found = append(found, note)
		}
	}
	return found
}
