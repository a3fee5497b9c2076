// Package aesgcm is AES-GCM with nonces that a protocol of ours or of a standard
// chooses: counters of ISO/IEC 18013-5, the one nonce of a key that encrypts one text.
// Start with New.
//
// Where FIPS 140-3 is enforced (GODEBUG=fips140=only) Go's own constructor refuses
// whoever chooses nonces; here it does not, since standards leave no choice: who
// calls is answerable for no nonce being used twice under a key. docs/KEYS.md says so.
package aesgcm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
)

// New gives AES-GCM with nonces of 12 bytes and tags of 16 under a key of 16, 24 or
// 32 bytes, which is not kept.
func New(key []byte) (aead cipher.AEAD, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	fips140.WithoutEnforcement(func() { aead, err = cipher.NewGCM(block) })
	return aead, err
}
