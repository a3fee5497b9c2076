package issuance

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// secrets are the keys that the configured secret gives, one for each use.
type secrets struct{ nonce, offer, notification, unit, transaction, encryption []byte }

func newSecrets(secret []byte) (secrets, error) {
	var s secrets
	for _, k := range []struct {
		key  *[]byte
		info string
	}{
		{&s.nonce, "vidimus issuance nonce 1"},
		{&s.offer, "vidimus issuance offer id 1"},
		{&s.notification, "vidimus issuance notification id 1"},
		{&s.unit, "vidimus issuance wallet unit 1"},
		{&s.transaction, "vidimus issuance transaction holder 1"},
		{&s.encryption, "vidimus issuance request encryption 1"},
	} {
		key, err := hkdf.Key(sha256.New, secret, nil, k.info, 32)
		if err != nil {
			return secrets{}, fmt.Errorf("deriving keys: %w", err)
		}
		*k.key = key
	}
	return s, nil
}

func sum(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}
