// Package soft keeps signing keys in files: unencrypted PKCS#8 in PEM, mode
// 0600. It is for development, tests and small installations that accept that
// whoever reads the file holds the key; a state's document signer belongs in a
// token.
//
// Start with New. A key file that anyone else may read, that is a symbolic
// link, or that is no regular file is refused, with the command that remedies
// it. Keys are on P-256 or P-384 and are never overwritten.
package soft

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"vidimus/internal/keys"
	"vidimus/internal/outfile"
)

var (
	// ErrFile is for a key file that may not be used as it lies there.
	ErrFile = errors.New("key file refused")
	// ErrCurve is for a key that is not on P-256 or P-384.
	ErrCurve = errors.New("key is not on P-256 or P-384")
)

const (
	pemType = "PRIVATE KEY"
	// maxFile bounds a key file: a P-384 key in PEM is below 400 bytes.
	maxFile = 16 << 10
)

// Manager opens keys named "soft:path=FILE". It implements keys.Manager.
type Manager struct{ dir string }

var _ keys.Manager = (*Manager)(nil)

// New makes a manager. Relative paths are below dir and may not leave it; with
// an empty dir only absolute paths are taken.
func New(dir string) *Manager { return &Manager{dir: dir} }

// path gives the file that a URI names.
func (m *Manager) path(uri string) (string, error) {
	u, err := keys.ParseURI(uri)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case keys.SchemeSoft:
	case keys.SchemePKCS11:
		return "", fmt.Errorf("%w: pkcs11 keys are served by the signer build (go build -tags pkcs11), this program has %s keys only",
			keys.ErrURI, keys.SchemeSoft)
	default:
		return "", fmt.Errorf("%w: scheme %q", keys.ErrURI, u.Scheme)
	}
	for name := range u.Attributes {
		if name != "path" {
			return "", fmt.Errorf("%w: unknown attribute %q, a soft key has only path", keys.ErrURI, name)
		}
	}
	path := u.Attributes["path"]
	switch {
	case path == "":
		return "", fmt.Errorf("%w: no path, expected soft:path=FILE", keys.ErrURI)
	case filepath.IsAbs(path):
		return filepath.Clean(path), nil
	case m.dir == "" || !filepath.IsLocal(path):
		return "", fmt.Errorf("%w: the path is neither absolute nor below the key folder", keys.ErrURI)
	}
	return filepath.Join(m.dir, path), nil
}

// Signer opens the key.
func (m *Manager) Signer(ctx context.Context, uri string) (crypto.Signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := m.path(uri)
	if err != nil {
		return nil, err
	}
	var key *ecdsa.PrivateKey
	erased(func() { key, err = open(path) })
	if err != nil {
		return nil, err
	}
	return &signer{path: path, key: key}, nil
}

func open(path string) (*ecdsa.PrivateKey, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading key %s: %w", path, err)
	}
	return key, nil
}

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	link, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	if !link.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is a %s, not a regular file: name the file itself", ErrFile, path, kind(link.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening key: %w", err)
	}
	// The file that was opened must be the one that was looked at.
	if !os.SameFile(link, info) {
		return nil, fmt.Errorf("%w: %s was exchanged while it was opened", ErrFile, path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, others may read or write it: run chmod 600 %s, and replace the key if others had access",
			ErrFile, path, perm, path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s has %d bytes, a key has at most %d", ErrFile, path, info.Size(), maxFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading key %s: %w", path, err)
	}
	return data, nil
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsDir():
		return "folder"
	}
	return "special file"
}

// parse takes exactly one PKCS#8 block.
func parse(data []byte) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, fmt.Errorf("%w: no PEM block", ErrFile)
	case block.Type != pemType:
		return nil, fmt.Errorf("%w: PEM block %q, expected %q: no passphrase is asked for (openssl pkcs8 -topk8 -nocrypt converts)", ErrFile, block.Type, pemType)
	case len(block.Headers) > 0:
		return nil, fmt.Errorf("%w: PEM headers, as keys under a passphrase have: openssl pkcs8 -topk8 -nocrypt converts", ErrFile)
	}
	defer clear(block.Bytes)
	if next, _ := pem.Decode(rest); next != nil {
		return nil, fmt.Errorf("%w: more than one PEM block", ErrFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: not a PKCS#8 key", ErrFile) // the cause could quote the key
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !curveAllowed(key.Curve) {
		return nil, ErrCurve
	}
	return key, nil
}

func curveAllowed(c elliptic.Curve) bool { return c == elliptic.P256() || c == elliptic.P384() }

// Create makes a key file of mode 0600 and the folder of it, mode 0700.
func (m *Manager) Create(ctx context.Context, uri string, curve elliptic.Curve) (crypto.Signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := m.path(uri)
	if err != nil {
		return nil, err
	}
	if curve == nil || !curveAllowed(curve) {
		return nil, ErrCurve
	}
	var key *ecdsa.PrivateKey
	erased(func() { key, err = create(path, curve) })
	if err != nil {
		return nil, err
	}
	return &signer{path: path, key: key}, nil
}

func create(path string, curve elliptic.Curve) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	defer clear(raw)
	data := pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: raw})
	defer clear(data)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("creating the key folder: %w", err)
	}
	if err := outfile.New(path, data, 0o600); err != nil {
		return nil, fmt.Errorf("creating a key: %w", err)
	}
	return key, nil
}

// Close does nothing: signers hold their key in memory.
func (m *Manager) Close() error { return nil }

// signer signs digests and shows nothing of its key.
type signer struct {
	path string
	key  *ecdsa.PrivateKey
}

func (s *signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign signs a digest. crypto/ecdsa mixes the key and the digest into the
// nonce, so that a random source that repeats does not give the key away.
func (s *signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	if err := keys.CheckDigest(digest, opts); err != nil {
		return nil, err
	}
	erased(func() { sig, err = s.key.Sign(rand, digest, opts) })
	return sig, err
}

// Format keeps the key out of every %v of every log.
func (s *signer) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue is what package slog shows.
func (s *signer) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what encoders show.
func (s *signer) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String names the key for people.
func (s *signer) String() string { return "soft key " + s.path }
