package bulk

import (
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"

	"vidimus/internal/jose"
)

// ResultType is the typ of a signed Result.
const ResultType = "vidimus-reconciliation+jwt"

type resultClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"` // the source
	IssuedAt int64  `json:"iat"`
	JTI      string `json:"jti"`
	// Begun is when the comparison began; what the office did since need not
	// be in it.
	Begun    int64          `json:"begun"`
	Dump     resultDump     `json:"dump"`
	Clean    bool           `json:"clean"`
	Compared resultCompared `json:"compared"`
	Counts   map[Kind]int   `json:"counts"`
	Findings resultFindings `json:"findings"`
	Lists    []ListVersion  `json:"lists"`
}

type resultDump struct {
	JTI    string `json:"jti"`
	Issued int64  `json:"iat"`
	Count  int    `json:"count"`
	SHA256 string `json:"sha-256"` // of the manifest, base64url
}

type resultCompared struct {
	Persons  int `json:"persons"`
	Subjects int `json:"subjects"`
	Copies   int `json:"copies"`
	Pictures int `json:"pictures_left_out"`
}

type resultFindings struct {
	Count  int    `json:"count"`
	SHA256 string `json:"sha-256"` // of the file, base64url
}

// Sign makes the signed statement: the office issuer says to the source what
// was compared with what, and what was found. chain is the certificate of the
// signer and those between it and the anchor, DER, leaf first, or nil.
func (r Result) Sign(issuer string, signer crypto.Signer, chain [][]byte, now time.Time, random io.Reader) (string, error) {
	thumbprint, err := jose.Thumbprint(signer.Public())
	if err != nil {
		return "", fmt.Errorf("signing the comparison: %w", err)
	}
	header := map[string]any{"typ": ResultType, "kid": jose.EncodeBase64URL(thumbprint)}
	if len(chain) > 0 {
		header["x5c"] = chain
	}
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("signing the comparison: %w", err)
	}
	c := resultClaims{
		Issuer: issuer, Audience: r.Manifest.Source, IssuedAt: now.Unix(), JTI: jose.EncodeBase64URL(id[:]), Begun: r.Begun.Unix(),
		Dump: resultDump{
			JTI: r.Manifest.ID, Issued: r.Manifest.Issued.Unix(), Count: r.Manifest.Count(), SHA256: jose.EncodeBase64URL(r.Manifest.Digest[:]),
		},
		Clean:    r.Clean(),
		Compared: resultCompared{r.Persons, r.Subjects, r.Copies, r.Pictures},
		Counts:   map[Kind]int{},
		Findings: resultFindings{r.Findings, jose.EncodeBase64URL(r.Digest[:])},
		Lists:    append([]ListVersion{}, r.Lists...),
	}
	maps.Copy(c.Counts, r.Counts)
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding the comparison: %w", err)
	}
	return jose.Sign(signer, header, payload, random)
}
