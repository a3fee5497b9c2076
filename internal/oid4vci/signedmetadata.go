package oid4vci

import (
	"crypto"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
)

const typeMetadata = "openidvci-issuer-metadata+jwt"

// SignMetadata makes the application/jwt form of the metadata (section 12.2.3):
// all members as claims, with sub, iat and, unless exp is zero, exp. x5c is
// DER, leaf first, without the trust anchor (HAIP 1.0 section 4.1).
func SignMetadata(m *IssuerMetadata, signer crypto.Signer, x5c [][]byte, now, exp time.Time, rand io.Reader) (string, error) {
	text, err := marshal(m)
	if err != nil {
		return "", fmt.Errorf("signing metadata: %w", err)
	}
	claims, err := jose.Members(text)
	if err != nil {
		return "", fmt.Errorf("signing metadata: %w", err)
	}
	all := map[string]any{"sub": m.CredentialIssuer, "iat": now.Unix()}
	if !exp.IsZero() {
		all["exp"] = exp.Unix()
	}
	for name, v := range claims {
		all[name] = v
	}
	payload, err := marshal(all)
	if err != nil {
		return "", fmt.Errorf("signing metadata: %w", err)
	}
	return jose.Sign(signer, map[string]any{"typ": typeMetadata, "x5c": x5c}, payload, rand)
}

// ParseSignedMetadata verifies and reads signed metadata, as a wallet does.
// chain checks x5c and gives the key of the leaf.
func ParseSignedMetadata(token, issuer string, chain func(x5c [][]byte) (crypto.PublicKey, error), now time.Time, allowInsecure ...bool) (*IssuerMetadata, error) {
	s, err := jose.Parse(token, 2*maxMetadata)
	if err != nil {
		return nil, fmt.Errorf("parsing signed metadata: %w", err)
	}
	if s.Header.Type != typeMetadata || s.Header.X5C == nil {
		return nil, fmt.Errorf("parsing signed metadata: typ is not %s or x5c is missing", typeMetadata)
	}
	key, err := chain(s.Header.X5C)
	if err != nil {
		return nil, fmt.Errorf("parsing signed metadata: %w", err)
	}
	if err := s.Verify(key); err != nil {
		return nil, fmt.Errorf("parsing signed metadata: %w", err)
	}
	var c struct {
		Sub string `json:"sub"`
		Iat *int64 `json:"iat"`
		Exp *int64 `json:"exp"`
	}
	if err := jose.DecodeJSONLimit(s.Payload, &c, maxMetadata); err != nil {
		return nil, fmt.Errorf("parsing signed metadata: %w", err)
	}
	if c.Sub != issuer || c.Iat == nil {
		return nil, fmt.Errorf("parsing signed metadata: sub is not the issuer or iat is missing")
	}
	if err := oauth.CheckValidity(c.Exp, c.Iat, now, 0); err != nil {
		return nil, fmt.Errorf("parsing signed metadata: %w", err)
	}
	return ParseIssuerMetadata(s.Payload, issuer, allowInsecure...)
}
