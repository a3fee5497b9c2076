package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
	"net/http"

	"vidimus/internal/clock"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
)

// role is whose nonce a proof carries. The two are separate name spaces, also
// when one host plays both parts (RFC 9449, sections 8 and 9).
type role int

const (
	authorizationServer role = iota
	resourceServer
)

// prover makes the DPoP proofs of one acceptance with a key of its own, so that
// two issuers, or two offers of one, see no common key.
type prover struct {
	key    *ecdsa.PrivateKey
	clock  clock.Clock
	rand   io.Reader
	nonces [2]string
}

func newProver(c clock.Clock, rand io.Reader) (*prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("making a DPoP key: %w", err)
	}
	return &prover{key: key, clock: c, rand: rand}, nil
}

// proof makes a fresh one for a POST; token is "" at the token endpoint.
func (p *prover) proof(r role, url, token string) (string, error) {
	jti := make([]byte, 16)
	if _, err := io.ReadFull(p.rand, jti); err != nil {
		return "", fmt.Errorf("making a DPoP proof: %w", err)
	}
	return oauth.SignDPoP(p.key, http.MethodPost, url, token, p.nonces[r], jose.EncodeBase64URL(jti), p.clock.Now(), p.rand)
}

// learn keeps the nonce of an answer for the next proof (RFC 9449, section 8.2).
func (p *prover) learn(r role, header http.Header) {
	if nonce := header.Get("DPoP-Nonce"); usableNonce(nonce) {
		p.nonces[r] = nonce
	}
}

// usableNonce follows the syntax of RFC 9449, section 8.1 (NQCHAR).
func usableNonce(s string) bool {
	if s == "" || len(s) > maxDPoPNonce {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// wantsNonce reports whether a request has to be repeated with the nonce that
// came with its refusal (RFC 9449, sections 8 and 9).
func wantsNonce(r role, a *answer) bool {
	if !usableNonce(a.header.Get("DPoP-Nonce")) {
		return false
	}
	const code = "use_dpop_nonce"
	if r == authorizationServer {
		return a.status == http.StatusBadRequest && a.refusal("").Code == code
	}
	return a.status == http.StatusUnauthorized && a.challenge() == code
}
