package sdjwt

import (
	"crypto"
	_ "crypto/sha256" // registers sha-256
	_ "crypto/sha512" // registers sha-384 and sha-512
	"hash"

	"vidimus/internal/jose"
)

// The digest algorithms, by their names in the IANA registry "Named
// Information Hash Algorithm". Truncated variants have no place here.
const (
	SHA256 = "sha-256"
	SHA384 = "sha-384"
	SHA512 = "sha-512"
)

var hashes = map[string]crypto.Hash{SHA256: crypto.SHA256, SHA384: crypto.SHA384, SHA512: crypto.SHA512}

// hasher makes many digests.
type hasher struct {
	hash hash.Hash
	text []byte
}

// digest is the base64url of the hash of text.
func (h *hasher) digest(text string) string {
	h.text = append(h.text[:0], text...)
	h.hash.Reset()
	h.hash.Write(h.text)
	h.text = h.hash.Sum(h.text[:0])
	return jose.EncodeBase64URL(h.text)
}

// digestOf is the base64url of the hash of text, which is the encoded form of
// a disclosure or of a presentation: never of what it decodes to (RFC 9901,
// section 4.2.3).
func digestOf(h crypto.Hash, text string) string {
	return (&hasher{hash: h.New()}).digest(text)
}

// hashOf reads _sd_alg of a payload; absent means sha-256 (RFC 9901, section
// 4.1.1).
func hashOf(payload map[string]any) (string, crypto.Hash, error) {
	v, ok := payload["_sd_alg"]
	if !ok {
		return SHA256, hashes[SHA256], nil
	}
	name, ok := v.(string)
	if !ok {
		return "", 0, refuse(CheckDigest, "_sd_alg is not a string")
	}
	h, ok := hashes[name]
	if !ok {
		return "", 0, refuse(CheckDigest, "_sd_alg is none of sha-256, sha-384, sha-512")
	}
	return name, h, nil
}
