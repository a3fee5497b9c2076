package statuslist

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"slices"
	"time"

	"vidimus/internal/cbor"
)

// IdentifierList is the token that names revoked credentials one by one
// (ISO/IEC 18013-5 second edition, 12.3.6.4). It is always a CWT. Safe for
// concurrent use.
type IdentifierList struct {
	Envelope
	identifiers map[string]struct{}
}

// identifierListClaim is claim 65530. What stands behind an identifier is
// reserved for future use, and ignored.
type identifierListClaim struct {
	Identifiers    cbor.RawMessage `cbor:"identifiers"`
	AggregationURI string          `cbor:"aggregation_uri"`
}

// ParseIdentifierList reads an identifier list token. The error is an *[Error]
// of st.sig or, for what the claim holds, st.inflate.
func ParseIdentifierList(data []byte) (*IdentifierList, error) {
	l := &IdentifierList{}
	claims, err := l.parseCWT(data, typeIdentifierList)
	if err != nil {
		return nil, err
	}
	if _, ok := claims[claimStatusList]; ok {
		return nil, refuse(CheckInflate, "identifier list with a status list beside it")
	}
	if err := l.readIdentifiers(claims); err != nil {
		return nil, refuse(CheckInflate, "identifier list: %w", err)
	}
	return l, nil
}

func (l *IdentifierList) readIdentifiers(claims map[uint64]cbor.RawMessage) error {
	item, ok := claims[claimIdentifiers]
	if !ok {
		return fmt.Errorf("no claim %d", claimIdentifiers)
	}
	var list identifierListClaim
	if err := cbor.Unmarshal(item, &list); err != nil {
		return err
	}
	if list.Identifiers == nil {
		return fmt.Errorf("no identifiers")
	}
	entries, err := cbor.MapEntries(list.Identifiers)
	if err != nil {
		return fmt.Errorf("identifiers: %w", err)
	}
	l.identifiers = make(map[string]struct{}, len(entries))
	for _, entry := range entries {
		id, err := byteString(entry.Key)
		if err != nil || len(id) == 0 || len(id) > maxIdentifier {
			return fmt.Errorf("identifier is not a byte string of 1 to %d bytes", maxIdentifier)
		}
		if entry.Value[0]>>5 != 5 {
			return fmt.Errorf("what stands behind an identifier is not a map")
		}
		l.identifiers[string(id)] = struct{}{}
	}
	l.AggregationURI = list.AggregationURI
	return nil
}

// Size is the number of identifiers.
func (l *IdentifierList) Size() int { return len(l.identifiers) }

// Identifiers gives all of them, sorted; nil before the signature was verified.
func (l *IdentifierList) Identifiers() [][]byte {
	if !l.verified.Load() {
		return nil
	}
	out := make([][]byte, 0, len(l.identifiers))
	for id := range l.identifiers {
		out = append(out, []byte(id))
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// Lookup says [Invalid] when the identifier is listed, [Valid] when it is not,
// after the same checks as [Token.Lookup].
func (l *IdentifierList) Lookup(ref IdentifierReference, now time.Time) (Status, error) {
	a := l.Evaluate(ref, LookupOptions{Now: now})
	for _, f := range a.Findings {
		if f.Result == Fail {
			return 0, &Error{Check: f.Check, Reason: f.Reason, Err: fmt.Errorf("%s", f.Detail)}
		}
	}
	return a.Status, nil
}

// Evaluate is [Token.Evaluate] for an identifier list.
func (l *IdentifierList) Evaluate(ref IdentifierReference, opt LookupOptions) Answer {
	a := l.answer(opt)
	for _, step := range l.steps(ref.URI, opt) {
		if !a.add(finding(step.id, step.check())) {
			return a.rest()
		}
		if step.id == CheckExpires {
			a.addFreshness()
		}
	}
	a.add(Finding{Check: CheckInflate, Result: Pass})
	if len(ref.ID) == 0 {
		a.add(finding(CheckIndex, refuse(CheckIndex, "reference without id")))
		return a
	}
	a.add(Finding{Check: CheckIndex, Result: Pass})
	a.Status, a.Known = Valid, true
	if _, listed := l.identifiers[string(ref.ID)]; listed {
		a.Status = Invalid
	}
	return a
}

// SignIdentifierList makes an identifier list token.
func SignIdentifierList(identifiers [][]byte, signer crypto.Signer, c Claims, chain [][]byte, rand io.Reader) ([]byte, error) {
	payload, err := identifierPayload(identifiers, c)
	if err != nil {
		return nil, fmt.Errorf("making identifier list: %w", err)
	}
	token, err := signCWT(signer, payload, typeIdentifierList, chain, rand)
	if err != nil {
		return nil, fmt.Errorf("making identifier list: %w", err)
	}
	return token, nil
}

// identifierPayload builds the claims and reads them back before anybody signs.
func identifierPayload(identifiers [][]byte, c Claims) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(identifiers) > maxIdentifiers {
		return nil, fmt.Errorf("%w: %d identifiers, at most %d", ErrLimit, len(identifiers), maxIdentifiers)
	}
	revoked := make(map[cbor.ByteString]struct{}, len(identifiers))
	for _, id := range identifiers {
		revoked[cbor.ByteString(id)] = struct{}{}
	}
	list := map[string]any{"identifiers": revoked}
	if c.AggregationURI != "" {
		list["aggregation_uri"] = c.AggregationURI
	}
	claims := c.claimsCBOR()
	claims[claimIdentifiers] = list
	payload, err := cbor.Marshal(claims)
	if err != nil {
		return nil, err
	}
	var back IdentifierList
	read, err := back.readBack(payload)
	if err != nil {
		return nil, err
	}
	if err := back.readIdentifiers(read); err != nil {
		return nil, fmt.Errorf("reading back: %w", err)
	}
	if len(back.identifiers) != len(identifiers) {
		return nil, fmt.Errorf("%d identifiers of %d differ", len(back.identifiers), len(identifiers))
	}
	return payload, back.compare(c)
}
