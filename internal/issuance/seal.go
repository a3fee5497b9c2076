package issuance

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"vidimus/internal/aesgcm"
)

// What is sealed: each use has keys of its own.
const (
	sealedOffer       = "vidimus issuance offer 1"
	sealedTransaction = "vidimus issuance transaction 1"
)

// seal encrypts the body of an offer, or what a waiting wallet asked, under a
// key that only its id gives. Each key encrypts one body, so the nonce is
// fixed; whoever has the database and not the id has nothing.
func seal(use, id string, body []byte) ([]byte, error) {
	aead, err := sealKey(use, id)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), body, nil), nil
}

func unseal(use, id string, sealed []byte) ([]byte, error) {
	aead, err := sealKey(use, id)
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("opening what was sealed: %w", err)
	}
	return body, nil
}

func sealKey(use, id string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(id), nil, use, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key to seal with: %w", err)
	}
	return aesgcm.New(key)
}
