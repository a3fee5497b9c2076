package sdjwt

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"vidimus/internal/jose"
)

// Payload is what an SD-JWT says once its disclosures are in place. Claims
// holds decoded JSON (numbers as json.Number) without _sd, _sd_alg and "...".
//
// The typed fields are empty when the claim is absent or of another type; the
// Verify functions tell the two apart and refuse the second.
type Payload struct {
	Claims    map[string]any
	Algorithm string // of the digests: sha-256, sha-384 or sha-512

	Issuer    string   // iss
	Subject   string   // sub
	VCT       string   // vct
	AlsoKnown []string // aka_vcts

	IssuedAt, NotBefore, Expires time.Time // zero when absent

	issuer  *jose.Signed
	paths   []Path
	parents []int
	timeErr error // why a time is not one
	vctErr  error
}

// Disclosed gives the paths of the claims that came from disclosures, in the
// order of the disclosures. Everything else was visible all along.
func (p *Payload) Disclosed() []Path { return p.paths }

// IsDisclosed reports whether the value at path is itself a disclosure. What
// lies inside a disclosure is not, unless it is one too.
func (p *Payload) IsDisclosed(path Path) bool {
	for _, d := range p.paths {
		if d.Equal(path) {
			return true
		}
	}
	return false
}

// Find gives the paths of the values that a claims path pointer leads to.
func (p *Payload) Find(pattern Path) []Path { return pattern.find(p.Claims) }

// Value gives the value at path, and whether there is one.
func (p *Payload) Value(path Path) (any, bool) {
	var v any = p.Claims
	for _, s := range path {
		switch parent := v.(type) {
		case map[string]any:
			member, ok := parent[s.name]
			if !ok || s.kind != stepName {
				return nil, false
			}
			v = member
		case []any:
			if s.kind != stepIndex || s.index >= len(parent) {
				return nil, false
			}
			v = parent[s.index]
		default:
			return nil, false
		}
	}
	return v, true
}

// read fills the typed fields.
func (p *Payload) read() {
	p.Issuer, _ = p.Claims["iss"].(string)
	p.Subject, _ = p.Claims["sub"].(string)
	p.VCT, p.AlsoKnown, p.vctErr = readVCT(p.Claims)
	for _, t := range []struct {
		claim string
		to    *time.Time
		up    bool
	}{{"iat", &p.IssuedAt, false}, {"nbf", &p.NotBefore, true}, {"exp", &p.Expires, false}} {
		v, ok := p.Claims[t.claim]
		if !ok {
			continue
		}
		at, err := numericDate(v, t.up)
		if err != nil {
			p.timeErr = fmt.Errorf("%s: %w", t.claim, err)
			continue
		}
		*t.to = at
	}
}

// lastInstant is 9999-12-31T23:59:59Z, the last that RFC 3339 can write.
const lastInstant = 253402300799

// numericDate reads seconds since 1970 (RFC 7519, section 2). Fractions are
// allowed there; they are rounded so that the validity only shrinks: up for
// nbf, down for exp.
func numericDate(v any, up bool) (time.Time, error) {
	n, ok := v.(number)
	if !ok {
		return time.Time{}, fmt.Errorf("not a number")
	}
	if seconds, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		if seconds < 0 || seconds > lastInstant {
			return time.Time{}, fmt.Errorf("outside of 1970 to 9999")
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	f, err := n.Float64()
	if err != nil || !(f >= 0 && f <= lastInstant) {
		return time.Time{}, fmt.Errorf("outside of 1970 to 9999")
	}
	seconds := int64(f)
	if up && float64(seconds) < f {
		seconds++
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// StatusReference points to an entry of a status list (draft-ietf-oauth-status-list-20, section 6.2).
type StatusReference struct {
	Index uint64
	URI   string
}

// Status reads status.status_list. It gives nil when there is no status claim,
// and an error when there is one that we cannot follow: that is not the same.
func (p *Payload) Status() (*StatusReference, error) {
	v, ok := p.Claims["status"]
	if !ok {
		return nil, nil
	}
	status, ok := v.(map[string]any)
	if !ok {
		return nil, refuse(CheckStatus, "status is not an object")
	}
	list, ok := status["status_list"].(map[string]any)
	if !ok {
		return nil, refuse(CheckStatus, "status without status_list")
	}
	n, _ := list["idx"].(number)
	index, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil {
		return nil, refuse(CheckStatus, "idx of the status list is not a non-negative integer")
	}
	uri, _ := list["uri"].(string)
	if uri == "" {
		return nil, refuse(CheckStatus, "uri of the status list is not a string")
	}
	return &StatusReference{Index: index, URI: uri}, nil
}

// ConfirmationKey gives the holder's key, cnf.jwk. cnf without a jwk, such as a
// bare kid, and private keys are refused. It is nil without cnf.
func (p *Payload) ConfirmationKey() (*jose.Key, error) {
	if p.issuer == nil {
		return nil, refuse(CheckKB, "no issuer-signed JWT")
	}
	return confirmationKey(p.issuer.Payload)
}

// confirmationKey reads the key from the payload as received: cnf is never
// selectively disclosable, so no processing is needed.
func confirmationKey(payload []byte) (*jose.Key, error) {
	claims, err := jose.Members(payload)
	if err != nil {
		return nil, refuse(CheckKB, "payload: %w", err)
	}
	cnf, ok := claims["cnf"]
	if !ok {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if members, err = jose.Members(cnf); err != nil {
		return nil, refuse(CheckKB, "cnf: %w", err)
	}
	jwk, ok := members["jwk"]
	if !ok {
		return nil, refuse(CheckKB, "cnf without jwk")
	}
	key, err := jose.ParsePublicKey(jwk)
	if err != nil {
		return nil, refuse(CheckKB, "cnf.jwk: %w", err)
	}
	return key, nil
}
