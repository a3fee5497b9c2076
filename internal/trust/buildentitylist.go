package trust

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
)

// Types of lists of issuers and of their services (ETSI TS 119 602, Annexes D and
// H): who issues person identification data, and who, as a public body, attestations
// such as driving licences; and for each who says what became of them.
const (
	PIDProviders     = "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList"
	PIDIssuance      = "http://uri.etsi.org/19602/SvcType/PID/Issuance"
	PIDRevocation    = "http://uri.etsi.org/19602/SvcType/PID/Revocation"
	PubEAAProviders  = "http://uri.etsi.org/19602/LoTEType/EUPubEAAProvidersList"
	PubEAAIssuance   = "http://uri.etsi.org/19602/SvcType/PubEAA/Issuance"
	PubEAARevocation = "http://uri.etsi.org/19602/SvcType/PubEAA/Revocation"
)

// EntityListContents is what a list of trusted entities says.
type EntityListContents struct {
	// Type is the LoTEType, Determination and Rules are the addresses of how the
	// scheme decides who is on it; "" leaves one out.
	Type, Determination, Rules string
	// Operator is who publishes the list, Territory its country, Contact an address
	// (URI) at which the operator is found; so is Name, of the scheme.
	Operator, Territory, Contact, Name string
	// Sequence is above that of every earlier list, and above zero.
	Sequence uint64
	// Issued is when the list is made, NextUpdate when it ends: at most six months
	// later. Both to the second.
	Issued, NextUpdate time.Time
	Entities           []ListedEntity
}

// ListedEntity is a trusted entity.
type ListedEntity struct {
	Name     string
	Contact  string        // an address, URI
	Postal   PostalAddress // left out when it has no street
	Services []ListedService
}

// PostalAddress is where an entity sits.
type PostalAddress struct{ Street, Locality, PostalCode, Country string }

// ListedService is a service, and the certificates of the authorities over its
// signers, or of these themselves.
type ListedService struct {
	Type, Name   string
	Certificates []*pki.Certificate
}

// BuildEntityList makes a list of trusted entities: the JSON form of ETSI TS 119 602
// in a compact JWS with the signer's chain (its certificate first, without the
// root), as JAdES baseline B. What was made is read by ParseEntityList below roots
// before it is given: a service that a reader would refuse is an error, which
// matches ErrContents.
func BuildEntityList(c EntityListContents, signer crypto.Signer, chain [][]byte, roots []*pki.Certificate, rand io.Reader) ([]byte, error) {
	switch {
	case c.Operator == "" || c.Type == "":
		return nil, fmt.Errorf("%w: a list of trusted entities names its type and its operator", ErrContents)
	case c.Sequence == 0 || c.Sequence > math.MaxInt64:
		return nil, fmt.Errorf("%w: the number of a list of trusted entities is above zero", ErrContents)
	case !c.NextUpdate.After(c.Issued) || c.NextUpdate.After(c.Issued.Add(maxEntityListAge)):
		return nil, fmt.Errorf("%w: the next update of a list of trusted entities comes within six months", ErrContents)
	case len(c.Entities) == 0 || len(c.Entities) > MaxEntries:
		return nil, fmt.Errorf("%w: %d entities, want 1 to %d", ErrContents, len(c.Entities), MaxEntries)
	case len(chain) == 0:
		return nil, fmt.Errorf("%w: no certificate of the signer", ErrContents)
	}
	entities := make([]any, len(c.Entities))
	for i, e := range c.Entities {
		entities[i] = e.wire()
	}
	payload, err := json.Marshal(map[string]any{"LoTE": map[string]any{"ListAndSchemeInformation": c.information(), "TrustedEntitiesList": entities}})
	if err != nil {
		return nil, fmt.Errorf("encoding a list of trusted entities: %w", err)
	}
	digest := sha256.Sum256(chain[0])
	token, err := jose.Sign(signer, map[string]any{
		"typ": "JOSE", "iat": c.Issued.Unix(), "x5t#S256": jose.EncodeBase64URL(digest[:]), "x5c": chain,
	}, payload, rand)
	if err != nil {
		return nil, fmt.Errorf("signing a list of trusted entities: %w", err)
	}
	read, err := ParseEntityList([]byte(token), roots, c.Issued)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the list of trusted entities that was made: %w", err)
	case len(read.Refused) > 0:
		r := read.Refused[0]
		return nil, fmt.Errorf("%w: entity %d, service %d: %s", ErrContents, r.Entity, r.Service, r.Reason)
	}
	return []byte(token), nil
}

// information is the part about the list itself (clause 6.3).
func (c EntityListContents) information() map[string]any {
	out := map[string]any{
		"LoTEVersionIdentifier": 1, "LoTESequenceNumber": c.Sequence, "LoTEType": c.Type, "SchemeOperatorName": english(c.Operator),
		"ListIssueDateTime": instant(c.Issued), "NextUpdate": instant(c.NextUpdate),
	}
	if c.Contact != "" {
		out["SchemeOperatorAddress"] = map[string]any{"SchemeOperatorElectronicAddress": englishURI(c.Contact)}
		out["SchemeInformationURI"] = englishURI(c.Contact)
	}
	if c.Name != "" {
		out["SchemeName"] = english(c.Name)
	}
	if c.Territory != "" {
		out["SchemeTerritory"] = c.Territory
	}
	if c.Determination != "" {
		out["StatusDeterminationApproach"] = c.Determination
	}
	if c.Rules != "" {
		out["SchemeTypeCommunityRules"] = englishURI(c.Rules)
	}
	return out
}

// wire is an entity as it is written (clauses 6.5 and 6.6).
func (e ListedEntity) wire() map[string]any {
	about := map[string]any{"TEName": english(e.Name)}
	address := map[string]any{}
	if e.Contact != "" {
		address["TEElectronicAddress"] = englishURI(e.Contact)
		about["TEInformationURI"] = englishURI(e.Contact)
	}
	if p := e.Postal; p.Street != "" {
		postal := map[string]any{"lang": "en", "StreetAddress": p.Street, "Country": p.Country}
		if p.Locality != "" {
			postal["Locality"] = p.Locality
		}
		if p.PostalCode != "" {
			postal["PostalCode"] = p.PostalCode
		}
		address["TEPostalAddress"] = []any{postal}
	}
	if len(address) > 0 {
		about["TEAddress"] = address
	}
	services := make([]any, len(e.Services))
	for i, s := range e.Services {
		certificates := []any{}
		for _, cert := range s.Certificates {
			certificates = append(certificates, map[string]any{"val": jose.EncodeBase64(cert.Raw)})
		}
		services[i] = map[string]any{"ServiceInformation": map[string]any{
			"ServiceTypeIdentifier": s.Type, "ServiceName": english(s.Name), "ServiceDigitalIdentity": map[string]any{"X509Certificates": certificates},
		}}
	}
	return map[string]any{"TrustedEntityInformation": about, "TrustedEntityServices": services}
}

func english(text string) any { return []any{map[string]any{"lang": "en", "value": text}} }

func englishURI(uri string) any { return []any{map[string]any{"lang": "en", "uriValue": uri}} }

func instant(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
