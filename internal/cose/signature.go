package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
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
	var order [maxWidth]byte
	r, s, n := signature[:width], signature[width:], params.N.FillBytes(order[:width])
	if isZero(r) || isZero(s) || bytes.Compare(r, n) >= 0 || bytes.Compare(s, n) >= 0 {
		return fmt.Errorf("%w: %v signature out of range", ErrSignature, alg)
	}
	var room [2*maxWidth + 12]byte
	if !ecdsa.VerifyASN1(key, digest, appendDER(room[:0], r, s)) {
		return fmt.Errorf("%w: %v", ErrSignature, alg)
	}
	return nil
}

// maxWidth is the width of a coordinate of P-521, in bytes.
const maxWidth = 66

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// appendDER appends the SEQUENCE of two INTEGERs, neither of them 0, that the
// library reads.
func appendDER(b, r, s []byte) []byte {
	size := 0
	for _, v := range []*[]byte{&r, &s} {
		*v = bytes.TrimLeft(*v, "\x00")
		if size += 2 + len(*v); (*v)[0]&0x80 != 0 {
			size++ // a zero before, lest it be negative
		}
	}
	if b = append(b, 0x30); size > 0x7f {
		b = append(b, 0x81)
	}
	b = append(b, byte(size))
	for _, v := range [][]byte{r, s} {
		if v[0]&0x80 != 0 {
			b = append(b, 0x02, byte(len(v)+1), 0)
		} else {
			b = append(b, 0x02, byte(len(v)))
		}
		b = append(b, v...)
	}
	return b
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
	if key, ok := signer.(*ecdsa.PrivateKey); ok && rand != nil {
		var err error
		if point.R, point.S, err = ecdsa.Sign(rand, key, digest(s.hash, message)); err != nil {
			return nil, err
		}
	} else {
		// A signer that reads what it signs gets the message, every other its digest.
		var der []byte
		var err error
		if reads, ok := signer.(crypto.MessageSigner); ok {
			der, err = reads.SignMessage(rand, message, s.hash)
		} else {
			der, err = signer.Sign(rand, digest(s.hash, message), s.hash)
		}
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
	if hash == crypto.SHA256 { // the most frequent, without its state on the heap
		sum := sha256.Sum256(message)
		return sum[:]
	}
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
