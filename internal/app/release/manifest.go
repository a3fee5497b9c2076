package release

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Names of the two files beside those that they speak of. Sums is as sha256sum writes
// and checks it, Signature an ECDSA signature in DER over its bytes with SHA-256, as
// openssl dgst checks it.
const (
	Sums      = "SHA256SUMS"
	Signature = "SHA256SUMS.sig"
)

var (
	// ErrManifest is for a list that cannot be read.
	ErrManifest = errors.New("not a list of checksums")
	// ErrSignature is for a list that the key has not signed.
	ErrSignature = errors.New("the list of checksums is not signed by this key")
	// ErrFiles is for files that are not those of the list.
	ErrFiles = errors.New("the files are not those of the list")
)

const (
	// maxManifest bounds a list: some thousand files, where a release has twenty.
	maxManifest = 1 << 20
	// maxSignature bounds a signature: DER of two numbers of P-521 has 139 bytes.
	maxSignature = 256
)

// sums gives the SHA-256 of every file of a folder, by name. What is no regular file
// is refused: a link could lead anywhere.
func sums(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading a release: %w", err)
	}
	out := map[string]string{}
	for _, e := range entries {
		switch {
		case e.Name() == Sums || e.Name() == Signature:
			continue
		case !e.Type().IsRegular():
			return nil, fmt.Errorf("%w: %s is no regular file", ErrFiles, e.Name())
		case !plain.MatchString(e.Name()):
			return nil, fmt.Errorf("%w: %q: a name has letters, digits, dot, dash and underscore", ErrFiles, e.Name())
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading a release: %w", err)
		}
		hash := sha256.New()
		_, err = io.Copy(hash, f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading a release: %w", err)
		}
		out[e.Name()] = hex.EncodeToString(hash.Sum(nil))
	}
	return out, nil
}

// plain is a name that no tool reads as anything but a name.
var plain = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

func format(sums map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range sorted(sums) {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.Bytes()
}

func sorted(sums map[string]string) []string {
	names := make([]string, 0, len(sums))
	for name := range sums {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// parse reads a list exactly as format writes it, and nothing else. Errors match
// ErrManifest.
func parse(data []byte) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(string(data)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != sha256.Size || !plain.MatchString(name) {
			return nil, fmt.Errorf("%w: line %d", ErrManifest, len(out)+1)
		}
		out[name] = sum
	}
	if len(out) == 0 || !bytes.Equal(format(out), data) {
		return nil, fmt.Errorf("%w: not as it is written: sorted, each name once", ErrManifest)
	}
	return out, nil
}

// Seal writes the list of the files of a folder, and with a signer its signature.
func Seal(dir string, signer crypto.Signer, rand io.Reader) error {
	all, err := sums(dir)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%w: %s is empty", ErrFiles, dir)
	}
	list := format(all)
	if err := os.WriteFile(filepath.Join(dir, Sums), list, 0o644); err != nil {
		return fmt.Errorf("writing the list: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, Signature)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing an old signature: %w", err)
	}
	if signer == nil {
		return nil
	}
	sig, err := crypto.SignMessage(signer, rand, list, crypto.SHA256)
	if err != nil {
		return fmt.Errorf("signing the list: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, Signature), sig, 0o644); err != nil {
		return fmt.Errorf("writing the signature: %w", err)
	}
	return nil
}

// Verify holds a folder against its list, and the list against its signature: every
// file is as it was, none is missing, none is there besides. Errors match ErrManifest,
// ErrSignature or ErrFiles.
func Verify(dir string, key *ecdsa.PublicKey) (names []string, err error) {
	list, err := bounded(filepath.Join(dir, Sums), maxManifest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	sig, err := bounded(filepath.Join(dir, Signature), maxSignature)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if digest := sha256.Sum256(list); key == nil || !ecdsa.VerifyASN1(key, digest[:], sig) {
		return nil, ErrSignature
	}
	want, err := parse(list)
	if err != nil {
		return nil, err
	}
	got, err := sums(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range sorted(want) {
		switch sum, ok := got[name]; {
		case !ok:
			return nil, fmt.Errorf("%w: %s is missing", ErrFiles, name)
		case sum != want[name]:
			return nil, fmt.Errorf("%w: %s is another", ErrFiles, name)
		}
	}
	for _, name := range sorted(got) {
		if _, ok := want[name]; !ok {
			return nil, fmt.Errorf("%w: %s is not in it", ErrFiles, name)
		}
	}
	return sorted(want), nil
}

func bounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return data, err
}

// PublicKey reads one PEM block of type PUBLIC KEY with a key on P-256 or P-384.
func PublicKey(path string) (*ecdsa.PublicKey, error) {
	data, err := bounded(path, 4<<10)
	if err != nil {
		return nil, fmt.Errorf("reading a public key: %w", err)
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s holds no PEM block PUBLIC KEY alone: openssl pkey -in KEY -pubout makes one", path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s: not a key on P-256 or P-384", path)
	}
	if name := ec.Params().Name; name != "P-256" && name != "P-384" {
		return nil, fmt.Errorf("%s: a key on %s, wanted P-256 or P-384", path, name)
	}
	return ec, nil
}
