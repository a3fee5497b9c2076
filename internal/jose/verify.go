package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"slices"
)

// Verify checks the signature over the bytes as received with the key that
// the caller chose. algs are the algorithms that the caller allows; none means
// Algorithms(). The token's alg must be allowed and must fit type and curve of
// the key. High-s values are accepted: ECDSA allows them, and nothing of ours
// identifies a token by its signature.
func (s *Signed) Verify(pub crypto.PublicKey, algs ...string) error {
	_, err := s.verify(pub, false, algs)
	return err
}

// VerifyWithDigest is Verify of a token under an algorithm with SHA-256, and
// the SHA-256 of the whole token, for which most of it need not be hashed
// twice.
func (s *Signed) VerifyWithDigest(pub crypto.PublicKey, algs ...string) (token [sha256.Size]byte, err error) {
	return s.verify(pub, true, algs)
}

func (s *Signed) verify(pub crypto.PublicKey, whole bool, algs []string) (token [sha256.Size]byte, err error) {
	a, ok := algorithmNamed(s.Header.Algorithm)
	if !ok || len(algs) > 0 && !slices.Contains(algs, a.name) || whole && a.hash != crypto.SHA256 {
		return token, fmt.Errorf("verifying JWS: %w: alg %s is not allowed", ErrUnsupported, quote([]byte(s.Header.Algorithm)))
	}
	if err := a.fits(pub); err != nil {
		return token, fmt.Errorf("verifying JWS: %w", err)
	}
	if len(s.Signature) != 2*a.size {
		return token, fmt.Errorf("verifying JWS: %w: %d octets, %s has %d", ErrSignature, len(s.Signature), a.name, 2*a.size)
	}
	valid := false
	if a.curve == nil {
		valid = ed25519.Verify(pub.(ed25519.PublicKey), []byte(s.SigningInput), s.Signature)
	} else {
		h := a.hash.New()
		h.Write([]byte(s.SigningInput))
		digest := h.Sum(nil)
		if whole {
			h.Write([]byte(s.Token[len(s.SigningInput):]))
			h.Sum(token[:0])
		}
		var der [2*(66+1+2) + 3]byte
		valid = ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), digest, appendDER(der[:0], s.Signature))
	}
	if !valid {
		return [sha256.Size]byte{}, fmt.Errorf("verifying JWS: %w", ErrSignature)
	}
	return token, nil
}

// VerifyKey is Verify with what a JWK says of its own use: alg, use and
// key_ops are enforced (RFC 7517 sections 4.2 to 4.4).
func (s *Signed) VerifyKey(k *Key, algs ...string) error {
	if k == nil {
		return fmt.Errorf("verifying JWS: %w: no key", ErrKey)
	}
	if err := k.allows(s.Header.Algorithm, "sig", "verify"); err != nil {
		return fmt.Errorf("verifying JWS: %w", err)
	}
	return s.Verify(k.Public, algs...)
}

func (a *algorithm) digest(input []byte) []byte {
	switch a.hash {
	case crypto.SHA256:
		d := sha256.Sum256(input)
		return d[:]
	case crypto.SHA384:
		d := sha512.Sum384(input)
		return d[:]
	}
	d := sha512.Sum512(input)
	return d[:]
}

// appendDER writes r||s as the SEQUENCE of two INTEGERs that the standard
// library wants. Range checks are the library's.
func appendDER(out, rs []byte) []byte {
	r, s := trim(rs[:len(rs)/2]), trim(rs[len(rs)/2:])
	n := 4 + len(r) + len(s) + pad(r) + pad(s)
	out = append(out, 0x30)
	if n > 0x7f {
		out = append(out, 0x81)
	}
	out = append(out, byte(n))
	for _, i := range [][]byte{r, s} {
		out = append(out, 0x02, byte(len(i)+pad(i)))
		if pad(i) == 1 {
			out = append(out, 0)
		}
		out = append(out, i...)
	}
	return out
}

// trim drops leading zeros but the last one.
func trim(i []byte) []byte {
	for len(i) > 1 && i[0] == 0 {
		i = i[1:]
	}
	return i
}

// pad is 1 where DER needs a zero in front to keep the integer positive.
func pad(i []byte) int { return int(i[0] >> 7) }
