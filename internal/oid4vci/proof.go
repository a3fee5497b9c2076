package oid4vci

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

const typeProof = "openid4vci-proof+jwt"

// ProofRules is what an issuer demands of the proofs in one request.
type ProofRules struct {
	Issuer    string // credential issuer identifier: the only aud that passes
	ClientID  string // of the access token; "" = not known
	Anonymous bool   // the token was given to nobody in particular: iss must be left out
	// CheckNonce judges the c_nonce that all proofs share. It is called once,
	// after every proof has verified; nil = no nonce is demanded.
	CheckNonce func(nonce string) error
	Now        time.Time
	MaxAge     time.Duration // of iat; 0 = oauth.DefaultMaxAge
	MaxSkew    time.Duration // 0 = oauth.DefaultMaxSkew
	Algorithms []string      // proof_signing_alg_values_supported; nil = ES256
	BatchSize  int           // batch_size of the metadata; below 2 = one key a request
	// KeyAttestation is how key attestations are judged; nil = they are not
	// read, and the attestation proof type is refused.
	KeyAttestation *KeyAttestationRules
}

// Proof is one key that a credential may be bound to.
type Proof struct {
	Key         crypto.PublicKey
	Nonce       string
	IssuedAt    time.Time       // of the proof that brought it
	Attestation *KeyAttestation // nil without one
}

type proofClaims struct {
	Iss   *string `json:"iss"`
	Aud   string  `json:"aud"` // a string: an array is how audiences get injected
	Iat   *int64  `json:"iat"`
	Exp   *int64  `json:"exp"`
	Nbf   *int64  `json:"nbf"`
	Nonce *string `json:"nonce"`
}

// VerifyProofs checks every proof of the request (appendix F.4) and gives the
// keys in their order: those of the proofs, or with a key attestation the
// attested ones, at most BatchSize. One bad proof refuses the request.
// Refusals are problem.InvalidProof, and problem.InvalidNonce when all is fine
// but the nonce.
func (r *CredentialRequest) VerifyProofs(rules ProofRules) ([]Proof, error) {
	var proofs []Proof
	var err error
	switch {
	case len(r.Proofs.JWT) > 0:
		proofs, err = rules.verifyJWTs(r.Proofs.JWT)
	case len(r.Proofs.Attestation) > 0:
		proofs, err = rules.verifyAttestationProof(r.Proofs.Attestation)
	default:
		err = broken("the request has no proofs")
	}
	if err != nil {
		return nil, refusal(err)
	}
	seen := map[string]bool{}
	for _, p := range proofs {
		tp, err := jose.Thumbprint(p.Key)
		if err != nil {
			return nil, refusal(err)
		}
		if seen[string(tp)] {
			return nil, refusal(broken("two proofs of one key"))
		}
		seen[string(tp)] = true
		if p.Nonce != proofs[0].Nonce {
			return nil, refusal(broken("the proofs of one request have different nonces"))
		}
	}
	if rules.CheckNonce == nil {
		return proofs, nil
	}
	if err := rules.CheckNonce(proofs[0].Nonce); err != nil {
		if problem.KindOf(err) == problem.Unavailable {
			return nil, err // our store is down: that is not the wallet's fault
		}
		return nil, problem.Wrap(problem.InvalidNonce, err, "the nonce is not one of ours, used or too old: fetch a new one")
	}
	return proofs, nil
}

func (rules *ProofRules) batch() int { return max(rules.BatchSize, 1) }

func (rules *ProofRules) algorithms() []string {
	if len(rules.Algorithms) == 0 {
		return []string{"ES256"}
	}
	return rules.Algorithms
}

func (rules *ProofRules) verifyJWTs(tokens []string) ([]Proof, error) {
	if len(tokens) > rules.batch() {
		return nil, broken(fmt.Sprintf("%d proofs, at most %d in one request", len(tokens), rules.batch()))
	}
	proofs := make([]Proof, 0, len(tokens))
	for i, token := range tokens {
		p, err := rules.verifyJWT(token, len(tokens))
		if err != nil {
			return nil, fmt.Errorf("proof %d: %w", i, err)
		}
		proofs = append(proofs, p...)
	}
	return proofs, nil
}

// verifyJWT checks one proof of type jwt (appendix F.1).
func (rules *ProofRules) verifyJWT(token string, among int) ([]Proof, error) {
	s, err := jose.Parse(token, maxProof) // refuses crit, b64, zip, private members in jwk
	if err != nil {
		return nil, err
	}
	if s.Header.Type != typeProof {
		return nil, broken("typ is not " + typeProof)
	}
	var attestation *KeyAttestation
	if raw, ok := s.Header.Members["key_attestation"]; ok && rules.KeyAttestation != nil {
		var text string
		if err := jose.DecodeJSON(raw, &text); err != nil {
			return nil, fmt.Errorf("key_attestation: %w", err)
		}
		if among > 1 {
			return nil, broken("a key attestation speaks for all keys: exactly one proof is due with it")
		}
		attestation, err = rules.KeyAttestation.verify(text, rules, true)
		if errors.Is(err, errAttester) && !rules.KeyAttestation.Required && s.Header.JWK != nil {
			// Nobody asked for it, and the proof says its key: the word of a
			// stranger about the others is worth nothing.
			attestation, err = nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("key_attestation: %w", err)
		}
	} else if rules.KeyAttestation != nil && rules.KeyAttestation.Required {
		return nil, broken("a key attestation is required")
	}
	key, err := proofKey(s.Header, attestation)
	if err != nil {
		return nil, err
	}
	if err := s.VerifyKey(key, rules.algorithms()...); err != nil {
		return nil, err
	}
	var c proofClaims
	if err := jose.DecodeJSON(s.Payload, &c); err != nil {
		return nil, err
	}
	switch {
	case c.Aud != rules.Issuer || c.Aud == "":
		return nil, broken("aud is not the credential issuer identifier")
	case c.Iat == nil:
		return nil, broken("no iat")
	case c.Iss != nil && rules.Anonymous:
		return nil, broken("iss in a proof of an anonymous client")
	case c.Iss != nil && rules.ClientID != "" && *c.Iss != rules.ClientID:
		return nil, broken("iss is not the client_id")
	case rules.CheckNonce != nil && (c.Nonce == nil || *c.Nonce == ""):
		return nil, broken("no nonce: the nonce endpoint gives one")
	}
	if err := oauth.CheckIssuedAt(*c.Iat, rules.Now, rules.MaxAge, rules.MaxSkew); err != nil {
		return nil, broken(err.Error())
	}
	if err := oauth.CheckValidity(c.Exp, c.Nbf, rules.Now, rules.MaxSkew); err != nil {
		return nil, broken(err.Error())
	}
	one := Proof{Key: key.Public, IssuedAt: time.Unix(*c.Iat, 0).UTC(), Attestation: attestation}
	if c.Nonce != nil {
		one.Nonce = *c.Nonce
	}
	if attestation == nil {
		return []Proof{one}, nil
	}
	if attestation.Nonce != "" && attestation.Nonce != one.Nonce {
		return nil, broken("the key attestation has another nonce than the proof")
	}
	return one.each(attestation.Keys, rules.batch()), nil
}

// each gives a proof for every attested key, the issuer issuing fewer
// credentials than there are keys if need be.
func (p Proof) each(keys []crypto.PublicKey, batch int) []Proof {
	keys = keys[:min(len(keys), batch)]
	out := make([]Proof, len(keys))
	for i, k := range keys {
		out[i] = p
		out[i].Key = k
	}
	return out
}

// refusal gives err the kind of the protocol and a text that the wallet may
// read.
func refusal(err error) error {
	var own *problem.Error
	if errors.As(err, &own) && (own.Kind == problem.Unavailable || own.Kind == problem.Internal) {
		return err // not the wallet's fault
	}
	var b broken
	if errors.As(err, &b) {
		return problem.Wrap(problem.InvalidProof, err, "%s", string(b))
	}
	for _, kind := range []error{jose.ErrSignature, jose.ErrKey, jose.ErrUnsupported, jose.ErrLimit, jose.ErrMalformed} {
		if errors.Is(err, kind) {
			return problem.Wrap(problem.InvalidProof, err, "a proof is refused: %s", kind.Error())
		}
	}
	return problem.Wrap(problem.InvalidProof, err, "a proof is refused")
}

// broken is a broken rule in words that the wallet may read.
type broken string

func (b broken) Error() string { return string(b) }

// SignProof makes a proof of type jwt, as a wallet does. nonce and iss may be
// "": iss is left out by anonymous clients.
func SignProof(signer crypto.Signer, aud, nonce, iss string, now time.Time, rand io.Reader) (string, error) {
	jwk, err := jose.MarshalPublicKey(signer.Public())
	if err != nil {
		return "", fmt.Errorf("making a proof: %w", err)
	}
	return signProof(signer, map[string]any{"typ": typeProof, "jwk": json.RawMessage(jwk)}, aud, nonce, iss, now, rand)
}

// SignAttestedProof makes the one proof that goes with a key attestation. It
// is signed by the first attested key and names no key itself, as EUDI wants.
func SignAttestedProof(signer crypto.Signer, attestation, aud, nonce, iss string, now time.Time, rand io.Reader) (string, error) {
	return signProof(signer, map[string]any{"typ": typeProof, "key_attestation": attestation}, aud, nonce, iss, now, rand)
}

func signProof(signer crypto.Signer, header map[string]any, aud, nonce, iss string, now time.Time, rand io.Reader) (string, error) {
	claims := map[string]any{"aud": aud, "iat": now.Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if iss != "" {
		claims["iss"] = iss
	}
	payload, err := marshal(claims)
	if err != nil {
		return "", fmt.Errorf("making a proof: %w", err)
	}
	return jose.Sign(signer, header, payload, rand)
}
