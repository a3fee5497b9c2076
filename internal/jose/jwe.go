package jose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	algECDHES = "ECDH-ES"
	nonceSize = 12 // RFC 7518 section 5.3
	tagSize   = 16
)

// contentKeySize is the allow-list of content encryption algorithms with the
// octets of their keys.
var contentKeySize = map[string]int{"A128GCM": 16, "A256GCM": 32}

// Encrypt makes a compact JWE with ECDH-ES in direct agreement (RFC 7518
// section 4.6) under an ephemeral key. enc is A128GCM or A256GCM. header may
// hold further members such as cty, apu and apv (base64url text); kid is taken
// from pub unless header has one. random may be nil for crypto/rand.
func Encrypt(pub *Key, enc string, header map[string]any, plaintext []byte, random io.Reader) (string, error) {
	return encrypt(pub, enc, header, plaintext, random, false)
}

func encrypt(pub *Key, enc string, header map[string]any, plaintext []byte, random io.Reader, zip bool) (string, error) {
	size, ok := contentKeySize[enc]
	if !ok {
		return "", fmt.Errorf("encrypting JWE: %w: enc %s", ErrUnsupported, quote([]byte(enc)))
	}
	if random == nil {
		random = rand.Reader
	}
	peer, err := pub.agreement("enc")
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	ephemeral, err := peer.Curve().GenerateKey(random)
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	epk, err := MarshalPublicKey(ephemeral.PublicKey())
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	set := map[string]any{"alg": algECDHES, "enc": enc, "epk": json.RawMessage(epk)}
	if _, ok := header["kid"]; !ok && pub.KeyID != "" {
		set["kid"] = pub.KeyID
	}
	if zip {
		set["zip"] = zipDeflate
	}
	text, err := marshalHeader(header, set)
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	head := EncodeBase64URL(text)
	// Read back what was written: apu and apv enter the key as the peer will see them.
	_, w, err := parseZipHeader(head, maxJWEHeader)
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	aead, err := deriveAEAD(ephemeral, peer, enc, size, w)
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	sealed := aead.Seal(nil, nonce, plaintext, []byte(head))
	ciphertext, tag := sealed[:len(plaintext)], sealed[len(plaintext):]
	return strings.Join([]string{head, "", EncodeBase64URL(nonce), EncodeBase64URL(ciphertext), EncodeBase64URL(tag)}, "."), nil
}

// Decrypt opens a compact JWE. find gives the private key for a kid ("" when
// the header has none), nil when there is none. encs are the content
// encryptions that the caller allows; none means A128GCM and A256GCM. Every
// other algorithm is refused before anything is computed. The plaintext is
// what some sender encrypted: it says nothing of who that was.
func Decrypt(token string, find func(kid string) *Key, encs ...string) ([]byte, Header, error) {
	plaintext, h, err := decrypt(token, find, encs, parseHeader)
	if err != nil {
		return nil, Header{}, fmt.Errorf("decrypting JWE: %w", err)
	}
	return plaintext, h, nil
}

func decrypt(token string, find func(kid string) *Key, encs []string, parse func(string, int) (Header, *wireHeader, error)) ([]byte, Header, error) {
	if len(token) > maxEncrypted {
		return nil, Header{}, fmt.Errorf("%w: %d bytes, at most %d", ErrLimit, len(token), maxEncrypted)
	}
	if strings.Count(token, ".") != 4 {
		return nil, Header{}, fmt.Errorf("%w: a compact JWE has five parts", ErrMalformed)
	}
	part := strings.Split(token, ".")
	h, w, err := parse(part[0], maxJWEHeader)
	if err != nil {
		return nil, Header{}, err
	}
	if h.Algorithm != algECDHES {
		return nil, Header{}, fmt.Errorf("%w: alg %s", ErrUnsupported, quote([]byte(h.Algorithm)))
	}
	enc := w.Enc
	if enc == "" {
		return nil, Header{}, fmt.Errorf("%w: header without enc", ErrMalformed)
	}
	size, ok := contentKeySize[enc]
	if !ok || len(encs) > 0 && !slices.Contains(encs, enc) {
		return nil, Header{}, fmt.Errorf("%w: enc %s", ErrUnsupported, quote([]byte(enc)))
	}
	if part[1] != "" { // RFC 7518 section 4.6: direct agreement has no encrypted key
		return nil, Header{}, fmt.Errorf("%w: encrypted key beside ECDH-ES", ErrMalformed)
	}
	var raw [3][]byte
	for i, p := range part[2:] {
		if raw[i], err = DecodeBase64URL(p); err != nil {
			return nil, Header{}, err
		}
	}
	nonce, ciphertext, tag := raw[0], raw[1], raw[2]
	if len(nonce) != nonceSize || len(tag) != tagSize {
		return nil, Header{}, fmt.Errorf("%w: nonce of %d and tag of %d octets", ErrMalformed, len(nonce), len(tag))
	}
	if !w.EPK {
		return nil, Header{}, fmt.Errorf("%w: header without epk", ErrMalformed)
	}
	epk, err := ParsePublicKey(h.Members["epk"])
	if err != nil {
		return nil, Header{}, fmt.Errorf("epk: %w", err)
	}
	own := find(h.KeyID)
	peer, err := epk.agreement("")
	if err != nil {
		return nil, Header{}, fmt.Errorf("epk: %w", err)
	}
	if _, err := own.agreement("enc"); err != nil {
		return nil, Header{}, err
	}
	private, ok := own.Private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, Header{}, fmt.Errorf("%w: no private key", ErrKey)
	}
	secret, err := private.ECDH()
	if err != nil {
		return nil, Header{}, fmt.Errorf("%w: private key", ErrKey)
	}
	aead, err := deriveAEAD(secret, peer, enc, size, w)
	if err != nil {
		return nil, Header{}, err
	}
	plaintext, err := aead.Open(nil, nonce, append(ciphertext, tag...), []byte(part[0]))
	if err != nil {
		return nil, Header{}, ErrDecrypt
	}
	return plaintext, h, nil
}

// agreement gives the public half for ECDH. use is what a key of ours or the
// recipient's must allow; an epk has no use to check.
func (k *Key) agreement(use string) (*ecdh.PublicKey, error) {
	if k == nil {
		return nil, fmt.Errorf("%w: no key for this token", ErrKey)
	}
	if use != "" {
		if err := k.allows(algECDHES, use, "deriveKey", "deriveBits"); err != nil {
			return nil, err
		}
	}
	ec, ok := k.Public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: ECDH-ES with a %s key", ErrUnsupported, describe(k.Public))
	}
	pub, err := ec.ECDH()
	if err != nil {
		return nil, fmt.Errorf("%w: the point is not on its curve", ErrKey)
	}
	return pub, nil
}

func deriveAEAD(private *ecdh.PrivateKey, peer *ecdh.PublicKey, enc string, size int, w *wireHeader) (cipher.AEAD, error) {
	if private.Curve() != peer.Curve() {
		return nil, fmt.Errorf("%w: keys on two curves", ErrKey)
	}
	var party [2][]byte
	for i, p := range []string{w.APU, w.APV} {
		b, err := DecodeBase64URL(p)
		if err != nil {
			return nil, fmt.Errorf("apu or apv: %w", err)
		}
		if len(b) > maxPartyInfo {
			return nil, fmt.Errorf("%w: apu or apv of %d octets, at most %d", ErrLimit, len(b), maxPartyInfo)
		}
		party[i] = b
	}
	z, err := private.ECDH(peer)
	if err != nil {
		return nil, ErrDecrypt
	}
	block, err := aes.NewCipher(concatKDF(z, enc, party[0], party[1], size))
	if err != nil {
		return nil, err
	}
	var aead cipher.AEAD
	// The nonce is drawn here, and each key is for one text: no harm in that FIPS
	// 140-3 mode would draw it itself.
	fips140.WithoutEnforcement(func() { aead, err = cipher.NewGCM(block) })
	return aead, err
}
