package statuslist

import (
	"encoding/json"
	"fmt"
	"sync"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// The types of the tokens, without "application/".
const (
	typeJWT            = "statuslist+jwt"
	typeCWT            = "statuslist+cwt"
	typeIdentifierList = "identifierlist+cwt"
)

// Token is a status list token. Safe for concurrent use.
type Token struct {
	Envelope
	Bits int

	compressed []byte
	limit      int // entries
	inflate    sync.Once
	list       *List
	listErr    error
}

// ParseToken reads a JWT or CWT of at most [DefaultEntries] entries. The list
// stays compressed until somebody looks up. The error is an *[Error] of st.sig
// or, for what the status list claim holds, st.inflate.
func ParseToken(data []byte) (*Token, error) { return ParseTokenLimit(data, DefaultEntries) }

// ParseTokenLimit is [ParseToken] for lists of at most so many entries, which
// bounds what the lookup inflates.
func ParseTokenLimit(data []byte, entries int) (*Token, error) {
	if entries <= 0 || entries > MaxEntries {
		return nil, refuse(CheckInflate, "%w: lists of %d entries, at most %d", ErrLimit, entries, MaxEntries)
	}
	t := &Token{limit: entries}
	if isCWT(data) {
		claims, err := t.parseCWT(data, typeCWT)
		if err != nil {
			return nil, err
		}
		return t.finish(t.readListCBOR(claims))
	}
	// An entry takes at most 8 bits, and base64url is applied twice: 16/9.
	claims, err := t.parseJWT(data, typeJWT, entries/8*15+tokenSlack)
	if err != nil {
		return nil, err
	}
	return t.finish(t.readListJSON(claims))
}

func (t *Token) finish(err error) (*Token, error) {
	if err != nil {
		return nil, refuse(CheckInflate, "status list: %w", err)
	}
	return t, nil
}

func (t *Token) readListJSON(claims map[string]any) error {
	list, ok := claims["status_list"].(map[string]any)
	if !ok {
		return fmt.Errorf("claim status_list is missing or not an object")
	}
	bits, _ := list["bits"].(json.Number)
	switch bits {
	case "1", "2", "4", "8":
		t.Bits = int(bits[0] - '0')
	default:
		return fmt.Errorf("bits is none of 1, 2, 4, 8")
	}
	lst, _ := list["lst"].(string)
	var err error
	if t.compressed, err = jose.DecodeBase64URL(lst); err != nil {
		return fmt.Errorf("lst: %w", err)
	}
	if uri, ok := list["aggregation_uri"]; ok {
		if t.AggregationURI, ok = uri.(string); !ok {
			return fmt.Errorf("aggregation_uri is not a string")
		}
	}
	return nil
}

func (t *Token) readListCBOR(claims map[uint64]cbor.RawMessage) error {
	item, ok := claims[claimStatusList]
	if !ok {
		return fmt.Errorf("no claim %d", claimStatusList)
	}
	var list struct {
		Bits           uint64          `cbor:"bits"`
		Lst            cbor.RawMessage `cbor:"lst"`
		AggregationURI string          `cbor:"aggregation_uri"`
	}
	if err := cbor.Unmarshal(item, &list); err != nil {
		return err
	}
	if list.Bits > 8 || !goodBits(int(list.Bits)) {
		return fmt.Errorf("bits is none of 1, 2, 4, 8")
	}
	t.Bits, t.AggregationURI = int(list.Bits), list.AggregationURI
	var err error
	if t.compressed, err = byteString(list.Lst); err != nil {
		return fmt.Errorf("lst: %w", err)
	}
	return nil
}

// List inflates the list, once. The signature must have been verified: what
// nobody signed is not worth the memory.
func (t *Token) List() (*List, error) {
	if !t.verified.Load() {
		return nil, refuseFor(ReasonNotVerified, CheckSignature, "signature of the status list token was not verified")
	}
	t.inflate.Do(func() {
		raw, err := Decompress(t.compressed, t.limit/8*t.Bits)
		if err == nil && len(raw) == 0 {
			err = refuse(CheckInflate, "empty list")
		}
		if err != nil {
			t.listErr = err
			return
		}
		t.list = &List{bits: t.Bits, data: raw}
	})
	return t.list, t.listErr
}

// Supersedes checks that a newly fetched token may take the place of a cached
// one: same list, not older. A list that goes back could make a revoked
// credential valid again.
func (t *Token) Supersedes(cached *Token) error {
	switch {
	case t.Subject != cached.Subject:
		return refuse(CheckSubject, "another list than the cached one")
	case t.IssuedAt.Before(cached.IssuedAt):
		return refuseFor(ReasonStale, CheckExpires, "issued before the cached one")
	case t.Bits != cached.Bits:
		return refuse(CheckIndex, "entries of %d bits, %d in the cached one", t.Bits, cached.Bits)
	}
	return nil
}
