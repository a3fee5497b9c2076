package oauth

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"vidimus/internal/jose"
)

// StatusReference points to the entry of a status list that tells whether the
// wallet unit behind an attestation is still good.
type StatusReference struct {
	List  string // URI
	Index uint64
}

type statusClaim struct {
	List *struct {
		Index *uint64 `json:"idx"`
		URI   string  `json:"uri"`
	} `json:"status_list"`
}

// StatusReferences gives what the attestation says of its own status: the
// claim status (OpenID4VCI 1.0 Appendix E) and EUDI's client_status, which may
// both be there, each once; and until when the wallet provider promises to keep
// the latter up, zero without such a promise. A claim that cannot be read is
// an error: wrong is not the same as absent. Mechanisms other than status_list
// are ignored.
func (a *Attestation) StatusReferences() (refs []StatusReference, until time.Time, err error) {
	add := func(raw json.RawMessage) error {
		var s statusClaim
		if err := jose.DecodeJSON(raw, &s); err != nil {
			return err
		}
		if s.List == nil {
			return nil
		}
		u, err := url.Parse(s.List.URI)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(s.List.URI) > maxStatusURI || s.List.Index == nil {
			return rule("the status list entry has no index or no URL")
		}
		ref := StatusReference{List: s.List.URI, Index: *s.List.Index}
		if len(refs) == 0 || refs[0] != ref {
			refs = append(refs, ref)
		}
		return nil
	}
	if raw, ok := a.Claims["status"]; ok {
		if err := add(raw); err != nil {
			return nil, time.Time{}, fmt.Errorf("status of the attestation: %w", err)
		}
	}
	raw, ok := a.Claims["client_status"]
	if !ok {
		return refs, time.Time{}, nil
	}
	var c struct {
		Status json.RawMessage `json:"status"`
		Exp    *int64          `json:"exp"`
	}
	if err := jose.DecodeJSON(raw, &c); err != nil {
		return nil, time.Time{}, fmt.Errorf("client_status of the attestation: %w", err)
	}
	if c.Exp != nil {
		if *c.Exp < 0 || *c.Exp > maxNumericDate {
			return nil, time.Time{}, fmt.Errorf("client_status of the attestation: %w", rule("exp is out of range"))
		}
		until = time.Unix(*c.Exp, 0).UTC()
	}
	if c.Status != nil {
		if err := add(c.Status); err != nil {
			return nil, time.Time{}, fmt.Errorf("client_status of the attestation: %w", err)
		}
	}
	return refs, until, nil
}

// WalletName gives the claim wallet_name, "" when there is none that reads.
func (a *Attestation) WalletName() string {
	var name string
	if raw, ok := a.Claims["wallet_name"]; !ok || jose.DecodeJSON(raw, &name) != nil {
		return ""
	}
	return name
}

// Age says how long ago the attestation was made; false when it has no iat.
func (a *Attestation) Age(now time.Time) (time.Duration, bool) {
	var iat *int64
	if raw, ok := a.Claims["iat"]; !ok || jose.DecodeJSON(raw, &iat) != nil || iat == nil || *iat < 0 || *iat > maxNumericDate {
		return 0, false
	}
	return now.Sub(time.Unix(*iat, 0)), true
}
