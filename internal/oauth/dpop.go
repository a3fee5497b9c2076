package oauth

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// DPoPRequest is what a server knows of the request that carries a proof.
type DPoPRequest struct {
	Method      string // as on the wire: GET, POST
	URL         string // of this endpoint, from configuration, never from the Host header
	AccessToken string // that came with the proof; "" at the token and PAR endpoints
	Now         time.Time
	MaxAge      time.Duration      // 0 = DefaultMaxAge
	MaxSkew     time.Duration      // 0 = DefaultMaxSkew
	Nonce       func(string) error // judges the nonce; nil = none is demanded
	Algorithms  []string           // dpop_signing_alg_values_supported; nil = ES256
}

// DPoPProof is a proof that verified. The server has still to see that its
// ReplayKey is new, until Expires, and to compare Thumbprint with the key that
// the token or code is bound to.
type DPoPProof struct {
	JTI        string
	Thumbprint string // jkt: base64url of the RFC 7638 SHA-256 thumbprint
	IssuedAt   time.Time
	Expires    time.Time // from when on the proof would be too old anyway
	Key        crypto.PublicKey
}

// ReplayKey is what a replay store keeps: a hash over the key and the jti, of
// fixed size, the same for every spelling of one proof.
func (p *DPoPProof) ReplayKey() [32]byte {
	return sha256.Sum256([]byte("dpop\x00" + p.Thumbprint + "\x00" + p.JTI))
}

type dpopClaims struct {
	JTI   string  `json:"jti"`
	HTM   string  `json:"htm"`
	HTU   string  `json:"htu"`
	IAT   *int64  `json:"iat"`
	ATH   string  `json:"ath"`
	Nonce *string `json:"nonce"`
	Exp   *int64  `json:"exp"`
	Nbf   *int64  `json:"nbf"`
}

// VerifyDPoP checks the value of the one DPoP header, in the order of RFC 9449
// section 4.3. Refusals are problem.InvalidDPoPProof, and problem.UseDPoPNonce
// when all but the nonce is fine.
func VerifyDPoP(proof string, r DPoPRequest) (*DPoPProof, error) {
	p, nonce, err := verifyDPoP(proof, r)
	if err != nil {
		var own *problem.Error
		if errors.As(err, &own) {
			return nil, err // our own URL is broken: Internal
		}
		return nil, problem.Wrap(problem.InvalidDPoPProof, err, "%s", reason(err))
	}
	// Steps 10 and 11 last: a client that only lacks a nonce shall be told so.
	if r.Nonce == nil {
		return p, nil
	}
	if nonce == nil {
		return nil, problem.New(problem.UseDPoPNonce, "the proof has no nonce")
	}
	if err := r.Nonce(*nonce); err != nil {
		if problem.KindOf(err) == problem.Unavailable {
			return nil, err // our store is down: that is not the client's fault
		}
		return nil, problem.Wrap(problem.UseDPoPNonce, err, "the nonce of the proof is not one of ours or is too old")
	}
	return p, nil
}

func verifyDPoP(proof string, r DPoPRequest) (*DPoPProof, *string, error) {
	// Step 2: one well-formed JWT. A comma-joined header is none.
	s, err := jose.Parse(proof, maxProof)
	if err != nil {
		return nil, nil, err
	}
	// Step 4.
	if s.Header.Type != "dpop+jwt" {
		return nil, nil, rule("typ is not dpop+jwt")
	}
	// Step 7 before 5 and 6: ParsePublicKey has refused private members.
	key := s.Header.JWK
	if key == nil {
		return nil, nil, rule("no jwk in the header")
	}
	if s.Header.KeyID != "" || s.Header.X5C != nil || key.X5C != nil {
		return nil, nil, rule("a second key reference beside jwk")
	}
	algs := r.Algorithms
	if len(algs) == 0 {
		algs = []string{"ES256"}
	}
	if err := s.VerifyKey(key, algs...); err != nil {
		return nil, nil, err
	}
	// Step 3: required claims. A claim of the wrong type is no claim left out.
	var c dpopClaims
	if err := jose.DecodeJSON(s.Payload, &c); err != nil {
		return nil, nil, err
	}
	switch {
	case c.JTI == "":
		return nil, nil, rule("no jti")
	case len(c.JTI) > maxJTI:
		return nil, nil, rule("jti is too long")
	case c.IAT == nil:
		return nil, nil, rule("no iat")
	}
	// Step 8.
	if c.HTM != r.Method {
		return nil, nil, rule("htm is not the method of the request")
	}
	// Step 9.
	if err := sameURL(c.HTU, r.URL); err != nil {
		return nil, nil, err
	}
	// Step 11 but for the nonce.
	if err := CheckIssuedAt(*c.IAT, r.Now, r.MaxAge, r.MaxSkew); err != nil {
		return nil, nil, rule(err.Error())
	}
	if err := CheckValidity(c.Exp, c.Nbf, r.Now, r.MaxSkew); err != nil {
		return nil, nil, rule(err.Error())
	}
	// Step 12. Whether the token is bound to this key is the caller's step.
	if r.AccessToken != "" && subtle.ConstantTimeCompare([]byte(c.ATH), []byte(tokenHash(r.AccessToken))) != 1 {
		return nil, nil, rule("ath does not match the access token")
	}
	thumbprint, err := jose.Thumbprint(key.Public)
	if err != nil {
		return nil, nil, err
	}
	maxAge, _ := defaults(r.MaxAge, r.MaxSkew)
	issued := time.Unix(*c.IAT, 0).UTC()
	return &DPoPProof{
		JTI:        c.JTI,
		Thumbprint: jose.EncodeBase64URL(thumbprint),
		IssuedAt:   issued,
		Expires:    issued.Add(maxAge + time.Second),
		Key:        key.Public,
	}, c.Nonce, nil
}

func sameURL(htu, own string) error {
	a, err := NormalizeURL(htu)
	if err != nil {
		return rule("htu: " + err.Error())
	}
	b, err := NormalizeURL(own)
	if err != nil {
		return problem.Wrap(problem.Internal, err, "own URL")
	}
	if a != b {
		return rule("htu is not the URL of the request")
	}
	return nil
}

func tokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return jose.EncodeBase64URL(sum[:])
}

// rule is a broken rule in words that the peer may read.
type rule string

func (r rule) Error() string { return string(r) }

// reason is what the peer may read of err: the rule, or the kind of the JOSE
// error without its inner text.
func reason(err error) string {
	var r rule
	if errors.As(err, &r) {
		return string(r)
	}
	for _, kind := range []error{jose.ErrSignature, jose.ErrKey, jose.ErrUnsupported, jose.ErrLimit, jose.ErrMalformed} {
		if errors.Is(err, kind) {
			return "the token is refused: " + kind.Error()
		}
	}
	return "the token is refused"
}

// SignDPoP makes a proof, as a wallet does. accessToken and nonce may be "".
func SignDPoP(signer crypto.Signer, method, url, accessToken, nonce, jti string, now time.Time, rand io.Reader) (string, error) {
	htu, err := NormalizeURL(url)
	if err != nil {
		return "", fmt.Errorf("making a DPoP proof: %w", err)
	}
	jwk, err := jose.MarshalPublicKey(signer.Public())
	if err != nil {
		return "", fmt.Errorf("making a DPoP proof: %w", err)
	}
	claims := map[string]any{"jti": jti, "htm": method, "htu": htu, "iat": now.Unix()}
	if accessToken != "" {
		claims["ath"] = tokenHash(accessToken)
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("making a DPoP proof: %w", err)
	}
	return jose.Sign(signer, map[string]any{"typ": "dpop+jwt", "jwk": json.RawMessage(jwk)}, payload, rand)
}
