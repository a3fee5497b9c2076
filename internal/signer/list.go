package signer

import (
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// Keys of a CWT claims set (Token Status List, section 5.2).
const (
	claimSubject     = 2
	claimExpires     = 4
	claimIssuedAt    = 6
	claimTTL         = 65534
	claimStatusList  = 65533
	claimIdentifiers = 65530
)

// listClaims are what both forms of a list say beside it.
type listClaims struct {
	subject      string
	issued       int64
	expires, ttl *int64
	aggregation  string
}

func (h *held) judgeList(c listClaims, now instant) error {
	switch o := &h.Policy.Office; {
	case !o.list(c.subject):
		return badPolicy("list: sub is not the address of a list of the office")
	case c.aggregation != "" && !o.list(c.aggregation) && !o.list(c.aggregation+"/"):
		return badPolicy("list: aggregation_uri is not of the office")
	case c.expires == nil:
		return badPolicy("list: no exp")
	case c.ttl != nil && *c.ttl <= 0:
		return badPolicy("list: ttl is not positive")
	}
	// Its instant never goes back where the clock did: it may lie ahead.
	issued, expires := time.Unix(c.issued, 0), time.Unix(*c.expires, 0)
	switch {
	case issued.After(now.Add(maxListAhead)) || issued.Before(now.Add(-maxAge)):
		return badPolicy("list: iat is not now")
	case issued.Before(h.leaf.NotBefore().Add(-skew)) || expires.After(h.leaf.NotAfter()):
		return badPolicy("list: outside the validity of the key's certificate")
	case !expires.After(issued) || expires.Sub(issued) > maxListLife:
		return badPolicy("list: exp is not within %s of iat", maxListLife)
	case c.ttl != nil && *c.ttl > int64(expires.Sub(issued)/time.Second):
		return badPolicy("list: ttl reaches beyond exp")
	}
	return nil
}

// readStatusJWT holds the payload of a status list in a JWT against the policy of a
// status signer.
func (h *held) readStatusJWT(payload []byte, now instant) error {
	var w struct {
		Subject  string `json:"sub"`
		IssuedAt *int64 `json:"iat"`
		Expires  *int64 `json:"exp"`
		TTL      *int64 `json:"ttl"`
		List     *struct {
			Bits        int64  `json:"bits"`
			List        string `json:"lst"`
			Aggregation string `json:"aggregation_uri"`
		} `json:"status_list"`
	}
	if err := closed(payload, &w); err != nil {
		return err
	}
	if w.IssuedAt == nil || w.List == nil {
		return badForm("list: no iat or no status_list")
	}
	if err := goodBits(w.List.Bits); err != nil {
		return err
	}
	if b, err := jose.DecodeBase64URL(w.List.List); err != nil || len(b) == 0 {
		return badForm("list: lst is not base64url")
	}
	return h.judgeList(listClaims{subject: w.Subject, issued: *w.IssuedAt, expires: w.Expires, ttl: w.TTL, aggregation: w.List.Aggregation}, now)
}

func goodBits(bits int64) error {
	switch bits {
	case 1, 2, 4, 8:
		return nil
	}
	return badForm("list: bits is none of 1, 2, 4, 8")
}

// readListCWT holds the claims of a status list or an identifier list in a CWT
// against the policy of a status signer.
func (h *held) readListCWT(kind Kind, payload []byte, now instant) error {
	if err := deterministicMap(payload, MaxMessage); err != nil {
		return err
	}
	entries, err := cbor.MapEntriesLimit(payload, MaxMessage)
	if err != nil {
		return badForm("list: %v", err)
	}
	var c listClaims
	var issued bool
	var list cbor.RawMessage
	for _, e := range entries {
		key, err := cbor.Uint(e.Key)
		if err != nil {
			return badForm("list: a claim that is no number")
		}
		var n int64
		switch key {
		case claimSubject:
			c.subject, err = cbor.Text(e.Value)
		case claimExpires:
			n, err = cbor.Int(e.Value)
			c.expires = &n
		case claimIssuedAt:
			c.issued, err = cbor.Int(e.Value)
			issued = true
		case claimTTL:
			n, err = cbor.Int(e.Value)
			c.ttl = &n
		case claimStatusList, claimIdentifiers:
			if (key == claimStatusList) != (kind == KindStatusCWT) {
				return badForm("list: a list of the other kind")
			}
			list = e.Value
		default:
			return badForm("list: claim %d is unknown", key)
		}
		if err != nil {
			return badForm("list: claim %d: %v", key, err)
		}
	}
	if !issued || list == nil {
		return badForm("list: no iat or no list")
	}
	if c.aggregation, err = readList(kind, list); err != nil {
		return err
	}
	return h.judgeList(c, now)
}

// readList reads the list itself and gives its aggregation_uri.
func readList(kind Kind, list []byte) (aggregation string, err error) {
	entries, err := cbor.MapEntriesLimit(list, MaxMessage)
	if err != nil {
		return "", badForm("list: %v", err)
	}
	var seen, bits bool
	for _, e := range entries {
		name, err := cbor.Text(e.Key)
		if err != nil {
			return "", badForm("list: a member that is no text")
		}
		switch {
		case name == "aggregation_uri":
			aggregation, err = cbor.Text(e.Value)
		case name == "bits" && kind == KindStatusCWT:
			var n int64
			if n, err = cbor.Int(e.Value); err == nil {
				err = goodBits(n)
			}
			bits = true
		case name == "lst" && kind == KindStatusCWT:
			var b []byte
			if b, err = cbor.BytesLimit(e.Value, MaxMessage); err == nil && len(b) == 0 {
				err = badForm("list: lst is empty")
			}
			seen = true
		case name == "identifiers" && kind == KindIdentifierList:
			err = readIdentifiers(e.Value)
			seen, bits = true, true
		default:
			return "", badForm("list: member %.32q is unknown", name)
		}
		if err != nil {
			return "", badForm("list: %s: %v", name, err)
		}
	}
	if !seen || !bits {
		return "", badForm("list: it is not there")
	}
	return aggregation, nil
}

// readIdentifiers reads a map from identifiers to maps of nothing.
func readIdentifiers(item []byte) error {
	entries, err := cbor.MapEntriesLimit(item, MaxMessage)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := cbor.Bytes(e.Key)
		if err != nil || len(id) == 0 || len(id) > maxIdentifier || len(e.Value) != 1 || e.Value[0] != 0xa0 {
			return badForm("an identifier that is no byte string of 1 to %d bytes, or something behind it", maxIdentifier)
		}
	}
	return nil
}

// closed decodes claims all of which are known.
func closed(payload []byte, v any, also ...string) error {
	if err := jose.DecodeClosed(payload, v, also...); err != nil {
		return badForm("claims: %v", err)
	}
	return nil
}
