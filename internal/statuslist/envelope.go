package statuslist

import (
	"crypto"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

// Format is the container of a token.
type Format string

// The two containers.
const (
	FormatJWT Format = "jwt"
	FormatCWT Format = "cwt"
)

// Claim keys of a CWT (RFC 8392 and section 12.2 of the draft).
const (
	claimSubject     = 2
	claimExpires     = 4
	claimIssuedAt    = 6
	claimIdentifiers = 65530
	claimStatusList  = 65533
	claimTTL         = 65534
)

// Envelope is what both kinds of token have around their list.
type Envelope struct {
	Format         Format
	Subject        string
	IssuedAt       time.Time
	Expires        time.Time     // zero when absent
	TTL            time.Duration // 0 when absent, else brought into 1 minute to 24 hours
	AggregationURI string
	KeyID          string
	Chain          [][]byte // x5c or x5chain, DER, leaf first; nil when absent
	ChainProtected bool     // covered by the signature

	jws      *jose.Signed
	sign1    *cose.Sign1
	proven   func(crypto.PublicKey) bool // says whether it is the key of Prove
	verified atomic.Bool
}

// Verify checks the signature with a key that the caller trusts for this list,
// and unlocks the lookup. The error is an *[Error] of st.sig.
func (e *Envelope) Verify(key crypto.PublicKey) error {
	if err := e.verify(key); err != nil {
		return refuse(CheckSignature, "%w", err)
	}
	e.verified.Store(true)
	return nil
}

// VerifySignature is [Envelope.Verify] as a finding, st.sig.
func (e *Envelope) VerifySignature(key crypto.PublicKey) Finding {
	return finding(CheckSignature, e.Verify(key))
}

// Age is how long ago the token was issued.
func (e *Envelope) Age(now time.Time) time.Duration { return now.Sub(e.IssuedAt) }

// RefreshAt is when a cached token should be fetched anew: after its ttl, at
// the latest when it expires. Zero when it says neither.
func (e *Envelope) RefreshAt() time.Time {
	at := e.Expires
	if e.TTL > 0 {
		if stale := e.IssuedAt.Add(e.TTL); at.IsZero() || stale.Before(at) {
			at = stale
		}
	}
	return at
}

// parseJWT reads a compact JWS with this typ, and returns its claims.
func (e *Envelope) parseJWT(token []byte, typ string, limit int) (map[string]any, error) {
	signed, err := jose.Parse(string(token), limit)
	if err != nil {
		return nil, refuse(CheckSignature, "status list token: %w", err)
	}
	if signed.Header.Type != typ {
		return nil, refuse(CheckSignature, "typ of the status list token is not %s", typ)
	}
	var claims map[string]any
	if err := jose.DecodeJSONLimit(signed.Payload, &claims, limit); err != nil {
		return nil, refuse(CheckSignature, "claims of the status list token: %w", err)
	}
	e.Format, e.jws = FormatJWT, signed
	e.KeyID, e.Chain, e.ChainProtected = signed.Header.KeyID, signed.Header.X5C, signed.Header.X5C != nil
	if err := e.readJSON(claims); err != nil {
		return nil, refuse(CheckSignature, "claims of the status list token: %w", err)
	}
	return claims, nil
}

func (e *Envelope) readJSON(claims map[string]any) error {
	e.Subject, _ = claims["sub"].(string)
	iat, ok := claims["iat"]
	if !ok {
		return fmt.Errorf("no iat")
	}
	var err error
	if e.IssuedAt, err = instant(iat); err != nil {
		return fmt.Errorf("iat: %w", err)
	}
	if exp, ok := claims["exp"]; ok {
		if e.Expires, err = instant(exp); err != nil {
			return fmt.Errorf("exp: %w", err)
		}
	}
	if ttl, ok := claims["ttl"]; ok {
		n, ok := ttl.(json.Number)
		if !ok {
			return fmt.Errorf("ttl is not a number")
		}
		seconds, err := n.Float64()
		if err != nil {
			return fmt.Errorf("ttl: %w", err)
		}
		if e.TTL, err = clampTTL(seconds); err != nil {
			return err
		}
	}
	return e.checkSubject()
}

func (e *Envelope) checkSubject() error {
	if e.Subject == "" || len(e.Subject) > maxURI {
		return fmt.Errorf("sub is missing, not text or longer than %d bytes", maxURI)
	}
	return nil
}

// instant reads seconds since 1970. A fraction is cut off.
func instant(v any) (time.Time, error) {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, fmt.Errorf("not a number")
	}
	if seconds, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return instantAt(seconds)
	}
	f, err := n.Float64()
	if err != nil || !(f >= 0 && f <= lastInstant) {
		return time.Time{}, fmt.Errorf("outside of 1970 to 9999")
	}
	return instantAt(int64(f))
}

func instantAt(seconds int64) (time.Time, error) {
	if seconds < 0 || seconds > lastInstant {
		return time.Time{}, fmt.Errorf("outside of 1970 to 9999")
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// clampTTL brings a ttl into sensible bounds. It must be positive (section 5.1).
func clampTTL(seconds float64) (time.Duration, error) {
	if !(seconds > 0) {
		return 0, fmt.Errorf("ttl is not positive")
	}
	seconds = math.Min(seconds, maxTTL.Seconds())
	return max(time.Duration(seconds)*time.Second, minTTL), nil
}

// parseCWT reads a COSE_Sign1 with this type, and returns its claims by key.
func (e *Envelope) parseCWT(data []byte, typ string) (map[uint64]cbor.RawMessage, error) {
	signed, err := cose.ParseSign1(data)
	if err != nil {
		return nil, refuse(CheckSignature, "status list token: %w", err)
	}
	if !signed.Tagged {
		return nil, refuse(CheckSignature, "status list token without CBOR tag 18")
	}
	// Examples of the ISO draft lack "application/", its text has it.
	if _, protected := signed.Header.ProtectedByLabel[cose.LabelType]; !protected ||
		signed.Header.Type != "application/"+typ && signed.Header.Type != typ {
		return nil, refuse(CheckSignature, "type of the status list token is not application/%s", typ)
	}
	entries, err := cbor.MapEntries(signed.Payload)
	if err != nil {
		return nil, refuse(CheckSignature, "claims of the status list token: %w", err)
	}
	claims := make(map[uint64]cbor.RawMessage, len(entries))
	for _, entry := range entries {
		var key uint64
		if cbor.Unmarshal(entry.Key, &key) == nil { // others are no claim that we know
			claims[key] = entry.Value
		}
	}
	e.Format, e.sign1 = FormatCWT, signed
	e.KeyID, e.Chain, e.ChainProtected = string(signed.Header.KeyID), signed.Header.X5Chain, signed.Header.X5ChainProtected
	if err := e.readCBOR(claims); err != nil {
		return nil, refuse(CheckSignature, "claims of the status list token: %w", err)
	}
	return claims, nil
}

func (e *Envelope) readCBOR(claims map[uint64]cbor.RawMessage) error {
	if sub, ok := claims[claimSubject]; ok {
		if err := cbor.Unmarshal(sub, &e.Subject); err != nil {
			return fmt.Errorf("sub: %w", err)
		}
	}
	seconds := func(key uint64, to *time.Time) error {
		value, ok := claims[key]
		if !ok {
			return nil
		}
		var n int64
		if err := cbor.Unmarshal(value, &n); err != nil {
			return fmt.Errorf("claim %d: %w", key, err)
		}
		var err error
		if *to, err = instantAt(n); err != nil {
			return fmt.Errorf("claim %d: %w", key, err)
		}
		return nil
	}
	if _, ok := claims[claimIssuedAt]; !ok {
		return fmt.Errorf("no iat")
	}
	if err := seconds(claimIssuedAt, &e.IssuedAt); err != nil {
		return err
	}
	if err := seconds(claimExpires, &e.Expires); err != nil {
		return err
	}
	if ttl, ok := claims[claimTTL]; ok {
		var n uint64
		err := cbor.Unmarshal(ttl, &n)
		if err != nil {
			return fmt.Errorf("ttl: %w", err)
		}
		if e.TTL, err = clampTTL(float64(n)); err != nil {
			return err
		}
	}
	return e.checkSubject()
}

// byteString reads exactly a byte string.
func byteString(item cbor.RawMessage) ([]byte, error) {
	if len(item) == 0 || item[0]>>5 != 2 {
		return nil, fmt.Errorf("not a byte string")
	}
	var b []byte
	if err := cbor.Unmarshal(item, &b); err != nil {
		return nil, err
	}
	return b, nil
}

// isCWT tells the containers apart: a COSE message begins with tag 18 or an
// array, which no base64url character does.
func isCWT(data []byte) bool { return len(data) > 0 && data[0] >= 0x80 }
