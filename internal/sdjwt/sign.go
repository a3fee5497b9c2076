package sdjwt

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"vidimus/internal/jose"
)

// ErrUsed says that a prepared credential was signed before.
var ErrUsed = errors.New("prepared credential was signed already")

// Sign signs what was prepared and returns the SD-JWT in compact form, all
// disclosures included. It works once, whatever comes of it.
//
// chain goes into x5c of the protected header (HAIP 1.0, section 6.1.1): DER,
// leaf first, without the trust anchor, and the leaf certifies signer.
func (p *Prepared) Sign(signer crypto.Signer, chain [][]byte, rand io.Reader) (string, error) {
	if p.used.Swap(true) {
		return "", ErrUsed
	}
	if err := p.t.checkSigner(signer, chain); err != nil {
		return "", fmt.Errorf("x5c: %w", err)
	}
	return p.sign(signer, map[string]any{"typ": p.typ, "x5c": chain}, rand)
}

// SignWithKeyID is [Prepared.Sign] for issuers whose keys are found by iss and
// kid in issuer metadata (SD-JWT VC, section 2.5) rather than by certificate.
func (p *Prepared) SignWithKeyID(signer crypto.Signer, kid string, rand io.Reader) (string, error) {
	if p.used.Swap(true) {
		return "", ErrUsed
	}
	header := map[string]any{"typ": p.typ}
	if kid != "" {
		header["kid"] = kid
	}
	return p.sign(signer, header, rand)
}

func (p *Prepared) sign(signer crypto.Signer, header map[string]any, rand io.Reader) (string, error) {
	token, err := jose.Sign(signer, header, p.payload, rand)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	n := len(token) + 1 + len(p.disclosures)
	if n > maxSize {
		return "", fmt.Errorf("%w: credential of %d bytes, at most %d", ErrLimit, n, maxSize)
	}
	var compact strings.Builder
	compact.Grow(n)
	compact.WriteString(token)
	compact.WriteByte('~')
	compact.Write(p.disclosures)
	return compact.String(), nil
}

// checkedChain is a chain that was found to fit a key.
type checkedChain struct {
	chain [][]byte
	key   crypto.PublicKey
}

// checkSigner checks a chain, once for all copies that use it.
func (t *Template) checkSigner(signer crypto.Signer, chain [][]byte) error {
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return fmt.Errorf("key of type %T", signer.Public())
	}
	if c := t.chain.Load(); c != nil && public.Equal(c.key) && slices.EqualFunc(c.chain, chain, bytes.Equal) {
		return nil
	}
	if err := checkChain(chain); err != nil {
		return err
	}
	c := &checkedChain{key: signer.Public()}
	for i, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", i, err)
		}
		// A link certificate has one name twice too, and the signature of another key.
		if bytes.Equal(certificate.RawIssuer, certificate.RawSubject) && certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) == nil {
			return fmt.Errorf("certificate %d is self-signed: anchors do not travel", i)
		}
		if i == 0 && !public.Equal(certificate.PublicKey) {
			return fmt.Errorf("the leaf certifies another key")
		}
		c.chain = append(c.chain, bytes.Clone(der))
	}
	t.chain.Store(c)
	return nil
}
