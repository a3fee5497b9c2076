package signer

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/statuslist"
)

// digestSizes are the digests that an SD-JWT may be made of (RFC 9901, 4.1.1), in
// characters of base64url.
var digestSizes = map[string]int{"sha-256": 43, "sha-384": 64, "sha-512": 86}

// sdjwtClaims are the claims of an SD-JWT VC that are never selectively disclosed,
// and so stand before the signer: those that package sdjwt writes. Beside them there
// are claims of the document, where the policy lets them stand open.
type sdjwtClaims struct {
	VCT          string   `json:"vct"`
	Issuer       string   `json:"iss"`
	IssuedAt     *int64   `json:"iat"`
	NotBefore    *int64   `json:"nbf"`
	Expires      *int64   `json:"exp"`
	Algorithm    string   `json:"_sd_alg"`
	Digests      []string `json:"_sd"`
	Confirmation *struct {
		JWK json.RawMessage `json:"jwk"`
	} `json:"cnf"`
	Status *struct {
		List *struct {
			Index *int64 `json:"idx"`
			URI   string `json:"uri"`
		} `json:"status_list"`
	} `json:"status"`
}

// holderKey has the members of a key in cnf: any other would tell one copy from another.
type holderKey struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// readSDJWT holds the payload of an SD-JWT VC against the policy of a document
// signer.
func (h *held) readSDJWT(payload []byte, now instant) error {
	var c sdjwtClaims
	if err := closed(payload, &c, h.Policy.Office.Claims...); err != nil {
		return err
	}
	const what = "SD-JWT"
	if !slices.Contains(h.Policy.Office.VCTs, c.VCT) {
		return badPolicy("SD-JWT: a vct that the key does not sign")
	}
	// Absent where the office speaks http in development: x5c says who it is.
	if !h.Policy.Office.own(c.Issuer) && (c.Issuer != "" || !strings.HasPrefix(h.Policy.Office.Issuer, "http:")) {
		return badPolicy("SD-JWT: iss is not the office")
	}
	if c.IssuedAt == nil || c.Expires == nil {
		return badPolicy("SD-JWT: no iat or no exp")
	}
	signed := time.Unix(*c.IssuedAt, 0)
	from := signed
	if c.NotBefore != nil {
		from = time.Unix(*c.NotBefore, 0)
	}
	if err := h.credentialLife(what, signed, from, time.Unix(*c.Expires, 0), now); err != nil {
		return err
	}
	if size, ok := digestSizes[c.Algorithm]; !ok && (c.Algorithm != "" || c.Digests != nil) {
		return badPolicy("SD-JWT: _sd_alg is none of sha-256, sha-384, sha-512")
	} else if err := goodDigests(c.Digests, size); err != nil {
		return err
	}
	if c.Confirmation == nil || c.Confirmation.JWK == nil {
		return badPolicy("SD-JWT: no cnf with a key of the holder")
	}
	var holder holderKey
	if err := closed(c.Confirmation.JWK, &holder); err != nil {
		return err
	}
	if _, err := jose.ParsePublicKey(c.Confirmation.JWK); err != nil {
		return badForm("SD-JWT: cnf: %v", err)
	}
	if h.own.jwk[holder] {
		return badPolicy("SD-JWT: the key of the holder is one of the office")
	}
	if c.Status == nil {
		return h.withoutStatus(what)
	}
	if l := c.Status.List; l == nil || l.Index == nil || *l.Index < 0 || *l.Index >= statuslist.MaxEntries || !h.Policy.Office.list(l.URI) {
		return badPolicy("SD-JWT: a status list that is not the office's, or no index of one")
	}
	return nil
}

// goodDigests: each as long as the algorithm makes it, in their order, so that none is
// there twice.
func goodDigests(digests []string, size int) error {
	for i, d := range digests {
		if len(d) != size || !base64URL(d) {
			return badForm("SD-JWT: a digest that is not as long as _sd_alg makes it, or no base64url")
		}
		if i > 0 && digests[i-1] >= d {
			return badForm("SD-JWT: digests that are not sorted, or one twice")
		}
	}
	return nil
}

// inBase64URL are the characters of base64url: a table, since a batch has thousands.
var inBase64URL = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		in[c] = true
	}
	return in
}()

func base64URL(s string) bool {
	for i := range len(s) {
		if !inBase64URL[s[i]] {
			return false
		}
	}
	return true
}
