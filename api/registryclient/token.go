package registryclient

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
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
	body, err := e.body()
	if err != nil {
		return SET{}, err
	}
	if e.JTI == "" {
		if e.JTI, err = c.newJTI(); err != nil {
			return SET{}, err
		}
	}
	claims := claims{
		Issuer: c.Source, Audience: c.Audience, IssuedAt: c.now().Unix(), JTI: e.JTI, Decision: e.Decision,
		Subject: subject{Format: "opaque", ID: e.Subject},
	}
	if !e.Effective.IsZero() {
		toe := e.Effective.Unix()
		claims.Effective = &toe
	}
	text, err := encode(claims)
	if err != nil {
		return SET{}, err
	}
	// The body, which may hold a portrait, is encoded once and copied.
	text = append(text[:len(text)-1], `,"events":{"urn:vidimus:event:`+e.Payload.eventName()+`:1":`...)
	text = append(append(text, body...), "}}"...)
	token, err := signES256(c.Signer, header{"ES256", c.KeyID, "secevent+jwt"}, text, c.random())
	if err != nil {
		return SET{}, err
	}
	return SET{JTI: e.JTI, Token: token}, nil
}

// header is the JOSE header, claims are those of an event but for events.
type (
	header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}
	claims struct {
		Issuer    string  `json:"iss"`
		Audience  string  `json:"aud"`
		IssuedAt  int64   `json:"iat"`
		JTI       string  `json:"jti"`
		Subject   subject `json:"sub_id"`
		Effective *int64  `json:"toe,omitempty"`
		Decision  string  `json:"txn,omitempty"`
	}
	subject struct {
		Format string `json:"format"`
		ID     string `json:"id"`
	}
)

// newJTI makes a UUID of version 7 (RFC 9562, section 5.7) in 32 hexadecimal
// digits: events of one time lie together in the office's store, and people can
// give the name to commands, since it never begins with "-".
func (c *Client) newJTI() (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(c.random(), id[6:]); err != nil {
		return "", fmt.Errorf("making a jti: %w", err)
	}
	at := uint64(c.now().UnixMilli())
	for i := range 6 {
		id[i] = byte(at >> (40 - 8*i))
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return hex.EncodeToString(id[:]), nil
}

// body encodes what is the event's own: its number, the version that it builds
// on, and the payload.
func (e Event) body() ([]byte, error) {
	if p, ok := e.Payload.(EntitlementPut); ok && p.Privileges == nil {
		p.Privileges = []Privilege{}
		e.Payload = p
	}
	payload, err := encode(e.Payload)
	if err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	order := struct {
		Seq    uint64  `json:"seq"`
		Prev   *uint64 `json:"prev,omitempty"`
		Wallet string  `json:"wallet,omitempty"`
	}{Seq: e.Seq, Prev: e.Prev}
	if _, ok := e.Payload.(WalletUnitRevoked); ok {
		order.Wallet = e.Subject
	}
	body, err := encode(order)
	if err != nil || len(payload) == len("{}") {
		return body, err
	}
	body[len(body)-1] = ','
	return append(body, payload[1:]...), nil
}

// encode writes JSON without a line end, and <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// signES256 writes a compact JWS (RFC 7515, RFC 7518 section 3.4).
func signES256(signer crypto.Signer, h header, claims []byte, random io.Reader) (string, error) {
	if signer == nil {
		return "", errors.New("no signer")
	}
	if pub, ok := signer.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return "", errors.New("the signer has no P-256 key")
	}
	head, err := encode(h)
	if err != nil {
		return "", fmt.Errorf("encoding the token: %w", err)
	}
	base64URL := base64.RawURLEncoding
	token := make([]byte, 0, base64URL.EncodedLen(len(head))+base64URL.EncodedLen(len(claims))+2+base64URL.EncodedLen(64))
	token = append(base64URL.AppendEncode(token, head), '.')
	token = base64URL.AppendEncode(token, claims)
	// A signer that reads what it signs (crypto.MessageSigner) gets the token itself.
	der, err := crypto.SignMessage(signer, random, token, crypto.SHA256)
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
	return string(base64URL.AppendEncode(append(token, '.'), rs[:])), nil
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
