package cose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
)

// verify checks a signature over message. The algorithm must fit the key.
func verify(alg Algorithm, pub crypto.PublicKey, message, signature []byte) error {
	s, ok := suites[alg]
	if !ok {
		return fmt.Errorf("%w: %v is no signature algorithm", ErrUnsupported, alg)
	}
	switch key := pub.(type) {
	case ed25519.PublicKey:
		if s.curve != nil || len(key) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: Ed25519 key under %v", ErrKey, alg)
		}
		if len(signature) != ed25519.SignatureSize || !ed25519.Verify(key, message, signature) {
			return fmt.Errorf("%w: %v", ErrSignature, alg)
		}
		return nil
	case *ecdsa.PublicKey:
		if key == nil || s.curve == nil || key.Curve != s.curve {
			return fmt.Errorf("%w: %s under %v", ErrKey, curveName(key), alg)
		}
		return verifyECDSA(alg, key, digest(s.hash, message), signature)
	}
	return fmt.Errorf("%w: key of type %T under %v", ErrKey, pub, alg)
}

// verifyECDSA takes the fixed-width r || s of RFC 9053, 2.1. Both are checked
// against the curve's order here, whatever the library below does.
func verifyECDSA(alg Algorithm, key *ecdsa.PublicKey, digest, signature []byte) error {
	params := key.Curve.Params()
	width := (params.BitSize + 7) / 8
	if len(signature) != 2*width {
		return fmt.Errorf("%w: %v signature of %d bytes instead of %d", ErrSignature, alg, len(signature), 2*width)
	}
	r := new(big.Int).SetBytes(signature[:width])
	s := new(big.Int).SetBytes(signature[width:])
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(params.N) >= 0 || s.Cmp(params.N) >= 0 {
		return fmt.Errorf("%w: %v signature out of range", ErrSignature, alg)
	}
	if !ecdsa.Verify(key, digest, r, s) {
		return fmt.Errorf("%w: %v", ErrSignature, alg)
	}
	return nil
}

// sign signs message with any signer of a supported key type; an HSM's DER
// becomes r || s.
func sign(alg Algorithm, signer crypto.Signer, message []byte, rand io.Reader) ([]byte, error) {
	s := suites[alg]
	if s.curve == nil {
		signature, err := signer.Sign(rand, message, crypto.Hash(0))
		if err == nil && len(signature) != ed25519.SignatureSize {
			err = fmt.Errorf("%w: signer returned %d bytes", ErrSignature, len(signature))
		}
		return signature, err
	}
	var point struct{ R, S *big.Int }
	hashed := digest(s.hash, message)
	if key, ok := signer.(*ecdsa.PrivateKey); ok && rand != nil {
		var err error
		if point.R, point.S, err = ecdsa.Sign(rand, key, hashed); err != nil {
			return nil, err
		}
	} else {
		der, err := signer.Sign(rand, hashed, s.hash)
		if err != nil {
			return nil, err
		}
		if rest, err := asn1.Unmarshal(der, &point); err != nil || len(rest) != 0 {
			return nil, fmt.Errorf("%w: signer returned no DER signature", ErrSignature)
		}
	}
	params := s.curve.Params()
	for _, v := range []*big.Int{point.R, point.S} {
		if v.Sign() <= 0 || v.Cmp(params.N) >= 0 {
			return nil, fmt.Errorf("%w: signer returned a value out of range", ErrSignature)
		}
	}
	width := (params.BitSize + 7) / 8
	signature := make([]byte, 2*width)
	point.R.FillBytes(signature[:width])
	point.S.FillBytes(signature[width:])
	return signature, nil
}

func digest(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

func curveName(key *ecdsa.PublicKey) string {
	if key == nil || key.Curve == nil {
		return "no key"
	}
	return key.Curve.Params().Name + " key"
}
