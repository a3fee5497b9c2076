package pki

import (
	"errors"
	"fmt"
	"io"
)

// Draft is what a key would sign, without the key: for people who look at it first.
type Draft struct {
	// TBS is the DER of the TBSCertificate or TBSCertList, byte for byte what Build
	// and BuildCRL will have signed.
	TBS []byte
	// Certificate or CRL is the draft as it reads; a throwaway key signed it, so no
	// path leads through it. The other one is nil.
	Certificate *Certificate
	CRL         *CRL
	// Findings of Lint or LintCRL; Build and BuildCRL refuse where there are any.
	Findings []string
}

// DraftCertificate drafts what Build would make with the key of issuer, or with
// t.Public for a self-signed root. The template fixes everything: Serial, Public and
// both ends of the validity must be there. rand feeds nothing but the throwaway
// signature. Errors about the template match ErrProfile.
func DraftCertificate(t Template, issuer *Certificate, rand io.Reader) (*Draft, error) {
	r, err := t.rules(issuer)
	if err != nil {
		return nil, err
	}
	if t.Serial == nil || t.Public == nil || t.NotBefore.IsZero() || t.NotAfter.IsZero() {
		return nil, errors.New("a draft needs a serial number, a public key and both ends of the validity")
	}
	by := t.Public
	if issuer != nil {
		by = issuer.PublicKey()
	}
	template, err := t.x509(r, issuer, rand)
	if err != nil {
		return nil, err
	}
	c, err := signDraft(template, issuer, t.Public, by, rand)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return &Draft{TBS: c.TBS(), Certificate: c, Findings: Lint(c, t.Profile, issuer)}, nil
}

// DraftCRL drafts what BuildCRL would make. Errors about the content match
// ErrProfile.
func DraftCRL(r Revocations, issuer *Certificate, rand io.Reader) (*Draft, error) {
	template, err := r.x509()
	if err != nil {
		return nil, err
	}
	c, err := signDraftCRL(template, issuer, rand)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	return &Draft{TBS: c.TBS(), CRL: c, Findings: LintCRL(c)}, nil
}

// TBS is the DER of what the issuer signed.
func (c *Certificate) TBS() []byte { return c.Cert.RawTBSCertificate }

// TBS is the DER of what the issuer signed.
func (c *CRL) TBS() []byte { return c.signed }
