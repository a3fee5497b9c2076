package wallet

import (
	"crypto"
	"fmt"
	"io"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
)

// Provider vouches for a wallet and for its keys (HAIP 1.0, sections 4.4.1 and
// 4.5.1). Its answers are compact JWTs.
type Provider interface {
	// AttestWallet makes a client attestation for the key of an instance.
	AttestWallet(clientID string, instance crypto.PublicKey) (string, error)
	// AttestKeys makes a key attestation with the issuer's nonce, "" without one.
	AttestKeys(keys []crypto.PublicKey, nonce string) (string, error)
}

// TestProvider is a wallet provider for tests: it vouches for everything, also
// for keys that lie in files, and says that they withstand high attack potential.
type TestProvider struct {
	Key   crypto.Signer
	Chain [][]byte // DER, leaf first, without the root
	Clock clock.Clock
	Rand  io.Reader
}

// attestationLife is that of what TestProvider makes: long enough for a login.
const attestationLife = time.Hour

// AttestWallet implements Provider.
func (p *TestProvider) AttestWallet(clientID string, instance crypto.PublicKey) (string, error) {
	now := p.Clock.Now()
	return oauth.SignAttestation(p.Key, p.Chain, clientID, instance, now, now.Add(attestationLife), map[string]any{"wallet_name": "Vidimus test wallet"}, p.Rand)
}

// AttestKeys implements Provider.
func (p *TestProvider) AttestKeys(keys []crypto.PublicKey, nonce string) (string, error) {
	now := p.Clock.Now()
	return oid4vci.SignKeyAttestation(p.Key, p.Chain, keys, nonce, now, now.Add(attestationLife), map[string]any{
		"key_storage": []string{"iso_18045_high"}, "user_authentication": []string{"iso_18045_high"},
	}, p.Rand)
}

// proofs proves the keys of one request: each by a signature of its own, or with
// a provider all by its attestation, in a proof that the first key signs, or
// alone when the issuer takes that and no signatures.
func (e *exchange) proofs(c oid4vci.Configuration, keys []crypto.Signer, nonce string) (oid4vci.Proofs, error) {
	var p oid4vci.Proofs
	if e.cfg.Provider == nil {
		for _, key := range keys {
			proof, err := oid4vci.SignProof(key, e.issuer.CredentialIssuer, nonce, e.cfg.ClientID, e.cfg.Clock.Now(), e.cfg.Rand)
			if err != nil {
				return p, err
			}
			p.JWT = append(p.JWT, proof)
		}
		return p, nil
	}
	public := make([]crypto.PublicKey, len(keys))
	for i, key := range keys {
		public[i] = key.Public()
	}
	attestation, err := e.cfg.Provider.AttestKeys(public, nonce)
	if err != nil {
		return p, fmt.Errorf("the wallet provider attests no keys: %w", err)
	}
	if _, ok := c.ProofTypes[proofJWT]; !ok {
		p.Attestation = []string{attestation}
		return p, nil
	}
	proof, err := oid4vci.SignAttestedProof(keys[0], attestation, e.issuer.CredentialIssuer, nonce, e.cfg.ClientID, e.cfg.Clock.Now(), e.cfg.Rand)
	if err != nil {
		return p, err
	}
	p.JWT = []string{proof}
	return p, nil
}
