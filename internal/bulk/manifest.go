package bulk

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// ManifestType is the typ of a manifest.
const ManifestType = "vidimus-import+jwt"

// Rights says whether a source may say a payload: the matrix of the registry.
type Rights func(document.Payload) bool

// Source is a registry whose files are read.
type Source struct {
	Name string                      // iss
	Keys map[string]crypto.PublicKey // P-256, by kid
	May  Rights
}

// Block is a run of whole lines of a file.
type Block struct {
	Lines  int
	Bytes  int64    // newlines included
	Digest [32]byte // SHA-256 of exactly these octets
}

// Manifest says what a file is.
type Manifest struct {
	Source   string // iss
	Audience string // aud, the office
	ID       string // jti
	Issued   time.Time
	Blocks   []Block

	// Digest is the SHA-256 of the token, set by ReadManifest.
	Digest [32]byte
}

// Count is the number of lines of the file.
func (m Manifest) Count() (n int) {
	for _, b := range m.Blocks {
		n += b.Lines
	}
	return n
}

// Size is the number of octets of the file.
func (m Manifest) Size() (n int64) {
	for _, b := range m.Blocks {
		n += b.Bytes
	}
	return n
}

type manifestClaims struct {
	Issuer   string          `json:"iss"`
	Audience json.RawMessage `json:"aud"`
	IssuedAt *int64          `json:"iat"`
	JTI      string          `json:"jti"`
	Count    int             `json:"count"`
	Blocks   []manifestBlock `json:"blocks"`
}

type manifestBlock struct {
	Lines  int    `json:"lines"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha-256"` // base64url
}

// Sign makes the token of a manifest. The signer has the P-256 key that the
// office knows for the source as keyID.
func (m Manifest) Sign(signer crypto.Signer, keyID string, random io.Reader) (string, error) {
	if err := m.check(); err != nil {
		return "", err
	}
	audience, err := json.Marshal(m.Audience)
	if err != nil {
		return "", fmt.Errorf("encoding the manifest: %w", err)
	}
	at := m.Issued.Unix()
	c := manifestClaims{
		Issuer: m.Source, Audience: audience, IssuedAt: &at, JTI: m.ID, Count: m.Count(),
		Blocks: make([]manifestBlock, len(m.Blocks)),
	}
	for i, b := range m.Blocks {
		c.Blocks[i] = manifestBlock{Lines: b.Lines, Bytes: b.Bytes, SHA256: jose.EncodeBase64URL(b.Digest[:])}
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding the manifest: %w", err)
	}
	return jose.Sign(signer, map[string]any{"typ": ManifestType, "kid": keyID}, payload, random)
}

func (m Manifest) check() error {
	if !visible(m.Source) || !visible(m.Audience) || !visible(m.ID) {
		return problem.New(problem.InvalidRequest, "manifest: iss, aud or jti is not 1 to %d visible ASCII characters", maxID)
	}
	if len(m.Blocks) == 0 || len(m.Blocks) > MaxBlocks {
		return problem.New(problem.InvalidRequest, "manifest: not 1 to %d blocks", MaxBlocks)
	}
	for i, b := range m.Blocks {
		if b.Lines < 1 || b.Lines > MaxBlockLines || b.Bytes < int64(b.Lines) || b.Bytes > MaxBlock {
			return problem.New(problem.InvalidRequest, "manifest: block %d has not 1 to %d lines in at most %d octets", i, MaxBlockLines, MaxBlock)
		}
	}
	return nil
}

// visible accepts 1 to maxID visible ASCII characters.
func visible(s string) bool {
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// ReadManifest verifies a token: type, key and signature of the source, aud,
// iat within maxAge (0: DefaultMaxAge) before now, and the sums of the blocks.
// Refusals are of the kinds of RFC 8935.
func ReadManifest(token string, source Source, audience string, now time.Time, maxAge time.Duration) (Manifest, error) {
	var m Manifest
	token = strings.TrimSpace(token)
	signed, err := jose.Parse(token, MaxManifest)
	if err != nil {
		return m, problem.Wrap(problem.InvalidRequest, err, "manifest: not a compact JWS: %s", err)
	}
	if signed.Header.Type != ManifestType {
		return m, problem.New(problem.InvalidRequest, "manifest: typ is not %s", ManifestType)
	}
	key, known := source.Keys[signed.Header.KeyID]
	if !known {
		return m, problem.New(problem.InvalidKey, "manifest: kid is not a key of this source")
	}
	if err := signed.Verify(key, "ES256"); err != nil {
		if errors.Is(err, jose.ErrSignature) {
			return m, problem.Wrap(problem.AuthenticationFailed, err, "manifest: the signature does not verify")
		}
		return m, problem.Wrap(problem.InvalidKey, err, "manifest: alg is not ES256")
	}
	var c manifestClaims
	if err := jose.DecodeJSON(signed.Payload, &c); err != nil {
		return m, problem.Wrap(problem.InvalidRequest, err, "manifest: %s", err)
	}
	if c.Issuer != source.Name {
		return m, problem.New(problem.InvalidIssuer, "manifest: iss is not this source")
	}
	if !audienceHas(c.Audience, audience) {
		return m, problem.New(problem.InvalidAudience, "manifest: aud is not this office")
	}
	if c.IssuedAt == nil {
		return m, problem.New(problem.InvalidRequest, "manifest: iat is missing")
	}
	if maxAge <= 0 {
		maxAge = DefaultMaxAge
	}
	m = Manifest{Source: c.Issuer, Audience: audience, ID: c.JTI, Issued: time.Unix(*c.IssuedAt, 0).UTC(), Digest: sha256.Sum256([]byte(token))}
	switch {
	case m.Issued.After(now.Add(DefaultSkew)):
		return Manifest{}, problem.New(problem.InvalidRequest, "manifest: iat lies in the future")
	case m.Issued.Before(now.Add(-maxAge)):
		return Manifest{}, problem.New(problem.InvalidRequest, "manifest: iat is too old: sign the file again")
	}
	for i, b := range c.Blocks {
		digest, err := jose.DecodeBase64URL(b.SHA256)
		if err != nil || len(digest) != sha256.Size {
			return Manifest{}, problem.New(problem.InvalidRequest, "manifest: block %d: sha-256 is not 32 octets in base64url", i)
		}
		m.Blocks = append(m.Blocks, Block{Lines: b.Lines, Bytes: b.Bytes, Digest: [32]byte(digest)})
	}
	if err := m.check(); err != nil {
		return Manifest{}, err
	}
	if c.Count != m.Count() {
		return Manifest{}, problem.New(problem.InvalidRequest, "manifest: count is not the sum of the lines of the blocks")
	}
	return m, nil
}

// audienceHas reports whether aud is or contains name (RFC 7519, 4.1.3).
func audienceHas(aud json.RawMessage, name string) bool {
	var one string
	if jose.DecodeJSON(aud, &one) == nil {
		return one == name
	}
	var many []string
	return jose.DecodeJSON(aud, &many) == nil && slices.Contains(many, name)
}
