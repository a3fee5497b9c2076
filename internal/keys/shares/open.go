package shares

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"

	"vidimus/internal/keys"
)

// Open rebuilds the key of the set in dir for one ceremony. The shares are looked
// for there and in the folders also, which may be media of custodians; each
// identity opens the share of its custodian. Shares that no identity opens are left
// alone; every one that does open must be right, also when there are enough
// without it. Close the key after use.
func Open(dir string, also []string, identities []Identity) (*Key, error) {
	pub, set, statement, err := readSet(dir)
	if err != nil {
		return nil, err
	}
	paths, err := shareFiles(append([]string{dir}, also...))
	if err != nil {
		return nil, err
	}
	if len(identities) > maxIdentities {
		return nil, fmt.Errorf("%w: %d are given, at most %d", ErrIdentity, len(identities), maxIdentities)
	}
	o := &opening{set: set, statement: statement, found: map[byte]string{}}
	defer o.forget()
	for _, path := range paths {
		if err := o.take(path, identities); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(o.points) < set.Threshold {
		return nil, o.tooFew(len(paths), len(identities))
	}
	secret, err := rebuild(o.points[:set.Threshold])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSet, err)
	}
	defer clear(secret)
	key, err := ecdsa.ParseRawPrivateKey(pub.Curve, secret)
	if err != nil || !key.PublicKey.Equal(pub) {
		if key != nil {
			forget(key)
		}
		return nil, fmt.Errorf("%w: the shares fit each other and are not those of the key in %s", ErrSet, PublicFile)
	}
	checked, err := keys.Checked(key)
	if err != nil {
		forget(key)
		return nil, err
	}
	return &Key{key: key, checked: checked, pub: pub, name: dir}, nil
}

// shareFiles lists the files of shares; one file that is met on two ways is one.
func shareFiles(dirs []string) ([]string, error) {
	var out []string
	var seen []os.FileInfo
	for _, dir := range dirs {
		names, err := filepath.Glob(filepath.Join(globLiteral(dir), sharesGlob))
		if err != nil {
			return nil, fmt.Errorf("looking for shares in %s: %w", dir, err)
		}
	next:
		for _, path := range names {
			info, err := os.Stat(path)
			if err != nil {
				return nil, fmt.Errorf("looking for shares: %w", err)
			}
			for _, s := range seen {
				if os.SameFile(s, info) {
					continue next
				}
			}
			if len(out) == maxFiles {
				return nil, fmt.Errorf("%w: more than %d files of shares", ErrSet, maxFiles)
			}
			out, seen = append(out, path), append(seen, info)
		}
	}
	return out, nil
}

// globLiteral keeps what a folder is called from being a pattern.
func globLiteral(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// opening gathers the shares of one set.
type opening struct {
	set       *Set
	statement [sha256.Size]byte
	found     map[byte]string // which file had which share
	points    []point
	closed    []string // files that no identity opens
}

func (o *opening) forget() {
	for _, p := range o.points {
		clear(p.y)
	}
}

func (o *opening) take(path string, identities []Identity) error {
	sealed, err := readFile(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	plain, err := unseal(sealed, identities)
	if err != nil {
		return err
	}
	if plain == nil {
		o.closed = append(o.closed, filepath.Base(path))
		return nil
	}
	s, err := parseShare(plain)
	if err != nil {
		clear(plain)
		return err
	}
	if err := o.check(s); err != nil {
		clear(plain)
		return err
	}
	if first, twice := o.found[s.index]; twice {
		clear(plain)
		return fmt.Errorf("%w: share %d is in %s too", ErrTwice, s.index, first)
	}
	o.found[s.index] = path
	o.points = append(o.points, point{s.index, s.value})
	return nil
}

// check holds a share against the set.
func (o *opening) check(s *share) error {
	switch {
	case hex.EncodeToString(s.set[:]) != o.set.ID:
		return fmt.Errorf("%w: it is of the set %x, this is the set %s", ErrForeign, s.set, o.set.ID)
	case s.statement != o.statement:
		return fmt.Errorf("%w: %s is not the one that share %d was made with", ErrSet, SetFile, s.index)
	case int(s.threshold) != o.set.Threshold || int(s.index) > o.set.Shares || len(s.value) != scalarBytes(curves[o.set.Curve]):
		return fmt.Errorf("%w: share %d, threshold %d, %d octets", ErrEdited, s.index, s.threshold, len(s.value))
	}
	if c := s.commitment(); hex.EncodeToString(c[:]) != o.set.Commitments[s.index-1] {
		return fmt.Errorf("%w: share %d does not open its commitment", ErrEdited, s.index)
	}
	return nil
}

func (o *opening) tooFew(files, given int) error {
	why := fmt.Sprintf("%d of %d that are needed open", len(o.points), o.set.Threshold)
	switch {
	case files == 0:
		why += "; there is no file share-N.age: name the folders of the custodians with --shares"
	case given == 0:
		why += "; no identity is given: name the file of each custodian who is here with --identity"
	case len(o.closed) > 0:
		why += "; none of the identities given is for " + strings.Join(o.closed, ", ")
	default:
		why += "; the other shares are not here"
	}
	return fmt.Errorf("%w: %s", ErrTooFew, why)
}

// unseal decrypts a share with whichever identity opens it, nil when none does.
func unseal(sealed []byte, identities []Identity) ([]byte, error) {
	if len(identities) == 0 {
		return nil, nil
	}
	list := make([]age.Identity, len(identities))
	for i, id := range identities {
		list[i] = id.age
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed)), list...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(shareHead)+64))
	if err != nil {
		clear(plain)
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return plain, nil
}

// Key is a key that was rebuilt. It is a crypto.Signer until Close.
type Key struct {
	mu      sync.Mutex
	key     *ecdsa.PrivateKey // nil once closed
	checked crypto.Signer
	pub     *ecdsa.PublicKey
	name    string
}

// Public is the key of public.pem.
func (k *Key) Public() crypto.PublicKey { return k.pub }

// Sign signs a digest.
func (k *Key) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == nil {
		return nil, errors.New("the key in shares was closed")
	}
	return k.checked.Sign(rand, digest, opts)
}

// Close clears the key.
func (k *Key) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		forget(k.key)
		k.key, k.checked = nil, nil
	}
	return nil
}

// Format keeps the key out of every %v of every log.
func (k *Key) Format(f fmt.State, _ rune) { io.WriteString(f, "key in shares "+k.name) }

// forget overwrites the scalar. Copies that the runtime made stay until their
// memory is used again: whoever rebuilds keys does it in a process that ends.
func forget(key *ecdsa.PrivateKey) {
	//lint:ignore SA1019 it is overwritten, not computed with
	clear(key.D.Bits())
}
