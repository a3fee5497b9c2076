package oid4vci

import (
	"encoding/json"
	"fmt"
	"io"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

type responseEncryption struct {
	JWK json.RawMessage `json:"jwk"`
	Enc string          `json:"enc"`
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
	members["alg"], members["use"] = json.RawMessage(`"ECDH-ES"`), json.RawMessage(`"enc"`)
	if p.Key.KeyID != "" {
		if members["kid"], err = marshal(p.Key.KeyID); err != nil {
			return nil, err
		}
	}
	text, err := marshal(members)
	if err != nil {
		return nil, err
	}
	return &responseEncryption{JWK: text, Enc: p.Enc}, nil
}

// DecryptRequest opens an application/jwt request body (section 10). find
// gives the private key for a kid. Refusals are
// problem.InvalidEncryptionParameters.
func DecryptRequest(body string, find func(kid string) *jose.Key) ([]byte, error) {
	text, _, err := jose.Decrypt(body, find, encryptionEncs...)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidEncryptionParameters, err, "the request cannot be decrypted")
	}
	return text, nil
}

// Encrypt makes the application/jwt form of a response body. Refusals are
// never encrypted (section 8.3.1.2).
func (p *ResponseEncryptionParameters) Encrypt(body []byte, random io.Reader) (string, error) {
	token, err := jose.Encrypt(p.Key, p.Enc, nil, body, random)
	if err != nil {
		return "", problem.Wrap(problem.InvalidEncryptionParameters, err, "the response cannot be encrypted with these parameters")
	}
	return token, nil
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
