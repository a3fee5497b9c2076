package signer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// typeEntityList is the typ of a list of trusted entities.
const typeEntityList = "JOSE"

// maxTrustListLife is how long a list may say that it counts: half a year, as ETSI
// TS 119 602 has it for lists of trusted entities.
const maxTrustListLife = 184 * 24 * time.Hour

// readVICAL holds a list of issuing authorities (ISO/IEC 18013-5, Annex C) against the
// policy of its signer. Which authorities are on it is what its publisher vouches for:
// nobody but who has built it can judge.
func (h *held) readVICAL(payload []byte, now instant) error {
	v, err := parseVICAL(payload)
	if err != nil {
		return err
	}
	if !v.end.IsZero() && v.end.After(h.leaf.NotAfter()) {
		return badPolicy("VICAL: it would outlive the certificate of the key")
	}
	return h.listTimes("VICAL", v.date, v.next, now)
}

// vical is what a VICAL says of itself.
type vical struct {
	number          uint64
	date, next, end time.Time
}

func parseVICAL(payload []byte) (v vical, err error) {
	if err := deterministicMap(payload, MaxMessage); err != nil {
		return v, err
	}
	entries, err := cbor.MapEntriesLimit(payload, MaxMessage)
	if err != nil {
		return v, badForm("VICAL: %v", err)
	}
	var version, provider string
	var infos []cbor.RawMessage
	var date, next, end cbor.DateTime
	for _, e := range entries {
		name, err := cbor.Text(e.Key)
		if err != nil {
			return v, badForm("VICAL: a member that is no text")
		}
		switch name {
		case "version":
			version, err = cbor.Text(e.Value)
		case "vicalProvider":
			provider, err = cbor.Text(e.Value)
		case "vicalIssueID":
			v.number, err = cbor.Uint(e.Value)
		case "date":
			date, err = cbor.Instant(e.Value)
		case "nextUpdate":
			next, err = cbor.Instant(e.Value)
		case "notAfter":
			end, err = cbor.Instant(e.Value)
		case "vicalURL":
			_, err = cbor.Text(e.Value)
		case "certificateInfos":
			infos, err = cbor.ArrayItemsLimit(e.Value, MaxMessage)
		default:
			return v, badForm("VICAL: member %.32q is unknown", name)
		}
		if err != nil {
			return v, badForm("VICAL: %s: %v", name, err)
		}
	}
	if version != "1.0" || provider == "" || v.number == 0 || v.number > math.MaxInt64 || len(infos) == 0 {
		return v, badForm("VICAL: no version that is known here, no provider, no number, or no certificates")
	}
	v.date, v.next, v.end = date.Time, next.Time, end.Time
	return v, nil
}

// listTimes wants a list that is made now and counts for a while.
func (h *held) listTimes(what string, issued, next time.Time, now instant) error {
	switch {
	case issued.After(now.Add(skew)) || issued.Before(now.Add(-maxAge)):
		return badPolicy("%s: it is not made now", what)
	case !next.After(issued) || next.Sub(issued) > maxTrustListLife:
		return badPolicy("%s: it does not count for up to %s", what, maxTrustListLife)
	case next.After(h.leaf.NotAfter()):
		return badPolicy("%s: it would outlive the certificate of the key", what)
	}
	return nil
}

// entityListHead says whether a JWS header is that of a list of trusted entities by this
// key, the one that this product writes for the instant that stands in it, and that this
// is now.
func (h *held) entityListHead(head []byte, now instant) (bool, error) {
	text, err := jose.DecodeBase64URL(string(bytes.TrimSuffix(head, []byte("."))))
	if err != nil {
		return false, nil
	}
	members, err := jose.Members(text)
	if err != nil {
		return false, nil
	}
	var at int64
	if err := jose.DecodeJSON(members["iat"], &at); err != nil {
		return false, nil
	}
	digest := sha256.Sum256(h.Chain[0])
	want, err := jwsHeader(h.pub, map[string]any{"typ": typeEntityList, "iat": at, "x5t#S256": jose.EncodeBase64URL(digest[:]), "x5c": h.Chain})
	if err != nil || !bytes.Equal(head, want) {
		return false, nil
	}
	return true, recent("list of trusted entities", &at, maxAge, now)
}

// entityList is what a list of trusted entities says of itself.
type entityList struct {
	Version       int             `json:"LoTEVersionIdentifier"`
	Sequence      uint64          `json:"LoTESequenceNumber"`
	Type          string          `json:"LoTEType"`
	Issued        time.Time       `json:"ListIssueDateTime"`
	Next          time.Time       `json:"NextUpdate"`
	Operator      json.RawMessage `json:"SchemeOperatorName"`
	Address       json.RawMessage `json:"SchemeOperatorAddress"`
	Information   json.RawMessage `json:"SchemeInformationURI"`
	Name          json.RawMessage `json:"SchemeName"`
	Territory     string          `json:"SchemeTerritory"`
	Determination string          `json:"StatusDeterminationApproach"`
	Rules         json.RawMessage `json:"SchemeTypeCommunityRules"`
}

func parseEntityList(payload []byte) (entityList, error) {
	var list struct {
		LoTE struct {
			Information entityList        `json:"ListAndSchemeInformation"`
			Entities    []json.RawMessage `json:"TrustedEntitiesList"`
		} `json:"LoTE"`
	}
	if err := jose.DecodeClosed(payload, &list); err != nil {
		return entityList{}, badForm("list of trusted entities: %v", err)
	}
	about := list.LoTE.Information
	switch {
	case about.Version != 1 || about.Sequence == 0 || about.Sequence > math.MaxInt64 || about.Operator == nil || len(list.LoTE.Entities) == 0:
		return entityList{}, badForm("list of trusted entities: no version that is known here, no number, no operator, or no entities")
	case entitySeries[about.Type] == "":
		return entityList{}, badPolicy("list of trusted entities: a type that the office publishes no list of")
	}
	return about, nil
}

// readEntityList holds a list of trusted entities (ETSI TS 119 602) against the policy
// of its signer, as readVICAL does.
func (h *held) readEntityList(payload []byte, now instant) error {
	about, err := parseEntityList(payload)
	if err != nil {
		return err
	}
	return h.listTimes("list of trusted entities", about.Issued, about.Next, now)
}
