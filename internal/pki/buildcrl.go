package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
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
// and authority key identifier, entries of serial number and date alone. What
// was signed is read again by ParseCRL and Verify. Errors about the content
// match ErrProfile.
func BuildCRL(r Revocations, issuer *Certificate, signer crypto.Signer, rand io.Reader) (*CRL, error) {
	this, next := r.ThisUpdate.UTC().Truncate(time.Second), r.NextUpdate.UTC().Truncate(time.Second)
	switch {
	case signer == nil || rand == nil:
		return nil, errors.New("building a revocation list needs a signer and a random source")
	case !samePublicKey(issuer.PublicKey(), signer.Public()):
		return nil, errors.New("the signer's key is not the issuing certificate's")
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
	raw, err := x509.CreateRevocationList(rand, template, issuer.Cert, signer)
	if err != nil {
		return nil, fmt.Errorf("signing the revocation list: %w", err)
	}
	list, err := ParseCRL(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the revocation list that was made: %w", err)
	}
	if err := list.Verify(issuer, false); err != nil {
		return nil, fmt.Errorf("checking the signature made: %w", err)
	}
	return list, nil
}
