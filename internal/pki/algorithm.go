package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// verifySignature checks child's signature over its bytes as received with
// issuer's key. crypto/x509 picks the hash from the algorithm identifier,
// which it has already found equal inside and outside of the signed bytes, and
// takes ECDSA signatures in strict DER only. An oversized RSA key is refused
// before it costs time.
func verifySignature(child, issuer *Certificate) error {
	if k, ok := issuer.PublicKey().(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
		return fmt.Errorf("RSA key of %d bits", k.N.BitLen())
	}
	return issuer.Cert.CheckSignature(child.Cert.SignatureAlgorithm, child.Cert.RawTBSCertificate, child.Cert.Signature)
}

// leafKey says whether a leaf may hold the key: EC on P-256, P-384 or P-521,
// or Ed25519 (ISO/IEC 18013-5 Annex B, table of document signers).
func leafKey(pub crypto.PublicKey) error {
	if _, ok := pub.(ed25519.PublicKey); ok {
		return nil
	}
	return issuerKey(pub, false)
}

// issuerKey says whether a CA may hold the key: EC only by Annex B, RSA of 2048
// bits and more where the caller allows it.
func issuerKey(pub crypto.PublicKey, allowRSA bool) error {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fmt.Errorf("curve %s", k.Curve.Params().Name)
	case *rsa.PublicKey:
		n := k.N.BitLen()
		switch {
		case !allowRSA:
			return errors.New("RSA key")
		case n < minRSABits || n > maxRSABits:
			return fmt.Errorf("RSA key of %d bits, allowed are %d to %d", n, minRSABits, maxRSABits)
		}
		return nil
	case ed25519.PublicKey:
		return errors.New("an Ed25519 key may not sign certificates")
	}
	return errors.New("unknown kind of key")
}

// signatureAlgorithm says whether a certificate may be signed this way.
func signatureAlgorithm(alg x509.SignatureAlgorithm, allowRSA bool) error {
	switch alg {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return nil
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		if allowRSA {
			return nil
		}
	}
	return fmt.Errorf("signature algorithm %s", alg)
}
