package oauth

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const (
	typeAttestation    = "oauth-client-attestation+jwt"
	typeAttestationPoP = "oauth-client-attestation-pop+jwt"
)

// ErrAttestationChallenge is in the chain of the refusal (of kind
// problem.InvalidClient) that the protocol calls use_attestation_challenge:
// the server answers with a fresh OAuth-Client-Attestation-Challenge header.
var ErrAttestationChallenge = errors.New("use_attestation_challenge")

// AttestationRequest is what an authorization server knows when a client
// authenticates with OAuth-Client-Attestation and OAuth-Client-Attestation-PoP.
type AttestationRequest struct {
	Issuer      string // own issuer identifier: the only aud that passes
	ClientID    string // client_id of the request, "" when it had none
	Now         time.Time
	MaxAge      time.Duration // of the PoP; 0 = DefaultMaxAge
	MaxSkew     time.Duration // 0 = DefaultMaxSkew
	MaxLifetime time.Duration // of the attestation, exp from now; 0 = not bounded
	Algorithms  []string      // of both tokens; nil = ES256
	// Chain checks x5c (DER, leaf first, without anchor) up to a trusted
	// wallet provider and gives the key of the leaf.
	Chain func(x5c [][]byte) (crypto.PublicKey, error)
	// Challenge judges the challenge of the PoP; nil = none is demanded.
	Challenge func(string) error
}

// Attestation is a client that authenticated. The server has still to see
// that ReplayKey is new, until Expires, and to check Status where there is one.
type Attestation struct {
	ClientID   string
	Key        crypto.PublicKey // of the client instance (cnf.jwk)
	Thumbprint string           // of Key, base64url: refresh tokens are bound to it
	JTI        string           // of the PoP
	IssuedAt   time.Time        // of the PoP
	Expires    time.Time        // from when on the PoP would be too old anyway
	ValidUntil time.Time        // exp of the attestation
	Leaf       []byte           // DER of the wallet provider's certificate
	Claims     map[string]json.RawMessage
}

// Status gives the status claim of the attestation, and of EUDI's
// client_status when there is no other; nil when there is none.
func (a *Attestation) Status() json.RawMessage {
	if s, ok := a.Claims["status"]; ok {
		return s
	}
	if m, err := jose.Members(a.Claims["client_status"]); err == nil {
		return m["status"]
	}
	return nil
}

// ReplayKey is what a replay store keeps of the PoP.
func (a *Attestation) ReplayKey() [32]byte {
	return sha256.Sum256([]byte("attestation\x00" + a.Thumbprint + "\x00" + a.JTI))
}

type attestationClaims struct {
	Iss string `json:"iss"` // required by -07, gone since -08: never judged
	Sub string `json:"sub"`
	Iat *int64 `json:"iat"`
	Exp *int64 `json:"exp"`
	Nbf *int64 `json:"nbf"`
	Cnf struct {
		JWK json.RawMessage `json:"jwk"`
	} `json:"cnf"`
}

type popClaims struct {
	Iss       *string `json:"iss"` // required by -07, gone since -08
	Aud       string  `json:"aud"` // a string: an array is how audiences get injected
	JTI       string  `json:"jti"`
	Iat       *int64  `json:"iat"`
	Exp       *int64  `json:"exp"`
	Nbf       *int64  `json:"nbf"`
	Challenge *string `json:"challenge"`
}

// VerifyClientAttestation checks the values of the two headers, each of which
// came exactly once. Refusals are problem.InvalidClient.
func VerifyClientAttestation(attestation, pop string, r AttestationRequest) (*Attestation, error) {
	a, err := verifyAttestation(attestation, r)
	if err == nil {
		err = a.verifyPoP(pop, r)
	}
	if err != nil {
		var own *problem.Error
		if errors.As(err, &own) && (own.Kind == problem.Unavailable || own.Kind == problem.Internal || own.Kind == problem.InvalidClient) {
			return nil, err
		}
		return nil, problem.Wrap(problem.InvalidClient, err, "client attestation: %s", reason(err))
	}
	return a, nil
}

func verifyAttestation(token string, r AttestationRequest) (*Attestation, error) {
	s, err := jose.Parse(token, maxAttestation)
	if err != nil {
		return nil, err
	}
	if s.Header.Type != typeAttestation {
		return nil, rule("typ is not " + typeAttestation)
	}
	if s.Header.X5C == nil { // HAIP 1.0 section 4.4.1
		return nil, rule("no x5c in the header")
	}
	if r.Chain == nil {
		return nil, problem.New(problem.Internal, "no rule for wallet providers")
	}
	leaf, err := r.Chain(s.Header.X5C)
	if err != nil {
		if problem.KindOf(err) == problem.Unavailable {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", rule("the attester is not trusted"), err)
	}
	if err := s.Verify(leaf, r.algorithms()...); err != nil {
		return nil, err
	}
	var c attestationClaims
	if err := jose.DecodeJSON(s.Payload, &c); err != nil {
		return nil, err
	}
	claims, err := jose.Members(s.Payload)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Sub == "":
		return nil, rule("no sub")
	case c.Exp == nil:
		return nil, rule("no exp")
	case c.Cnf.JWK == nil:
		return nil, rule("no cnf.jwk")
	}
	if err := CheckValidity(c.Exp, c.Nbf, r.Now, r.MaxSkew); err != nil {
		return nil, rule(err.Error())
	}
	if c.Iat != nil {
		// It may be old, as exp says how long it holds, but not of the future.
		if err := CheckValidity(nil, c.Iat, r.Now, r.MaxSkew); err != nil {
			return nil, rule("iat is ahead")
		}
	}
	if r.MaxLifetime > 0 && *c.Exp > r.Now.Add(r.MaxLifetime).Unix() {
		return nil, rule("exp is too far ahead")
	}
	if *c.Exp > maxNumericDate {
		return nil, rule("exp is out of range")
	}
	if r.ClientID != "" && r.ClientID != c.Sub {
		return nil, rule("client_id is not the sub of the attestation")
	}
	key, err := jose.ParsePublicKey(c.Cnf.JWK)
	if err != nil {
		return nil, err
	}
	thumbprint, err := jose.Thumbprint(key.Public)
	if err != nil {
		return nil, err
	}
	return &Attestation{
		ClientID:   c.Sub,
		Key:        key.Public,
		Thumbprint: jose.EncodeBase64URL(thumbprint),
		ValidUntil: time.Unix(*c.Exp, 0).UTC(),
		Leaf:       s.Header.X5C[0],
		Claims:     claims,
	}, nil
}

func (a *Attestation) verifyPoP(token string, r AttestationRequest) error {
	s, err := jose.Parse(token, maxProof)
	if err != nil {
		return err
	}
	if s.Header.Type != typeAttestationPoP {
		return rule("typ of the PoP is not " + typeAttestationPoP)
	}
	// The key is the attested one, whatever the header of the PoP says.
	if err := s.Verify(a.Key, r.algorithms()...); err != nil {
		return err
	}
	var c popClaims
	if err := jose.DecodeJSON(s.Payload, &c); err != nil {
		return err
	}
	switch {
	case c.Aud != r.Issuer || c.Aud == "":
		return rule("aud of the PoP is not the issuer identifier of this server")
	case c.Iss != nil && *c.Iss != a.ClientID:
		return rule("iss of the PoP is not the sub of the attestation")
	case c.Iat == nil:
		return rule("no iat in the PoP")
	case c.JTI == "" || len(c.JTI) > maxJTI:
		return rule("jti of the PoP is missing or too long")
	}
	if err := CheckIssuedAt(*c.Iat, r.Now, r.MaxAge, r.MaxSkew); err != nil {
		return rule(err.Error())
	}
	if err := CheckValidity(c.Exp, c.Nbf, r.Now, r.MaxSkew); err != nil {
		return rule(err.Error())
	}
	if r.Challenge != nil {
		if c.Challenge == nil {
			return problem.Wrap(problem.InvalidClient, ErrAttestationChallenge, "the PoP has no challenge")
		}
		if err := r.Challenge(*c.Challenge); err != nil {
			if problem.KindOf(err) == problem.Unavailable {
				return err
			}
			return problem.Wrap(problem.InvalidClient, fmt.Errorf("%w: %w", ErrAttestationChallenge, err), "the challenge of the PoP is not one of ours or is too old")
		}
	}
	maxAge, _ := defaults(r.MaxAge, r.MaxSkew)
	a.JTI, a.IssuedAt = c.JTI, time.Unix(*c.Iat, 0).UTC()
	a.Expires = a.IssuedAt.Add(maxAge + time.Second)
	return nil
}

// maxNumericDate is the end of the year 9999, beyond which times no longer
// print as RFC 3339.
const maxNumericDate = 253402300799

func (r AttestationRequest) algorithms() []string {
	if len(r.Algorithms) == 0 {
		return []string{"ES256"}
	}
	return r.Algorithms
}

// SignAttestation makes a client attestation for the key of a wallet instance,
// as a wallet provider does. claims may add members such as wallet_name.
func SignAttestation(provider crypto.Signer, x5c [][]byte, clientID string, instance crypto.PublicKey, now, exp time.Time, claims map[string]any, rand io.Reader) (string, error) {
	jwk, err := jose.MarshalPublicKey(instance)
	if err != nil {
		return "", fmt.Errorf("making a client attestation: %w", err)
	}
	all := map[string]any{}
	for name, v := range claims {
		all[name] = v
	}
	all["sub"], all["iat"], all["exp"] = clientID, now.Unix(), exp.Unix()
	all["cnf"] = map[string]any{"jwk": json.RawMessage(jwk)}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("making a client attestation: %w", err)
	}
	return jose.Sign(provider, map[string]any{"typ": typeAttestation, "x5c": x5c}, payload, rand)
}

// SignAttestationPoP makes the proof of possession that goes with an
// attestation. challenge may be "". It carries iss, which -07 requires and
// later drafts ignore.
func SignAttestationPoP(instance crypto.Signer, issuer, clientID, challenge, jti string, now time.Time, rand io.Reader) (string, error) {
	claims := map[string]any{"iss": clientID, "aud": issuer, "jti": jti, "iat": now.Unix()}
	if challenge != "" {
		claims["challenge"] = challenge
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("making a client attestation PoP: %w", err)
	}
	return jose.Sign(instance, map[string]any{"typ": typeAttestationPoP}, payload, rand)
}
