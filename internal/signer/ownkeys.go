package signer

import (
	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// ownKeys are the keys of a signer and those above them in its chains, in each form in
// which a message may hold one: none of them is that of a holder or a reader. The forms
// are compared as they stand, which costs next to nothing.
type ownKeys struct {
	spki map[string]bool
	cose map[string]bool
	jwk  map[holderKey]bool
}

func newOwnKeys() *ownKeys {
	return &ownKeys{map[string]bool{}, map[string]bool{}, map[holderKey]bool{}}
}

func (o *ownKeys) add(c *pki.Certificate) error {
	o.spki[string(c.Cert.RawSubjectPublicKeyInfo)] = true
	key, err := cose.MarshalKey(c.PublicKey())
	if err != nil {
		return err
	}
	o.cose[string(key)] = true
	raw, err := jose.MarshalPublicKey(c.PublicKey())
	if err != nil {
		return err
	}
	var k holderKey
	if err := closed(raw, &k); err != nil {
		return err
	}
	o.jwk[k] = true
	return nil
}

// holderCOSE says whether a COSE_Key is one that the office writes for a holder: what is
// encoded deterministically has one form then.
func holderCOSE(raw []byte, k *cose.Key) bool {
	const ec2, okp = 0xa4, 0xa3 // maps of kty, crv, x and y, and without y
	return !k.Compressed && len(raw) > 2 && (raw[0] == ec2 && raw[2] == 2 || raw[0] == okp && raw[2] == 1)
}
