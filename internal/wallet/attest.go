package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
	"net/http"
	"slices"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
)

// Attestation-based client authentication, drafts -07 and -08.
const (
	authAttestation   = "attest_jwt_client_auth"
	headerAttestation = "OAuth-Client-Attestation"
	headerPoP         = "OAuth-Client-Attestation-PoP"
	headerChallenge   = "OAuth-Client-Attestation-Challenge"
)

// instance is what the wallet authenticates with at an authorization server: an
// attested key of this exchange, so that two issuers see no common one.
type instance struct {
	key         *ecdsa.PrivateKey
	attestation string
	challenge   string // "" when the server has none
}

// attest lets the provider vouch for a key, where there is a provider and a
// server that asks for it: a fresh one, or with a grant that is kept the one that
// its refresh token is bound to.
func (e *exchange) attest(ctx context.Context, key *ecdsa.PrivateKey) error {
	if e.cfg.Provider == nil || !slices.Contains(e.server.TokenEndpointAuthMethods, authAttestation) {
		return nil
	}
	var err error
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), e.cfg.Rand); err != nil {
			return fmt.Errorf("making an instance key: %w", err)
		}
	}
	i := &instance{key: key}
	if i.attestation, err = e.cfg.Provider.AttestWallet(e.cfg.ClientID, key.Public()); err != nil {
		return fmt.Errorf("the wallet provider does not vouch for this wallet: %w", err)
	}
	if e.server.ChallengeEndpoint != "" {
		a, err := e.call(ctx, http.MethodPost, e.server.ChallengeEndpoint, nil, nil, maxNonce)
		if err != nil {
			return fmt.Errorf("asking for a challenge: %w", err)
		}
		if a.status != http.StatusOK {
			return a.refusal("challenge")
		}
		var w struct {
			Challenge string `json:"attestation_challenge"`
		}
		if err := a.json(); err != nil {
			return fmt.Errorf("reading the challenge: %w", err)
		}
		if err := jose.DecodeJSONLimit(a.body, &w, maxNonce); err != nil || w.Challenge == "" {
			return fmt.Errorf("reading the challenge: there is none")
		}
		i.challenge = w.Challenge
	}
	e.instance = i
	e.say("attested by the wallet provider as %q", e.cfg.ClientID)
	return nil
}

// authenticate adds the headers of one request to the authorization server.
func (e *exchange) authenticate(header map[string]string) error {
	if e.instance == nil {
		return nil
	}
	jti, err := e.fresh()
	if err != nil {
		return err
	}
	pop, err := oauth.SignAttestationPoP(e.instance.key, e.server.Issuer, e.cfg.ClientID, e.instance.challenge, jti, e.cfg.Clock.Now(), e.cfg.Rand)
	if err != nil {
		return err
	}
	header[headerAttestation], header[headerPoP] = e.instance.attestation, pop
	return nil
}

// wantsChallenge keeps the challenge of an answer for the next proof, and
// reports whether the request has to be repeated with it.
func (e *exchange) wantsChallenge(a *answer) bool {
	challenge := a.header.Get(headerChallenge)
	if e.instance == nil || challenge == "" {
		return false
	}
	e.instance.challenge = challenge
	return a.status >= 400 && a.status < 500 && a.refusal("").Code == "use_attestation_challenge"
}

// fresh gives 128 random bits as text.
func (w *Wallet) fresh() (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(w.cfg.Rand, b); err != nil {
		return "", fmt.Errorf("making a random value: %w", err)
	}
	return jose.EncodeBase64URL(b), nil
}
