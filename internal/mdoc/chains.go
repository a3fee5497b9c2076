package mdoc

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"

	"vidimus/internal/cose"
	"vidimus/internal/pki"
)

// Chains keeps the certificate chain last signed with, parsed and with the
// headers made of it: templates come with every batch, the document signer stays
// for weeks. The zero Chains is ready; it may be used concurrently.
type Chains struct {
	last [2]atomic.Pointer[documentSigner] // without and with x5t
}

// documentSigner is a certificate chain that was looked at.
type documentSigner struct {
	chain [][]byte
	leaf  *pki.Certificate

	headers *cose.Sign1Headers // with that chain
}

// signer returns the leaf of a chain and the headers with it, after checking what
// the profile says of the chain as sent: leaf first, no root.
func (c *Chains) signer(chain [][]byte, x5t bool) (*documentSigner, error) {
	last := &c.last[0]
	if x5t {
		last = &c.last[1]
	}
	if s := last.Load(); s != nil && slices.EqualFunc(s.chain, chain, bytes.Equal) {
		return s, nil
	}
	if len(chain) == 0 || len(chain) > MaxChain {
		return nil, ruleBroken("chain of %d certificates, 1 to %d allowed", len(chain), MaxChain)
	}
	s := &documentSigner{}
	for i, der := range chain {
		certificate, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d: %w", ErrRule, i, err)
		}
		if certificate.SelfSigned() {
			return nil, ruleBroken("certificate %d of the chain is self-signed", i)
		}
		if i == 0 {
			s.leaf = certificate
		}
		s.chain = append(s.chain, bytes.Clone(der))
	}
	opt := cose.SignOptions{Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(s.chain)}}
	if x5t {
		const sha256Label = -16
		opt.Protected = map[any]any{cose.LabelX5T: []any{sha256Label, s.leaf.Fingerprint[:]}}
	}
	var err error
	if s.headers, err = cose.NewSign1Headers(s.leaf.PublicKey(), opt); err != nil {
		return nil, fmt.Errorf("%w: document signer: %w", ErrRule, err)
	}
	last.Store(s)
	return s, nil
}
