package registryclient

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// SET is a signed event, to be kept until it is acknowledged.
type SET struct {
	JTI   string `json:"jti"`
	Token string `json:"token"` // compact JWS
}

// Sign makes the token of an event.
func (c *Client) Sign(e Event) (SET, error) {
	if e.Payload == nil || e.Subject == "" || e.Seq == 0 {
		return SET{}, errors.New("an event needs a subject, a number from 1 and a payload")
	}
	body, err := members(e.Payload)
	if err != nil {
		return SET{}, err
	}
	body["seq"] = e.Seq
	if e.Prev != nil {
		body["prev"] = *e.Prev
	}
	if _, ok := e.Payload.(WalletUnitRevoked); ok {
		body["wallet"] = e.Subject
	}
	if e.JTI == "" {
		var id [16]byte
		if _, err := io.ReadFull(c.random(), id[:]); err != nil {
			return SET{}, fmt.Errorf("making a jti: %w", err)
		}
		e.JTI = hex.EncodeToString(id[:]) // never begins with "-": people give it to commands
	}
	claims := map[string]any{
		"iss": c.Source, "aud": c.Audience, "iat": c.now().Unix(), "jti": e.JTI,
		"sub_id": map[string]string{"format": "opaque", "id": e.Subject},
		"events": map[string]any{"urn:vidimus:event:" + e.Payload.eventName() + ":1": body},
	}
	if !e.Effective.IsZero() {
		claims["toe"] = e.Effective.Unix()
	}
	if e.Decision != "" {
		claims["txn"] = e.Decision
	}
	token, err := signES256(c.Signer, map[string]string{"alg": "ES256", "kid": c.KeyID, "typ": "secevent+jwt"}, claims, c.random())
	if err != nil {
		return SET{}, err
	}
	return SET{JTI: e.JTI, Token: token}, nil
}

// members turns a payload into the object that seq and prev are added to.
func members(p Payload) (map[string]any, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	body := make(map[string]any, len(raw)+2)
	for name, value := range raw {
		body[name] = value
	}
	if e, ok := p.(EntitlementPut); ok && e.Privileges == nil {
		body["privileges"] = []Privilege{}
	}
	return body, nil
}

// signES256 writes a compact JWS (RFC 7515, RFC 7518 section 3.4).
func signES256(signer crypto.Signer, header, claims any, random io.Reader) (string, error) {
	if signer == nil {
		return "", errors.New("no signer")
	}
	if pub, ok := signer.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return "", errors.New("the signer has no P-256 key")
	}
	var parts []string
	for _, part := range []any{header, claims} {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(part); err != nil {
			return "", fmt.Errorf("encoding the token: %w", err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(b.Bytes())))
	}
	input := strings.Join(parts, ".")
	digest := sha256.Sum256([]byte(input))
	der, err := signer.Sign(random, digest[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) != 0 || sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 256 || sig.S.BitLen() > 256 {
		return "", errors.New("the signer answered with something else than an ECDSA signature")
	}
	var rs [64]byte
	sig.R.FillBytes(rs[:32])
	sig.S.FillBytes(rs[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(rs[:]), nil
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) random() io.Reader {
	if c.Rand != nil {
		return c.Rand
	}
	return rand.Reader
}
