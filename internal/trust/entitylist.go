package trust

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// Errors of ParseEntityList. One whose signer is not trusted matches a
// *pki.PathError instead.
var (
	// ErrEntityList is for bytes that are no list.
	ErrEntityList = errors.New("malformed list of trusted entities")
	// ErrEntityListSignature is for a list that its signer did not sign.
	ErrEntityListSignature = errors.New("signature of the list of trusted entities does not verify")
	// ErrEntityListExpired is for a list past its NextUpdate, which ends it.
	ErrEntityListExpired = errors.New("list of trusted entities past its next update")
	// ErrEntityListOlder is for a list that is older than the one at hand.
	ErrEntityListOlder = errors.New("list of trusted entities older than the one at hand")
)

// WalletProviders is the LoTEType of the wallet providers of the Union (ETSI TS
// 119 602 Annex E); WalletIssuance and WalletRevocation are the types of their
// services: who attests wallets and their keys, and who publishes what became
// of these attestations.
const (
	WalletProviders  = "http://uri.etsi.org/19602/LoTEType/EUWalletProvidersList"
	WalletIssuance   = "http://uri.etsi.org/19602/SvcType/WalletSolution/Issuance"
	WalletRevocation = "http://uri.etsi.org/19602/SvcType/WalletSolution/Revocation"
)

// EntityList is a verified list of trusted entities (LoTE) in the JSON form of
// ETSI TS 119 602 V1.1.1.
type EntityList struct {
	Type     string // LoTEType, a URI; "" when the list has none
	Operator string // name of the scheme operator, the English one if there is one
	// Sequence rises with every list of an operator (clause 6.3.2).
	Sequence uint64
	Issued   time.Time
	// NextUpdate ends the list: at most six months after Issued (Annex E),
	// whatever it says itself.
	NextUpdate time.Time
	// Signer is the path of the list's signer to a certificate of ours.
	Signer   *pki.Path
	Services []EntityService
	// Refused are services that are not trusted, with the reason.
	Refused []EntityRefusal
}

// EntityService is a service of a trusted entity.
type EntityService struct {
	Entity string // name, the English one if there is one
	Type   string // ServiceTypeIdentifier, a URI
	// Certificates of authorities vouch for what is below them, certificates of
	// leaves for themselves.
	Certificates []*pki.Certificate
}

// EntityRefusal is a service that is not trusted.
type EntityRefusal struct {
	// Entity and Service count from 0 in the order of the list.
	Entity, Service int
	Reason          string
}

// ParseEntityList reads and verifies a list at the instant now: a compact JWS as
// JAdES baseline B has it (clause 6.8, ETSI TS 119 182-1), whose signer is one of
// signers or has a path to one. A service that is wrong is refused by itself,
// since the others are vouched for all the same.
func ParseEntityList(token []byte, signers []*pki.Certificate, now time.Time) (*EntityList, error) {
	s, err := jose.ParseCritical(strings.TrimSpace(string(token)), MaxEntityList, headerSigningTime)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntityList, err)
	}
	if err := checkEntityHeader(s, now); err != nil {
		return nil, err
	}
	// Step 1. The signer. It may be a seal, whose key usage is nonRepudiation.
	opt := pki.PathOptions{Now: now, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, MaxIntermediates: maxSignerIntermediates, AllowOddSerial: true}
	path, err := pki.ValidatePinned(s.Header.X5C, signers, opt)
	if unknown := new(pki.PathError); errors.As(err, &unknown) && unknown.Reason == pki.ReasonNoAnchor {
		path, err = pki.Validate(s.Header.X5C, signers, opt)
	}
	if err != nil {
		return nil, fmt.Errorf("signer of the list of trusted entities: %w", err)
	}
	// Step 2. The signature.
	if err := s.Verify(path.Leaf.PublicKey()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntityListSignature, err)
	}
	l := &EntityList{Signer: path}
	entities, err := l.read(s.Payload)
	if err != nil {
		return nil, err
	}
	// Step 3. The list's own dates.
	switch {
	case l.Issued.After(now.Add(entityListSkew)):
		return nil, fmt.Errorf("%w: issued in the future, at %s", ErrEntityList, l.Issued.Format(time.RFC3339))
	case !now.Before(l.NextUpdate):
		return nil, fmt.Errorf("%w: %s", ErrEntityListExpired, l.NextUpdate.Format(time.RFC3339))
	}
	// Step 4. Every entity.
	certificates := 0
	for i, raw := range entities {
		if err := l.readEntity(i, raw, &certificates); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// headerSigningTime is the claimed signing time of JAdES before its version
// 1.2, which signers mark as critical.
const headerSigningTime = "sigT"

// entityListTypes are the typ values under which lists are signed; a token that
// says that it is something else is none.
var entityListTypes = []string{"", "jose", "jades", "jwt", "trustlist+jwt", "lote+jwt"}

func checkEntityHeader(s *jose.Signed, now time.Time) error {
	if !slices.Contains(entityListTypes, strings.ToLower(s.Header.Type)) {
		return fmt.Errorf("%w: typ %.40q", ErrEntityList, s.Header.Type)
	}
	if _, detached := s.Header.Members["sigD"]; detached {
		return fmt.Errorf("%w: the signature is over other data (sigD)", ErrEntityList)
	}
	if len(s.Header.X5C) == 0 {
		return fmt.Errorf("%w: no x5c", ErrEntityList)
	}
	raw, ok := s.Header.Members[headerSigningTime]
	if !ok {
		return nil
	}
	var at time.Time
	if err := jose.DecodeJSON(raw, &at); err != nil || at.After(now.Add(entityListSkew)) {
		return fmt.Errorf("%w: sigT is no instant of the past", ErrEntityList)
	}
	return nil
}

type wireEntityList struct {
	Information struct {
		Version    *uint64     `json:"LoTEVersionIdentifier"`
		Sequence   uint64      `json:"LoTESequenceNumber"`
		Type       string      `json:"LoTEType"`
		Operator   []wireNamed `json:"SchemeOperatorName"`
		Issued     time.Time   `json:"ListIssueDateTime"`
		NextUpdate time.Time   `json:"NextUpdate"`
	} `json:"ListAndSchemeInformation"`
	Entities []json.RawMessage `json:"TrustedEntitiesList"`
}

type wireNamed struct {
	Language string `json:"lang"`
	Value    string `json:"value"`
}

// name is the English one, else the first.
func name(list []wireNamed) string {
	for _, n := range list {
		if strings.EqualFold(n.Language, "en") {
			return n.Value
		}
	}
	if len(list) == 0 {
		return ""
	}
	return list[0].Value
}

// read takes the members of the list, and gives its entities.
func (l *EntityList) read(payload []byte) ([]json.RawMessage, error) {
	var outer struct {
		List *wireEntityList `json:"LoTE"`
	}
	if err := jose.DecodeJSONLimit(payload, &outer, MaxEntityList); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntityList, err)
	}
	if outer.List == nil {
		return nil, fmt.Errorf("%w: no member LoTE", ErrEntityList)
	}
	in := outer.List.Information
	switch {
	case in.Version == nil || *in.Version != 1:
		return nil, fmt.Errorf("%w: LoTEVersionIdentifier is not 1", ErrEntityList)
	case in.Sequence == 0 || in.Sequence > math.MaxInt64:
		return nil, fmt.Errorf("%w: LoTESequenceNumber is missing or out of bounds", ErrEntityList)
	case in.Issued.IsZero() || in.NextUpdate.IsZero():
		return nil, fmt.Errorf("%w: ListIssueDateTime or NextUpdate is missing", ErrEntityList)
	case !in.NextUpdate.After(in.Issued):
		return nil, fmt.Errorf("%w: NextUpdate is not after ListIssueDateTime", ErrEntityList)
	case len(outer.List.Entities) > MaxEntries:
		return nil, fmt.Errorf("%w: %d entities, at most %d", ErrEntityList, len(outer.List.Entities), MaxEntries)
	}
	l.Type, l.Operator, l.Sequence = in.Type, name(in.Operator), in.Sequence
	l.Issued, l.NextUpdate = in.Issued.UTC(), in.NextUpdate.UTC()
	if latest := l.Issued.Add(maxEntityListAge); l.NextUpdate.After(latest) {
		l.NextUpdate = latest
	}
	return outer.List.Entities, nil
}

// Source names the list for Anchor.Source and logs.
func (l *EntityList) Source() string { return fmt.Sprintf("%s %d", l.Operator, l.Sequence) }

// Follows says whether the list may take the place of held, of the same source:
// its number must not go back, nor its date (clause 6.3.2). A nil held is
// followed by any list. Errors match ErrEntityListOlder.
func (l *EntityList) Follows(held *EntityList) error {
	switch {
	case held == nil:
		return nil
	case l.Sequence < held.Sequence:
		return fmt.Errorf("%w: number %d after %d", ErrEntityListOlder, l.Sequence, held.Sequence)
	case l.Issued.Before(held.Issued):
		return fmt.Errorf("%w: of %s after %s", ErrEntityListOlder, l.Issued.Format(time.RFC3339), held.Issued.Format(time.RFC3339))
	}
	return nil
}
