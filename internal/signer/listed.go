package signer

import (
	"crypto"
	"errors"
	"fmt"
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// Listed is a list that a key has signed, as it was published: what a signer that has
// lost its memory is told was the last.
type Listed struct {
	KeyID   string // RFC 7638 thumbprint of the key
	Message []byte // what was signed
	// Digest is that of a request with the message alone, as the record has it.
	Digest string
	Series Series
}

// ReadListed reads a published list, DER, COSE or JWS, and verifies it with the
// certificate of the key. Whether it is the newest nobody can see in it.
func ReadListed(data []byte, leaf *pki.Certificate) (Listed, error) {
	kind, message, err := publishedList(data, leaf)
	if err != nil {
		return Listed{}, err
	}
	e, err := editionOf(kind, message)
	if err != nil {
		return Listed{}, err
	}
	thumbprint, err := jose.Thumbprint(leaf.PublicKey())
	if err != nil {
		return Listed{}, err
	}
	digest, err := RequestDigest(leaf.PublicKey(), message)
	return Listed{KeyID: jose.EncodeBase64URL(thumbprint), Message: message, Series: e.status(), Digest: digest}, err
}

// RequestDigest is what a line of the record has as the digest of a request for a
// signature over one message.
func RequestDigest(pub crypto.PublicKey, message []byte) (string, error) {
	hash, err := HashFor(pub, message)
	if err != nil {
		return "", err
	}
	d := hash.New()
	d.Write(message)
	return requestDigest([]reading{{digest: d.Sum(nil)}}), nil
}

// Follows says what keeps a list from taking the place of an earlier one of its series.
func (l Listed) Follows(earlier []byte) error {
	kind := KindOfSeries(l.Series.Name)
	before, err := editionOf(kind, earlier)
	if err != nil {
		return err
	}
	next, err := editionOf(kind, l.Message)
	if err != nil || string(earlier) == string(l.Message) {
		return err
	}
	return next.follows(before, 0, next.issued)
}

// publishedList gives what was signed of a list that verifies.
func publishedList(data []byte, leaf *pki.Certificate) (Kind, []byte, error) {
	pub := leaf.PublicKey()
	if list, err := pki.ParseCRL(data); err == nil {
		return KindCRL, list.TBS(), list.Verify(leaf, false)
	}
	if s, err := cose.ParseSign1Limit(data, MaxMessage); err == nil {
		m := cbor.AppendBytes(append([]byte(nil), sign1Prefix...), s.ProtectedBytes)
		m = cbor.AppendBytes(cbor.AppendBytes(m, nil), s.Payload)
		return KindVICAL, m, s.Verify(pub)
	}
	if s, err := jose.Parse(strings.TrimSpace(string(data)), MaxMessage); err == nil {
		if s.Header.Type != typeEntityList {
			return "", nil, fmt.Errorf("a token of type %.64q is no list", s.Header.Type)
		}
		return KindEntityList, []byte(s.SigningInput), s.Verify(pub)
	}
	return "", nil, errors.New("neither a revocation list (DER) nor a VICAL nor a list of trusted entities")
}
