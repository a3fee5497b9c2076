package statuslist

import (
	"bytes"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

// Body is a compressed list, from which both tokens are made.
type Body struct {
	Bits       int
	Size       int // entries
	Compressed []byte
}

// Build compresses a list, and inflates it again to be sure.
func Build(list *List) (*Body, error) {
	if list == nil || list.Size() == 0 {
		return nil, fmt.Errorf("building status list: empty list")
	}
	compressed, err := Compress(list.data)
	if err != nil {
		return nil, fmt.Errorf("building status list: %w", err)
	}
	back, err := Decompress(compressed, len(list.data))
	if err != nil || !bytes.Equal(back, list.data) {
		return nil, fmt.Errorf("building status list: what was compressed does not inflate to itself: %w", err)
	}
	return &Body{Bits: list.bits, Size: list.Size(), Compressed: compressed}, nil
}

// Claims is what a token says besides its list. Times are cut to whole seconds.
type Claims struct {
	Subject        string // the uri in the credentials, byte for byte
	IssuedAt       time.Time
	Expires        time.Time     // left out when zero
	TTL            time.Duration // left out when 0
	AggregationURI string        // left out when empty
}

func (c Claims) check() error {
	switch {
	case c.Subject == "" || len(c.Subject) > maxURI:
		return fmt.Errorf("sub of %d bytes", len(c.Subject))
	case c.IssuedAt.IsZero():
		return fmt.Errorf("no iat")
	case !c.Expires.IsZero() && c.Expires.Unix() <= c.IssuedAt.Unix():
		return fmt.Errorf("exp is not after iat")
	case c.TTL < 0 || c.TTL > 0 && c.TTL < time.Second:
		return fmt.Errorf("ttl of %s", c.TTL)
	}
	_, err := instantAt(c.IssuedAt.Unix())
	return err
}

// SignJWT makes the token in JWT form (section 5.1). chain is x5c, DER, leaf
// first, without the anchor; nil for signers that are known otherwise.
func (b *Body) SignJWT(signer crypto.Signer, c Claims, chain [][]byte, rand io.Reader) (string, error) {
	if err := checkChain(signer, chain); err != nil {
		return "", fmt.Errorf("making status list JWT: %w", err)
	}
	payload, err := b.payloadJWT(c)
	if err != nil {
		return "", fmt.Errorf("making status list JWT: %w", err)
	}
	header := map[string]any{"typ": typeJWT}
	if len(chain) > 0 {
		x5c := make([]string, len(chain))
		for i, der := range chain {
			x5c[i] = jose.EncodeBase64(der)
		}
		header["x5c"] = x5c
	}
	token, err := jose.Sign(signer, header, payload, rand)
	if err != nil {
		return "", fmt.Errorf("making status list JWT: %w", err)
	}
	return token, nil
}

// payloadJWT builds the claims and reads them back before anybody signs.
func (b *Body) payloadJWT(c Claims) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	type statusList struct {
		Bits           int    `json:"bits"`
		Lst            string `json:"lst"`
		AggregationURI string `json:"aggregation_uri,omitempty"`
	}
	wire := struct {
		Subject  string     `json:"sub"`
		IssuedAt int64      `json:"iat"`
		Expires  int64      `json:"exp,omitempty"`
		TTL      int64      `json:"ttl,omitempty"`
		List     statusList `json:"status_list"`
	}{Subject: c.Subject, IssuedAt: c.IssuedAt.Unix(), TTL: int64(c.TTL / time.Second)}
	if !c.Expires.IsZero() {
		wire.Expires = c.Expires.Unix()
	}
	wire.List = statusList{b.Bits, jose.EncodeBase64URL(b.Compressed), c.AggregationURI}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(wire); err != nil {
		return nil, err
	}
	payload := bytes.TrimSuffix(out.Bytes(), []byte("\n"))

	var claims map[string]any
	if err := jose.DecodeJSONLimit(payload, &claims, len(payload)); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	var t Token
	if err := t.readJSON(claims); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	if err := t.readListJSON(claims); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	return payload, b.compare(&t, c)
}

// SignCWT makes the token in CWT form (section 5.2): tagged, the chain in the
// protected header as ISO/IEC 18013-5 second edition wants it.
func (b *Body) SignCWT(signer crypto.Signer, c Claims, chain [][]byte, rand io.Reader) ([]byte, error) {
	payload, err := b.payloadCWT(c)
	if err != nil {
		return nil, fmt.Errorf("making status list CWT: %w", err)
	}
	token, err := signCWT(signer, payload, typeCWT, chain, rand)
	if err != nil {
		return nil, fmt.Errorf("making status list CWT: %w", err)
	}
	return token, nil
}

func signCWT(signer crypto.Signer, payload []byte, typ string, chain [][]byte, rand io.Reader) ([]byte, error) {
	if err := checkChain(signer, chain); err != nil {
		return nil, err
	}
	protected := map[any]any{cose.LabelType: "application/" + typ}
	if len(chain) > 0 {
		protected[cose.LabelX5Chain] = cose.X5ChainValue(chain)
	}
	return cose.SignSign1(signer, payload, cose.SignOptions{Protected: protected, Tagged: true}, rand)
}

// claimsCBOR is the claims set without its list.
func (c Claims) claimsCBOR() map[uint64]any {
	claims := map[uint64]any{claimSubject: c.Subject, claimIssuedAt: c.IssuedAt.Unix()}
	if !c.Expires.IsZero() {
		claims[claimExpires] = c.Expires.Unix()
	}
	if c.TTL > 0 {
		claims[claimTTL] = int64(c.TTL / time.Second)
	}
	return claims
}

// payloadCWT builds the claims and reads them back before anybody signs.
func (b *Body) payloadCWT(c Claims) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	list := map[string]any{"bits": b.Bits, "lst": b.Compressed}
	if c.AggregationURI != "" {
		list["aggregation_uri"] = c.AggregationURI
	}
	claims := c.claimsCBOR()
	claims[claimStatusList] = list
	payload, err := cbor.Marshal(claims)
	if err != nil {
		return nil, err
	}
	var t Token
	read, err := t.readBack(payload)
	if err != nil {
		return nil, err
	}
	if err := t.readListCBOR(read); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	return payload, b.compare(&t, c)
}

// readBack reads the claims of a payload that was not signed yet.
func (e *Envelope) readBack(payload []byte) (map[uint64]cbor.RawMessage, error) {
	var read map[uint64]cbor.RawMessage
	if err := cbor.Unmarshal(payload, &read); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	if err := e.readCBOR(read); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	return read, nil
}

// compare is the last look before signing: what a reader finds is what was to
// be said.
func (b *Body) compare(t *Token, c Claims) error {
	if err := t.compare(c); err != nil {
		return err
	}
	if t.Bits != b.Bits || !bytes.Equal(t.compressed, b.Compressed) {
		return fmt.Errorf("reading back: another list")
	}
	return nil
}

func (e *Envelope) compare(c Claims) error {
	expires := !c.Expires.IsZero() && e.Expires.Unix() != c.Expires.Unix() || c.Expires.IsZero() != e.Expires.IsZero()
	if e.Subject != c.Subject || e.IssuedAt.Unix() != c.IssuedAt.Unix() || expires || e.AggregationURI != "" && e.AggregationURI != c.AggregationURI {
		return fmt.Errorf("reading back: other claims")
	}
	return nil
}
