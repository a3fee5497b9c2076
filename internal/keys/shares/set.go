package shares

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"vidimus/internal/jose"
)

// Names in a folder of a set.
const (
	PublicFile = "public.pem"
	SetFile    = "set.json"
	sharesGlob = "share-*.age"
)

// Set is what everybody may know of a key in shares: set.json.
type Set struct {
	Version int `json:"version"`
	// ID is drawn for each set, 16 octets in hexadecimal.
	ID    string `json:"set"`
	Curve string `json:"curve"` // P-256 or P-384
	// Threshold of Shares open the key.
	Threshold int `json:"threshold"`
	Shares    int `json:"shares"`
	// PublicKey is SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
	PublicKey string `json:"public_key_sha256"`
	// Commitments to the shares 1 to Shares, SHA-256 in hexadecimal.
	Commitments []string `json:"commitments"`
	// Recipients of the shares 1 to Shares, age1...
	Recipients []string `json:"recipients"`
}

// ParseSet reads a set.json and checks it in itself. Errors match ErrSet.
func ParseSet(data []byte) (*Set, error) {
	refuse := func(format string, args ...any) (*Set, error) {
		return nil, fmt.Errorf("%w: %s: %w", ErrSet, SetFile, fmt.Errorf(format, args...))
	}
	if len(data) > maxFile {
		return refuse("%d bytes, at most %d", len(data), maxFile)
	}
	var s Set
	if err := jose.DecodeClosed(data, &s); err != nil {
		return refuse("%w", err)
	}
	switch {
	case s.Version != 1:
		return refuse("version %d, this program knows 1", s.Version)
	case !digits(s.ID, 16):
		return refuse("set is not 16 octets in hexadecimal")
	case curves[s.Curve] == nil:
		return refuse("curve is neither P-256 nor P-384")
	case s.Threshold < minThreshold || s.Shares < s.Threshold || s.Shares > MaxShares:
		return refuse("%d of %d shares", s.Threshold, s.Shares)
	case !digits(s.PublicKey, sha256.Size):
		return refuse("public_key_sha256 is no SHA-256 in hexadecimal")
	case len(s.Commitments) != s.Shares || len(s.Recipients) != s.Shares:
		return refuse("%d commitments and %d recipients of %d shares", len(s.Commitments), len(s.Recipients), s.Shares)
	}
	for i := range s.Shares {
		if !digits(s.Commitments[i], sha256.Size) {
			return refuse("commitment %d is no SHA-256 in hexadecimal", i+1)
		}
		if _, err := ParseRecipient(s.Recipients[i]); err != nil {
			return refuse("recipient %d: %w", i+1, err)
		}
	}
	return &s, nil
}

// digits tells whether s is so many octets in lower-case hexadecimal.
func digits(s string, octets int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == octets && hex.EncodeToString(b) == s
}

func (s *Set) encode() ([]byte, error) {
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", SetFile, err)
	}
	return append(out, '\n'), nil
}

// ReadPublic reads public.pem and set.json of a folder and holds them against each
// other. Errors match ErrSet, or fs.ErrNotExist where there is nothing.
func ReadPublic(dir string) (*ecdsa.PublicKey, *Set, error) {
	pub, set, _, err := readSet(dir)
	return pub, set, err
}

func readSet(dir string) (*ecdsa.PublicKey, *Set, [sha256.Size]byte, error) {
	fail := func(err error) (*ecdsa.PublicKey, *Set, [sha256.Size]byte, error) {
		return nil, nil, [sha256.Size]byte{}, err
	}
	statement, err := readFile(filepath.Join(dir, SetFile))
	if err != nil {
		return fail(fmt.Errorf("opening a set of shares: %w", err))
	}
	set, err := ParseSet(statement)
	if err != nil {
		return fail(err)
	}
	text, err := readFile(filepath.Join(dir, PublicFile))
	if err != nil {
		return fail(fmt.Errorf("opening a set of shares: %w", err))
	}
	pub, spki, err := parsePublic(text)
	if err != nil {
		return fail(fmt.Errorf("%w: %s: %w", ErrSet, PublicFile, err))
	}
	if sum := sha256.Sum256(spki); hex.EncodeToString(sum[:]) != set.PublicKey {
		return fail(fmt.Errorf("%w: %s is not the key of %s", ErrSet, PublicFile, SetFile))
	}
	if pub.Curve != curves[set.Curve] {
		return fail(fmt.Errorf("%w: %s is not on %s", ErrSet, PublicFile, set.Curve))
	}
	return pub, set, sha256.Sum256(statement), nil
}

func parsePublic(text []byte) (*ecdsa.PublicKey, []byte, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, nil, errors.New("one PEM block PUBLIC KEY is wanted")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	pub, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, nil, errors.New("not an EC key")
	}
	return pub, block.Bytes, nil
}

// readFile reads a regular file of at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would be waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, nil
}
