package backup

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
)

// Refusals of Unpack, each matched by its errors alone.
var (
	// ErrNotArchive: something else than an archive of ours.
	ErrNotArchive = errors.New("not a backup of an office")
	// ErrRecipient: none of the identities opens it.
	ErrRecipient = errors.New("the backup is encrypted for somebody else")
	// ErrDamaged: cut short or changed after it was written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrFormat: written by a later version of this program.
	ErrFormat = errors.New("the backup has a form that this version does not know")
	// ErrSchema: its database has a later layout than this version knows.
	ErrSchema = errors.New("the database in the backup is of a later version")
	// ErrIssuer: of another office.
	ErrIssuer = errors.New("the backup is of another office")
	// ErrSignature: not signed by one of the keys that count.
	ErrSignature = errors.New("the backup is not signed by a key that counts")
	// ErrContents: files that do not belong into an archive.
	ErrContents = errors.New("the backup holds what no backup of ours holds")
)

const (
	format       = 1
	manifestName = "manifest.json"
	digestsName  = "digests.jws"
	statePrefix  = "state/"
	digestsType  = "vidimus-backup+jwt"
)

// Manifest says whose backup it is. It stands at the beginning.
type Manifest struct {
	Issuer  string    // issuer identifier of the office
	Created time.Time // whole seconds
	Schema  uint64    // of the database
	// Audit is the end of the audit record shortly before the database was
	// written: the database has these lines at least.
	Audit audit.Head
}

type manifestJSON struct {
	Format  int    `json:"format"`
	Issuer  string `json:"issuer"`
	Created int64  `json:"created"`
	Schema  uint64 `json:"schema"`
	Lines   uint64 `json:"audit_lines"`
	Head    string `json:"audit_head"` // hexadecimal
}

func (m Manifest) encode() ([]byte, error) {
	if m.Issuer == "" || m.Created.IsZero() {
		return nil, errors.New("backup: issuer and time are required")
	}
	return json.Marshal(manifestJSON{
		Format: format, Issuer: m.Issuer, Created: m.Created.Unix(), Schema: m.Schema, Lines: m.Audit.Seq, Head: hex.EncodeToString(m.Audit.Hash[:]),
	})
}

func decodeManifest(data []byte) (Manifest, error) {
	// The number first: a later version may have other members.
	members, err := jose.Members(data)
	if err != nil {
		return Manifest{}, fmt.Errorf("%w: manifest: %w", ErrNotArchive, err)
	}
	var number int
	if err := jose.DecodeJSON(members["format"], &number); err != nil || number < 1 {
		return Manifest{}, fmt.Errorf("%w: manifest without a format", ErrNotArchive)
	}
	if number > format {
		return Manifest{}, fmt.Errorf("%w: form %d, this version knows %d", ErrFormat, number, format)
	}
	var m manifestJSON
	if err := jose.DecodeJSON(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: manifest: %w", ErrNotArchive, err)
	}
	out := Manifest{Issuer: m.Issuer, Created: time.Unix(m.Created, 0).UTC(), Schema: m.Schema, Audit: audit.Head{Seq: m.Lines}}
	head, err := hex.DecodeString(m.Head)
	if err != nil || len(head) != len(out.Audit.Hash) || m.Issuer == "" {
		return Manifest{}, fmt.Errorf("%w: manifest", ErrNotArchive)
	}
	copy(out.Audit.Hash[:], head)
	return out, nil
}

// File is one file of an archive.
type File struct {
	Name   string // slashes between folders
	Size   int64
	SHA256 [32]byte
}

// digestsJSON is the payload of digests.jws.
type digestsJSON struct {
	Issuer   string       `json:"iss"`
	IssuedAt int64        `json:"iat"`
	Manifest string       `json:"manifest"` // SHA-256, hexadecimal
	Files    []digestJSON `json:"files"`
}

type digestJSON struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// checkName: relative, clean, of characters that mean the same everywhere, not
// hidden, and not the name of a piece.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("%w: a name of %d bytes", ErrContents, len(name))
	case path.Clean(name) != name || path.IsAbs(name):
		return fmt.Errorf("%w: the name %q leads elsewhere", ErrContents, name)
	case strings.ContainsFunc(name, notPlain):
		return fmt.Errorf("%w: the name %q", ErrContents, name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return fmt.Errorf("%w: the name %q is hidden or leads elsewhere", ErrContents, name)
		}
	}
	if i := strings.LastIndex(name, partMark); i >= 0 && !strings.ContainsFunc(name[i+len(partMark):], func(r rune) bool { return r < '0' || r > '9' }) {
		return fmt.Errorf("%w: %q is the name of a piece", ErrContents, name)
	}
	if name == unfinished || name == asideFolder || strings.HasPrefix(name, asideFolder+"/") {
		return fmt.Errorf("%w: %q is the name of something else", ErrContents, name)
	}
	return nil
}

func notPlain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r)
}

const partMark = ".part-"

// pieceName is the name of piece n of a file, from 1.
func pieceName(name string, n int) string {
	if n == 1 {
		return statePrefix + name
	}
	return fmt.Sprintf("%s%s%s%06d", statePrefix, name, partMark, n)
}
