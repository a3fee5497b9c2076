package authserver

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"vidimus/internal/jose"
)

// secrets derives codes and checks values without keeping them. Each use has a
// key of its own, so that what one lets out says nothing about another.
type secrets struct {
	code, tx, mac                         []byte
	serverNonce, resourceNonce, challenge windows
}

func newSecrets(secret []byte) (secrets, error) {
	s := secrets{
		serverNonce: windows{length: nonceWindow}, resourceNonce: windows{length: nonceWindow}, challenge: windows{length: challengeWindow},
	}
	for _, k := range []struct {
		key  *[]byte
		info string
	}{
		{&s.code, "vidimus authserver pre-authorized code 1"},
		{&s.tx, "vidimus authserver transaction code 1"},
		{&s.mac, "vidimus authserver transaction code mac 1"},
		{&s.serverNonce.key, "vidimus authserver dpop nonce server 1"},
		{&s.resourceNonce.key, "vidimus authserver dpop nonce resource 1"},
		{&s.challenge.key, "vidimus authserver attestation challenge 1"},
	} {
		key, err := hkdf.Key(sha256.New, secret, nil, k.info, 32)
		if err != nil {
			return secrets{}, fmt.Errorf("deriving keys: %w", err)
		}
		*k.key = key
	}
	return s, nil
}

// preAuthorizedCode derives the 256-bit code from the grant's random salt. So
// a caller who repeats his request gets the same code, though none is kept.
func (s secrets) preAuthorizedCode(salt []byte) string {
	return jose.EncodeBase64URL(sum(s.code, salt))
}

// txCode derives decimal digits from the salt; the bias of the remainder is
// below 2^-24.
func (s secrets) txCode(salt []byte, digits int) string {
	n := binary.BigEndian.Uint64(sum(s.tx, salt))
	limit := uint64(1)
	for range digits {
		limit *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%limit)
}

// txCodeMAC binds a transaction code, compared as the exact string that was
// sent, to the code that it belongs to.
func (s secrets) txCodeMAC(code Digest, txCode string) []byte {
	return sum(s.mac, code[:], []byte(txCode))
}

func sum(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func digestOf(parts ...string) Digest {
	h := sha256.New()
	for _, p := range parts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		io.WriteString(h, p)
	}
	return Digest(h.Sum(nil))
}

// secretDigest is how a code or a token is looked up.
func secretDigest(s string) Digest { return sha256.Sum256([]byte(s)) }

func randomBytes(rand io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", err)
	}
	return b, nil
}
