package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Revocations is what an authority says of its certificates.
type Revocations struct {
	// Number is higher than that of every earlier list.
	Number *big.Int
	// ThisUpdate and NextUpdate are rounded down to the second; at most 90 days
	// lie between them (ISO/IEC 18013-5, Annex B).
	ThisUpdate, NextUpdate time.Time
	Revoked                []RevokedCertificate
}

// RevokedCertificate is one entry: no reason is ever written.
type RevokedCertificate struct {
	Serial *big.Int
	At     time.Time
}

// BuildCRL writes and signs a revocation list in the profile of Annex B: number
// and authority key identifier, entries of serial number and date alone. As with
// Build a throwaway key signs first, and a finding of LintCRL about that keeps the
// real one from signing; what that signed is read again by ParseCRL and Verify.
// Errors about the content match ErrProfile.
func BuildCRL(r Revocations, issuer *Certificate, signer crypto.Signer, rand io.Reader) (*CRL, error) {
	switch {
	case signer == nil || rand == nil:
		return nil, errors.New("building a revocation list needs a signer and a random source")
	case !samePublicKey(issuer.PublicKey(), signer.Public()):
		return nil, errors.New("the signer's key is not the issuing certificate's")
	}
	template, err := r.x509()
	if err != nil {
		return nil, err
	}
	draft, err := signDraftCRL(template, issuer, rand)
	if err != nil {
		return nil, err
	}
	if findings := LintCRL(draft); len(findings) > 0 {
		return nil, fmt.Errorf("%w: revocation list: %s", ErrProfile, strings.Join(findings, "; "))
	}
	list, err := signCRL(template, issuer, signer, rand)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(list.signed, draft.signed) {
		return nil, errors.New("the revocation list that was signed is not the one that was linted")
	}
	if err := list.Verify(issuer, false); err != nil {
		return nil, fmt.Errorf("checking the signature made: %w", err)
	}
	return list, nil
}

// x509 turns what is said into crypto/x509's.
func (r Revocations) x509() (*x509.RevocationList, error) {
	this, next := r.ThisUpdate.UTC().Truncate(time.Second), r.NextUpdate.UTC().Truncate(time.Second)
	switch {
	case r.Number == nil || r.Number.Sign() < 0 || len(r.Number.Bytes()) >= maxSerialOctets:
		return nil, fmt.Errorf("%w: a revocation list needs a number below 20 octets", ErrProfile)
	case !next.After(this) || next.Sub(this) > maxCRLDays:
		return nil, fmt.Errorf("%w: next update is not within 90 days", ErrProfile)
	case len(r.Revoked) > MaxCRLEntries:
		return nil, fmt.Errorf("%w: more than %d entries", ErrProfile, MaxCRLEntries)
	}
	template := &x509.RevocationList{Number: r.Number, ThisUpdate: this, NextUpdate: next}
	for _, e := range r.Revoked {
		if e.Serial == nil || e.Serial.Sign() <= 0 || e.At.After(r.ThisUpdate) {
			return nil, fmt.Errorf("%w: an entry without serial number or with a date to come", ErrProfile)
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: e.Serial, RevocationTime: e.At.UTC().Truncate(time.Second)})
	}
	return template, nil
}

// signDraftCRL signs with a throwaway key that stands in for the issuer's.
func signDraftCRL(template *x509.RevocationList, issuer *Certificate, rand io.Reader) (*CRL, error) {
	throwaway, err := throwawayKey(issuer.PublicKey())
	if err != nil {
		return nil, err
	}
	return signCRL(template, issuer, throwaway, rand)
}

func signCRL(template *x509.RevocationList, issuer *Certificate, signer crypto.Signer, rand io.Reader) (*CRL, error) {
	raw, err := x509.CreateRevocationList(rand, template, issuer.Cert, signer)
	if err != nil {
		return nil, fmt.Errorf("signing the revocation list: %w", err)
	}
	list, err := ParseCRL(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the revocation list that was made: %w", err)
	}
	return list, nil
}

// LintCRL holds a list against the profile of Annex B as Lint does a certificate: what
// its issuer may not have written. Readers take lists that have findings.
func LintCRL(c *CRL) []string {
	out := slices.Clone(c.Warnings)
	if c.NextUpdate.Sub(c.ThisUpdate) > maxCRLDays {
		out = append(out, "next update is more than 90 days after this update")
	}
	for _, e := range c.Entries() {
		if e.At.After(c.ThisUpdate) {
			out = append(out, "an entry is of a time after this update")
			break
		}
	}
	for content := range c.revoked {
		if content[0]&0x80 != 0 || content == "\x00" {
			out = append(out, "an entry with a serial number that is not positive")
			break
		}
	}
	return out
}
