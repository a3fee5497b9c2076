package oid4vci

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// NonceResponse is the answer of the nonce endpoint (section 7.2).
type NonceResponse struct {
	CNonce string `json:"c_nonce"`
}

// ParseNonceResponse reads the answer of the nonce endpoint, as a wallet does.
func ParseNonceResponse(data []byte) (*NonceResponse, error) {
	var n NonceResponse
	if err := jose.DecodeJSONLimit(data, &n, maxSmall); err != nil {
		return nil, fmt.Errorf("parsing nonce response: %w", err)
	}
	if n.CNonce == "" {
		return nil, fmt.Errorf("parsing nonce response: no c_nonce")
	}
	return &n, nil
}

// A nonce is base64url(version 1 | random 16 | expiry 8, seconds, big endian |
// MAC 16): the nonce endpoint, which anyone may call, stores nothing.
const (
	nonceVersion  = 1
	nonceRandom   = 16
	nonceMAC      = 16
	nonceBody     = 1 + nonceRandom + 8
	nonceSize     = nonceBody + nonceMAC
	nonceText     = (nonceSize*8 + 5) / 6
	minNonceKey   = 32
	nonceKeyLabel = "vidimus c_nonce v1\x00"
)

// NonceCodec makes and checks nonces that carry their own expiry. It keeps no
// state: they survive a restart as long as the key does, and that each is
// used once is for the caller to enforce by the id that Check gives.
type NonceCodec struct {
	scope    string
	lifetime time.Duration
	keys     [][]byte
}

// NewNonceCodec takes the name space of the nonces (the issuer identifier: a
// nonce of one issuer is none of another's), their lifetime, and MAC keys of
// at least 32 octets. The first key makes nonces, all check them, so that a
// key can be replaced without refusing what is under way.
func NewNonceCodec(scope string, lifetime time.Duration, keys ...[]byte) (*NonceCodec, error) {
	if lifetime < time.Second || len(keys) == 0 {
		return nil, fmt.Errorf("nonce codec: lifetime %v and %d keys", lifetime, len(keys))
	}
	for _, k := range keys {
		if len(k) < minNonceKey {
			return nil, fmt.Errorf("nonce codec: key of %d octets, at least %d are due", len(k), minNonceKey)
		}
	}
	return &NonceCodec{scope: scope, lifetime: lifetime, keys: keys}, nil
}

// New makes a nonce that expires one lifetime after now.
func (c *NonceCodec) New(now time.Time, rand io.Reader) (string, error) {
	b := make([]byte, nonceBody, nonceSize)
	b[0] = nonceVersion
	if _, err := io.ReadFull(rand, b[1:1+nonceRandom]); err != nil {
		return "", fmt.Errorf("making a nonce: %w", err)
	}
	binary.BigEndian.PutUint64(b[1+nonceRandom:], uint64(now.Add(c.lifetime).Unix()))
	return jose.EncodeBase64URL(append(b, c.mac(c.keys[0], b)...)), nil
}

// Check says whether a nonce is one of ours and still good at now. id, 16
// octets, is what to remember until expires once the nonce is used. Refusals
// are problem.InvalidNonce.
func (c *NonceCodec) Check(nonce string, now time.Time) (id []byte, expires time.Time, err error) {
	if len(nonce) != nonceText {
		return nil, time.Time{}, problem.New(problem.InvalidNonce, "the nonce is not one of ours")
	}
	b, err := jose.DecodeBase64URL(nonce)
	if err != nil || len(b) != nonceSize || b[0] != nonceVersion {
		return nil, time.Time{}, problem.New(problem.InvalidNonce, "the nonce is not one of ours")
	}
	ours := false
	for _, k := range c.keys {
		ours = hmac.Equal(c.mac(k, b[:nonceBody]), b[nonceBody:]) || ours
	}
	if !ours {
		return nil, time.Time{}, problem.New(problem.InvalidNonce, "the nonce is not one of ours")
	}
	expires = time.Unix(int64(binary.BigEndian.Uint64(b[1+nonceRandom:])), 0).UTC()
	if !now.Before(expires) {
		return nil, time.Time{}, problem.New(problem.InvalidNonce, "the nonce has expired")
	}
	return b[1 : 1+nonceRandom], expires, nil
}

func (c *NonceCodec) mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(nonceKeyLabel))
	h.Write(body) // of fixed length, so that scope cannot run into it
	h.Write([]byte(c.scope))
	return h.Sum(nil)[:nonceMAC]
}
