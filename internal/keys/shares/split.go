package shares

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
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
	"slices"

	"filippo.io/age"
	"filippo.io/age/armor"

	"vidimus/internal/outfile"
)

// Split makes a key on P-256 or P-384 and writes its shares, one for each of the
// recipients, of which threshold open it. dirs is one folder for everything, or one for each share, with
// public.pem and set.json in all of them. No file is overwritten, and the key
// itself is never written. Everything is durable when Split returns.
func Split(dirs []string, curve elliptic.Curve, threshold int, recipients []Recipient, rand io.Reader) (*ecdsa.PublicKey, *Set, error) {
	if curve != elliptic.P256() && curve != elliptic.P384() {
		return nil, nil, errors.New("a key in shares is on P-256 or P-384")
	}
	if len(dirs) != 1 && len(dirs) != len(recipients) {
		return nil, nil, fmt.Errorf("%d folders for %d shares: name one, or one for each share", len(dirs), len(recipients))
	}
	for i, r := range recipients {
		if slices.ContainsFunc(recipients[:i], func(o Recipient) bool { return o.text == r.text }) {
			return nil, nil, fmt.Errorf("recipient %s has two shares: each custodian has one", r)
		}
	}
	key, err := ecdsa.GenerateKey(curve, rand)
	if err != nil {
		return nil, nil, fmt.Errorf("generating a key: %w", err)
	}
	defer forget(key)
	secret, err := key.Bytes()
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	defer clear(secret)
	points, err := divide(secret, threshold, len(recipients), rand)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		for _, p := range points {
			clear(p.y)
		}
	}()
	// The last shares are the proof that all lie on the polynomials.
	again, err := rebuild(points[len(points)-threshold:])
	if err == nil && !bytes.Equal(again, secret) {
		err = errors.New("it is another one")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the shares made do not rebuild the key: %w", err)
	}
	clear(again)

	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a public key: %w", err)
	}
	sum := sha256.Sum256(spki)
	set := &Set{Version: 1, Curve: curve.Params().Name, Threshold: threshold, Shares: len(points), PublicKey: hex.EncodeToString(sum[:])}
	var id [16]byte
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return nil, nil, fmt.Errorf("drawing the name of a set: %w", err)
	}
	set.ID = hex.EncodeToString(id[:])
	all := make([]share, len(points))
	for i, p := range points {
		all[i] = share{set: id, threshold: byte(threshold), index: p.x, value: p.y}
		if _, err := io.ReadFull(rand, all[i].salt[:]); err != nil {
			return nil, nil, fmt.Errorf("drawing a salt: %w", err)
		}
		c := all[i].commitment()
		set.Commitments = append(set.Commitments, hex.EncodeToString(c[:]))
		set.Recipients = append(set.Recipients, recipients[i].text)
	}
	statement, err := set.encode()
	if err != nil {
		return nil, nil, err
	}
	var files []file
	for _, dir := range dirs {
		files = append(files,
			file{filepath.Join(dir, SetFile), statement},
			file{filepath.Join(dir, PublicFile), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})})
	}
	for i := range all {
		all[i].statement = sha256.Sum256(statement)
		sealed, err := seal(&all[i], recipients[i])
		if err != nil {
			return nil, nil, err
		}
		files = append(files, file{filepath.Join(dirs[i%len(dirs)], fmt.Sprintf("share-%d.age", i+1)), sealed})
	}
	pub := key.PublicKey
	return &pub, set, writeAll(files)
}

// seal encrypts a share to its custodian, armored.
func seal(s *share, to Recipient) ([]byte, error) {
	plain := s.encode()
	defer clear(plain)
	var out bytes.Buffer
	text := armor.NewWriter(&out)
	w, err := age.Encrypt(text, to.age)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = text.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypting share %d: %w", s.index, err)
	}
	return out.Bytes(), nil
}

type file struct {
	path string
	data []byte
}

// writeAll writes files that are not there yet, or none.
func writeAll(files []file) (err error) {
	for _, f := range files {
		if _, err := os.Lstat(f.path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: a set of shares is made in a folder without one", f.path)
		}
	}
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				os.Remove(path)
			}
		}
	}()
	for _, f := range files {
		if err := makeFolder(filepath.Dir(f.path)); err != nil {
			return fmt.Errorf("making the folder of a share: %w", err)
		}
		if err := outfile.New(f.path, f.data, 0o600); err != nil {
			return fmt.Errorf("writing a share: %w", err)
		}
		made = append(made, f.path)
	}
	return nil
}

// makeFolder makes a folder and those above it that are not there; their names are
// durable as well, or the share would be gone with its folder.
func makeFolder(dir string) error {
	above := newNames(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, in := range above {
		if err := outfile.SyncFolder(in); err != nil {
			return err
		}
	}
	return nil
}

// newNames are the folders in which making a folder writes a name, the lowest first.
func newNames(dir string) (in []string) {
	for dir = filepath.Clean(dir); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return in
		}
		in = append(in, filepath.Dir(dir))
	}
}
