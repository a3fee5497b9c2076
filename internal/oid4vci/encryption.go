package oid4vci

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// AlgECDHES is the one key agreement of requests and responses.
const AlgECDHES = "ECDH-ES"

// What requests and responses are encrypted and compressed with (HAIP 1.0
// section 5 names both for the verifier, we offer the same).
var (
	encryptionEncs = []string{"A128GCM", "A256GCM"}
	encryptionZips = []string{"DEF"}
)

// NewRequestEncryption announces the keys of a JWK Set for requests.
func NewRequestEncryption(jwks json.RawMessage, required bool) *RequestEncryption {
	return &RequestEncryption{JWKS: jwks, Encs: slices.Clone(encryptionEncs), Zips: slices.Clone(encryptionZips), Required: required}
}

// NewResponseEncryption announces how responses can be encrypted.
func NewResponseEncryption(required bool) *ResponseEncryption {
	return &ResponseEncryption{Algs: []string{AlgECDHES}, Encs: slices.Clone(encryptionEncs), Zips: slices.Clone(encryptionZips), Required: required}
}

// ResponseEncryptionParameters is the key and the algorithms that the wallet
// wants its answer encrypted with.
type ResponseEncryptionParameters struct {
	Key *jose.Key // public, for ECDH-ES
	Enc string    // A128GCM or A256GCM
	Zip string    // "DEF", or "" for none
}

type responseEncryption struct {
	JWK json.RawMessage `json:"jwk"`
	Enc string          `json:"enc"`
	Zip string          `json:"zip,omitempty"`
}

// wire writes the key with the members that a peer must find in it.
func (p *ResponseEncryptionParameters) wire() (*responseEncryption, error) {
	if p == nil {
		return nil, nil
	}
	jwk, err := jose.MarshalPublicKey(p.Key.Public)
	if err != nil {
		return nil, fmt.Errorf("response encryption: %w", err)
	}
	members, err := jose.Members(jwk)
	if err != nil {
		return nil, err
	}
	members["alg"], members["use"] = json.RawMessage(`"`+AlgECDHES+`"`), json.RawMessage(`"enc"`)
	if p.Key.KeyID != "" {
		if members["kid"], err = marshal(p.Key.KeyID); err != nil {
			return nil, err
		}
	}
	text, err := marshal(members)
	if err != nil {
		return nil, err
	}
	return &responseEncryption{JWK: text, Enc: p.Enc, Zip: p.Zip}, nil
}

func parseResponseEncryption(raw []byte) (*ResponseEncryptionParameters, error) {
	var w struct {
		JWK json.RawMessage `json:"jwk"`
		Enc string          `json:"enc"`
		Zip *string         `json:"zip"`
	}
	if err := jose.DecodeJSONLimit(raw, &w, maxSmall); err != nil {
		return nil, problem.Wrap(problem.InvalidEncryptionParameters, err, "credential_response_encryption is malformed")
	}
	switch {
	case w.JWK == nil:
		return nil, problem.New(problem.InvalidEncryptionParameters, "credential_response_encryption has no jwk")
	case w.Zip != nil && !slices.Contains(encryptionZips, *w.Zip):
		return nil, problem.New(problem.InvalidEncryptionParameters, "zip is not one of those offered")
	case !slices.Contains(encryptionEncs, w.Enc):
		return nil, problem.New(problem.InvalidEncryptionParameters, "enc is not one of those offered")
	}
	key, err := jose.ParsePublicKey(w.JWK)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidEncryptionParameters, err, "jwk is not a public key for ECDH-ES")
	}
	if key.Algorithm != AlgECDHES { // section 10: the JWK names its alg
		return nil, problem.New(problem.InvalidEncryptionParameters, "jwk must have alg ECDH-ES")
	}
	if _, ec := key.Public.(*ecdsa.PublicKey); !ec || key.Use != "" && key.Use != "enc" {
		return nil, problem.New(problem.InvalidEncryptionParameters, "jwk is not a key for encryption with ECDH-ES")
	}
	if key.KeyOps != nil && !slices.Contains(key.KeyOps, "deriveKey") && !slices.Contains(key.KeyOps, "deriveBits") {
		return nil, problem.New(problem.InvalidEncryptionParameters, "key_ops of jwk does not allow key agreement")
	}
	p := &ResponseEncryptionParameters{Key: key, Enc: w.Enc}
	if w.Zip != nil {
		p.Zip = *w.Zip
	}
	return p, nil
}

// DecryptRequest opens an application/jwt request body (section 10). find
// gives the private key for a kid, "" when the sender named none. A compressed
// request is inflated up to what a request may have in clear. Refusals are
// problem.InvalidEncryptionParameters.
func DecryptRequest(body string, find func(kid string) *jose.Key) ([]byte, error) {
	text, _, err := jose.DecryptInflating(body, maxRequest, find, encryptionEncs...)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidEncryptionParameters, err, "the request cannot be decrypted")
	}
	return text, nil
}

// Encrypt makes the application/jwt form of a response body. Refusals are
// never encrypted (section 8.3.1.2).
func (p *ResponseEncryptionParameters) Encrypt(body []byte, random io.Reader) (string, error) {
	encrypt := jose.Encrypt
	if p.Zip != "" {
		encrypt = jose.EncryptDeflated
	}
	token, err := encrypt(p.Key, p.Enc, nil, body, random)
	if err != nil {
		return "", problem.Wrap(problem.InvalidEncryptionParameters, err, "the response cannot be encrypted with these parameters")
	}
	return token, nil
}

// EncryptRequest makes the application/jwt form of a request, as a wallet does,
// with one of the keys that the metadata of the issuer announce.
func EncryptRequest(key *jose.Key, enc, zip string, body []byte, random io.Reader) (string, error) {
	p := &ResponseEncryptionParameters{Key: key, Enc: enc, Zip: zip}
	return p.Encrypt(body, random)
}

// DecryptResponse opens the application/jwt form of a response, as a wallet
// does: key is the private half of what it asked with.
func DecryptResponse(token string, key *jose.Key) ([]byte, error) {
	text, _, err := jose.DecryptInflating(token, maxResponse, func(string) *jose.Key { return key }, encryptionEncs...)
	if err != nil {
		return nil, fmt.Errorf("decrypting response: %w", err)
	}
	return text, nil
}

// CheckEncryption applies section 10 to a request: encrypted tells how it
// came, requestRequired and responseRequired what the metadata demands. A
// request in clear cannot ask for an encrypted answer: whoever can change it
// could put in a key of their own.
func CheckEncryption(p *ResponseEncryptionParameters, encrypted, requestRequired, responseRequired bool) error {
	switch {
	case !encrypted && requestRequired:
		return problem.New(problem.InvalidEncryptionParameters, "the request must be encrypted")
	case !encrypted && p != nil:
		return problem.New(problem.InvalidEncryptionParameters, "credential_response_encryption in a request that is not encrypted")
	case p == nil && responseRequired:
		return problem.New(problem.InvalidEncryptionParameters, "credential_response_encryption is missing")
	}
	return nil
}
