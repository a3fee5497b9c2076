package issuance

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// seal encrypts the body of an offer under a key that only its id gives. Each
// key encrypts one body, so the nonce is fixed; whoever has the database and
// not the URL has nothing.
func seal(id string, body []byte) ([]byte, error) {
	aead, err := offerKey(id)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), body, nil), nil
}

func unseal(id string, sealed []byte) ([]byte, error) {
	aead, err := offerKey(id)
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("opening a stored offer: %w", err)
	}
	return body, nil
}

func offerKey(id string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(id), nil, "vidimus issuance offer 1", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of an offer: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
