package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"mime"
	"slices"

	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

const typeJWT = "application/jwt"

// envelope is how one credential request and its answer are encrypted
// (OpenID4VCI 1.0, section 10): both, as an answer is only encrypted to a key
// that came in an encrypted request.
type envelope struct {
	to     *jose.Key // of the issuer
	enc    string
	answer *oid4vci.ResponseEncryptionParameters // nil: the issuer encrypts no answers
	own    *jose.Key
}

// encs are tried in this order.
var encs = []string{"A256GCM", "A128GCM"}

func chooseEnc(offered []string) (string, error) {
	for _, enc := range encs {
		if slices.Contains(offered, enc) {
			return enc, nil
		}
	}
	return "", fmt.Errorf("the issuer encrypts only with %.200q", offered)
}

// envelope makes one with a fresh key, nil when neither the issuer demands nor
// the holder wishes it.
func (e *exchange) envelope() (*envelope, error) {
	request, response := e.issuer.CredentialRequestEncryption, e.issuer.CredentialResponseEncryption
	demanded := request != nil && request.Required || response != nil && response.Required
	switch {
	case !demanded && !e.encrypt:
		return nil, nil
	case request == nil:
		return nil, errors.New("the issuer takes no encrypted requests")
	}
	keys, err := jose.ParseKeySet(request.JWKS)
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys for encrypted requests: %w", err)
	}
	i := slices.IndexFunc(keys, func(k *jose.Key) bool {
		_, ec := k.Public.(*ecdsa.PublicKey)
		return ec && k.Algorithm == oid4vci.AlgECDHES && k.KeyID != ""
	})
	if i < 0 {
		return nil, fmt.Errorf("the issuer has no key for %s", oid4vci.AlgECDHES)
	}
	v := &envelope{to: keys[i]}
	if v.enc, err = chooseEnc(request.Encs); err != nil || response == nil {
		return v, err
	}
	if !slices.Contains(response.Algs, oid4vci.AlgECDHES) {
		return nil, fmt.Errorf("the issuer encrypts no answers with %s", oid4vci.AlgECDHES)
	}
	enc, err := chooseEnc(response.Encs)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), e.cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("making a key for the answer: %w", err)
	}
	v.own = &jose.Key{Public: &key.PublicKey, Private: key, Use: "enc", Algorithm: oid4vci.AlgECDHES}
	v.answer = &oid4vci.ResponseEncryptionParameters{Key: v.own, Enc: enc}
	return v, nil
}

// seal writes a request, in clear without an envelope, and says of what content
// type it is.
func (e *exchange) seal(r oid4vci.CredentialRequest, v *envelope) (kind string, body []byte, err error) {
	if v != nil {
		r.ResponseEncryption = v.answer
	}
	body, err = r.MarshalJSON()
	return e.encrypted(body, v, err)
}

// sealDeferred is seal for a deferred request, whose own parameters count for the
// answer (section 9.1).
func (e *exchange) sealDeferred(r oid4vci.DeferredRequest, v *envelope) (kind string, body []byte, err error) {
	if v != nil {
		r.ResponseEncryption = v.answer
	}
	body, err = r.MarshalJSON()
	return e.encrypted(body, v, err)
}

func (e *exchange) encrypted(body []byte, v *envelope, err error) (string, []byte, error) {
	if err != nil || v == nil {
		return typeJSON, body, err
	}
	token, err := oid4vci.EncryptRequest(v.to, v.enc, "", body, e.cfg.Rand)
	return typeJWT, []byte(token), err
}

// open gives the answer in clear. One that came unencrypted although a key was
// sent is refused: whoever is on the way may have made it.
func (v *envelope) open(a *answer) ([]byte, error) {
	if v == nil || v.answer == nil {
		return a.body, a.json()
	}
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || kind != typeJWT {
		return nil, fmt.Errorf("content type %.80q, and an encrypted answer was asked for", a.header.Get("Content-Type"))
	}
	return oid4vci.DecryptResponse(string(a.body), v.own)
}
