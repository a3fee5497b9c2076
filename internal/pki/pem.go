package pki

import (
	"encoding/pem"
	"fmt"
)

const pemCertificate = "CERTIFICATE"

// ParsePEM reads every certificate of a PEM text, at least one. Blocks of
// another kind are refused: a private key beside a certificate is a mistake.
func ParsePEM(data []byte) ([]*Certificate, error) {
	var out []*Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("%w: PEM block %q where a certificate is expected", ErrMalformed, block.Type)
		}
		c, err := ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(out), err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no PEM certificate", ErrMalformed)
	}
	return out, nil
}

// EncodePEM writes certificates as PEM, in order.
func EncodePEM(certs ...*Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: c.Raw})...)
	}
	return out
}
