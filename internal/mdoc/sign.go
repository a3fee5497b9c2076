package mdoc

import (
	"crypto"
	"fmt"
	"io"

	"vidimus/internal/pki"
)

// Sign signs a prepared copy and returns the encoded IssuerSigned with all its
// items. chain is the document signer's certificate first, without the IACA
// root; signer holds its key.
//
// Before anything is signed it checks what depends on the certificate: that the
// key is the certificate's, that `signed` lies in its validity, and that
// validUntil does not come after its end; such an error wraps ErrRule and leaves
// the copy unused. A copy is signed once: a second call gives ErrUsed, also when
// the first one failed in the signer.
func (p *Prepared) Sign(signer crypto.Signer, chain [][]byte, rand io.Reader) ([]byte, error) {
	by, err := p.template.chains.signer(chain, p.template.x5t)
	if err != nil {
		return nil, err
	}
	if err := p.lintSigner(signer, by.leaf); err != nil {
		return nil, err
	}
	if p.used.Swap(true) {
		return nil, ErrUsed
	}
	issuerAuth, err := by.headers.Sign(signer, p.payload, rand)
	if err != nil {
		return nil, fmt.Errorf("signing the MSO: %w", err)
	}
	issued := encodeIssuerSigned(p.nameSpaces, issuerAuth)
	p.template.release(p.nameSpaces)
	p.nameSpaces = nil
	return issued, nil
}

func (p *Prepared) lintSigner(signer crypto.Signer, leaf *pki.Certificate) error {
	own, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !own.Equal(leaf.PublicKey()) {
		return ruleBroken("the signing key is not that of the certificate")
	}
	signed, until := p.validity.Signed.Time, p.validity.ValidUntil.Time
	if signed.Before(leaf.NotBefore()) || signed.After(leaf.NotAfter()) {
		return ruleBroken("signed %v outside the document signer's validity", signed)
	}
	if until.After(leaf.NotAfter()) {
		return ruleBroken("validUntil %v after the document signer's end", until)
	}
	return nil
}
