package statuslist

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
)

// checkChain looks at a chain before it is published: the leaf certifies the
// signer, and the anchor stays at home (HAIP 1.0, section 6.1). No chain is for
// signers whose key the reader knows otherwise.
func checkChain(signer crypto.Signer, chain [][]byte) error {
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return fmt.Errorf("key of type %T", signer.Public())
	}
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
	}
	return nil
}
