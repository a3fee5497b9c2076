package oid4vci

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

const (
	typeKeyAttestation    = "key-attestation+jwt"
	typeKeyAttestationOld = "keyattestation+jwt" // drafts, and the example of EUDI TS3 1.5
)

// KeyAttestationRules is what an issuer demands of key attestations
// (appendix D).
type KeyAttestationRules struct {
	Required bool // key_attestations_required is in the metadata
	// Chain checks x5c (DER, leaf first, without anchor) up to a trusted key
	// attester and gives the key of the leaf.
	Chain              func(x5c [][]byte) (crypto.PublicKey, error)
	KeyStorage         []string // one of these must be attested; nil = any
	UserAuthentication []string // likewise
	Algorithms         []string // nil = those of the proofs
	AcceptOldType      bool     // typ keyattestation+jwt too
}

// KeyAttestation is an attestation that verified. Whether it was revoked is
// for the caller to look up in Status.
type KeyAttestation struct {
	Keys               []crypto.PublicKey // attested_keys in their order
	Nonce              string
	Expires            time.Time // zero when it has no exp
	KeyStorage         []string
	UserAuthentication []string
	Leaf               []byte // DER of the attester's certificate
	Claims             map[string]json.RawMessage

	keys []*jose.Key
}

var errAttester = errors.New("no trust in the key attester")

// StatusExpires is until when the attester promises to keep the status
// (key_storage_status.exp of EUDI TS3); zero when it does not say. Credentials
// must not live longer.
func (a *KeyAttestation) StatusExpires() (time.Time, error) {
	return StatusPeriod(a.Claims["key_storage_status"])
}

// StatusPeriod reads exp of the members client_status and key_storage_status of
// EUDI TS3; the zero time without one.
func StatusPeriod(member json.RawMessage) (time.Time, error) {
	if member == nil {
		return time.Time{}, nil
	}
	var c struct {
		Exp *int64 `json:"exp"`
	}
	if err := jose.DecodeJSON(member, &c); err != nil {
		return time.Time{}, fmt.Errorf("period of a status: %w", err)
	}
	if c.Exp == nil || *c.Exp > maxNumericDate {
		return time.Time{}, nil
	}
	return time.Unix(*c.Exp, 0).UTC(), nil
}

// Status gives the status claim, and of EUDI's key_storage_status when there
// is no other; nil when there is none.
func (a *KeyAttestation) Status() json.RawMessage {
	if s, ok := a.Claims["status"]; ok {
		return s
	}
	if m, err := jose.Members(a.Claims["key_storage_status"]); err == nil {
		return m["status"]
	}
	return nil
}

type attestationClaims struct {
	Iat                *int64            `json:"iat"`
	Exp                *int64            `json:"exp"`
	Nbf                *int64            `json:"nbf"`
	Keys               []json.RawMessage `json:"attested_keys"`
	KeyStorage         []string          `json:"key_storage"`
	UserAuthentication []string          `json:"user_authentication"`
	Nonce              string            `json:"nonce"`
	Certification      string            `json:"certification"` // a string, never an object
}

// verify checks an attestation. inProof tells that it came in the header of a
// jwt proof, where exp is mandatory.
func (r *KeyAttestationRules) verify(token string, rules *ProofRules, inProof bool) (*KeyAttestation, error) {
	s, err := jose.Parse(token, maxProof)
	if err != nil {
		return nil, err
	}
	if s.Header.Type != typeKeyAttestation && !(r.AcceptOldType && s.Header.Type == typeKeyAttestationOld) {
		return nil, broken("typ of the key attestation is not " + typeKeyAttestation)
	}
	if s.Header.X5C == nil { // HAIP 1.0 section 4.5.1
		return nil, broken("no x5c in the key attestation")
	}
	if r.Chain == nil {
		return nil, problem.New(problem.Internal, "no rule for key attesters")
	}
	leaf, err := r.Chain(s.Header.X5C)
	if err != nil {
		if problem.KindOf(err) == problem.Unavailable {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w: %w", broken("the key attester is not trusted"), errAttester, err)
	}
	algs := r.Algorithms
	if len(algs) == 0 {
		algs = rules.algorithms()
	}
	if err := s.Verify(leaf, algs...); err != nil {
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
	case c.Iat == nil:
		return nil, broken("no iat in the key attestation")
	case c.Exp == nil && inProof:
		return nil, broken("no exp in the key attestation")
	case len(c.Keys) == 0 || len(c.Keys) > maxAttestedKeys:
		return nil, broken(fmt.Sprintf("attested_keys has %d keys, 1 to %d are due", len(c.Keys), maxAttestedKeys))
	case !attests(c.KeyStorage, r.KeyStorage):
		return nil, broken("key_storage is not of an accepted level")
	case !attests(c.UserAuthentication, r.UserAuthentication):
		return nil, broken("user_authentication is not of an accepted level")
	}
	// iat may be old, as exp says how long it holds, but not of the future.
	if err := oauth.CheckValidity(c.Exp, c.Nbf, rules.Now, rules.MaxSkew); err != nil {
		return nil, broken(err.Error() + " in the key attestation")
	}
	if err := oauth.CheckValidity(nil, c.Iat, rules.Now, rules.MaxSkew); err != nil {
		return nil, broken("iat is ahead in the key attestation")
	}
	a := &KeyAttestation{Nonce: c.Nonce, KeyStorage: c.KeyStorage, UserAuthentication: c.UserAuthentication, Leaf: s.Header.X5C[0], Claims: claims}
	if c.Exp != nil && *c.Exp <= maxNumericDate {
		a.Expires = time.Unix(*c.Exp, 0).UTC()
	}
	for i, raw := range c.Keys {
		k, err := jose.ParsePublicKey(raw)
		if err != nil {
			return nil, fmt.Errorf("attested key %d: %w", i, err)
		}
		// A key that could not sign a proof here can bind no credential either.
		if alg, err := jose.AlgorithmFor(k.Public); err != nil || !slices.Contains(rules.algorithms(), alg) {
			return nil, broken(fmt.Sprintf("attested key %d is not for an accepted algorithm", i))
		}
		a.keys, a.Keys = append(a.keys, k), append(a.Keys, k.Public)
	}
	return a, nil
}

// maxNumericDate is the end of the year 9999, beyond which times no longer
// print as RFC 3339.
const maxNumericDate = 253402300799

// attests reports whether one of the attested values is an accepted one.
func attests(attested, accepted []string) bool {
	return accepted == nil || slices.ContainsFunc(attested, func(v string) bool { return slices.Contains(accepted, v) })
}

// verifyAttestationProof checks a proof of type attestation (appendix F.3): no
// signature of the keys themselves, so the nonce is the attester's word.
func (rules *ProofRules) verifyAttestationProof(tokens []string) ([]Proof, error) {
	if rules.KeyAttestation == nil {
		return nil, broken("the attestation type of proof is not supported here")
	}
	if len(tokens) != 1 {
		return nil, broken("exactly one key attestation is due")
	}
	a, err := rules.KeyAttestation.verify(tokens[0], rules, false)
	if err != nil {
		return nil, err
	}
	if rules.CheckNonce != nil && a.Nonce == "" {
		return nil, broken("no nonce in the key attestation: the nonce endpoint gives one")
	}
	var iat int64
	if err := jose.DecodeJSON(a.Claims["iat"], &iat); err != nil {
		return nil, err
	}
	return Proof{Nonce: a.Nonce, IssuedAt: time.Unix(iat, 0).UTC(), Attestation: a}.each(a.Keys, rules.batch()), nil
}

// proofKey gives the key that a jwt proof names, never trusting it further
// than that the proof must be signed with it. jwk, kid and x5c exclude each
// other. Without a key attestation only jwk names a key; with one, the key
// must be among the attested: jwk itself, or kid as the kid, the thumbprint or
// the index of one, or the first when nothing is named.
func proofKey(h jose.Header, a *KeyAttestation) (*jose.Key, error) {
	named := 0
	for _, is := range []bool{h.JWK != nil, h.KeyID != "", h.X5C != nil} {
		if is {
			named++
		}
	}
	_, emptyKid := h.Members["kid"]
	switch {
	case named > 1:
		return nil, broken("more than one of jwk, kid and x5c")
	case h.X5C != nil:
		return nil, broken("binding to x5c is not supported")
	case a == nil && h.JWK == nil:
		return nil, broken("no jwk in the header")
	case a == nil:
		return h.JWK, nil
	case named == 0 && !emptyKid:
		return a.keys[0], nil
	}
	var want []byte
	if h.JWK != nil {
		tp, err := jose.Thumbprint(h.JWK.Public)
		if err != nil {
			return nil, err
		}
		want = tp
	} else if i := slices.IndexFunc(a.keys, func(k *jose.Key) bool { return k.KeyID != "" && k.KeyID == h.KeyID }); i >= 0 {
		return a.keys[i], nil
	} else if tp, err := jose.DecodeBase64URL(h.KeyID); err == nil {
		want = tp
	}
	for _, k := range a.keys {
		tp, err := jose.Thumbprint(k.Public)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(tp, want) {
			return k, nil
		}
	}
	if i, err := strconv.Atoi(h.KeyID); err == nil && strconv.Itoa(i) == h.KeyID && i >= 0 && i < len(a.keys) {
		return a.keys[i], nil
	}
	return nil, broken("the key of the proof is not among attested_keys")
}

// SignKeyAttestation makes a key attestation, as a wallet provider does. nonce
// may be ""; claims may add members such as key_storage.
func SignKeyAttestation(provider crypto.Signer, x5c [][]byte, keys []crypto.PublicKey, nonce string, now, exp time.Time, claims map[string]any, rand io.Reader) (string, error) {
	all := map[string]any{"iat": now.Unix(), "exp": exp.Unix()}
	if nonce != "" {
		all["nonce"] = nonce
	}
	attested := make([]json.RawMessage, 0, len(keys))
	for _, k := range keys {
		jwk, err := jose.MarshalPublicKey(k)
		if err != nil {
			return "", fmt.Errorf("making a key attestation: %w", err)
		}
		attested = append(attested, jwk)
	}
	all["attested_keys"] = attested
	for name, v := range claims {
		all[name] = v
	}
	payload, err := marshal(all)
	if err != nil {
		return "", fmt.Errorf("making a key attestation: %w", err)
	}
	return jose.Sign(provider, map[string]any{"typ": typeKeyAttestation, "x5c": x5c}, payload, rand)
}
