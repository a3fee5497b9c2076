package wallet

import (
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// Store is a folder of mode 0700 with a folder for each batch: batch.json, and
// for each copy its key (PKCS#8) and the credential as it came. Files have mode
// 0600; a batch appears whole or not at all, and every change is a rename.
type Store struct {
	mu   sync.Mutex
	dir  string
	root *os.Root
}

// Files of a batch; copies are numbered from 00.
const (
	batchFile  = "batch.json"
	keyEnding  = ".key"
	textEnding = ".credential"
)

// OpenStore opens a wallet folder and makes it where there is none. One that
// others may read is refused.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the wallet: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the wallet: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("opening the wallet: %s has mode %04o, others may look in: run chmod 700 %s", dir, perm, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the wallet: %w", err)
	}
	return &Store{dir: dir, root: root}, nil
}

// Close lets go of the folder.
func (s *Store) Close() error { return s.root.Close() }

// List gives all batches, the newest first.
func (s *Store) List() ([]Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list()
}

func (s *Store) list() ([]Batch, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("listing the wallet: %w", err)
	}
	var batches []Batch
	for _, e := range entries {
		if !e.IsDir() || !validID.MatchString(e.Name()) {
			continue // unfinished batches begin with a dot
		}
		b, err := s.read(e.Name())
		if err != nil {
			return nil, err
		}
		batches = append(batches, b)
	}
	slices.SortStableFunc(batches, func(a, b Batch) int { return b.Received.Compare(a.Received) })
	return batches, nil
}

// Batch finds one by its id; ErrNotFound.
func (s *Store) Batch(id string) (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(id)
}

// Credential gives the text of copy n as it came from the issuer.
func (s *Store) Credential(id string, n int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.credential(id, n)
}

func (s *Store) credential(id string, n int) (string, error) {
	b, err := s.read(id)
	if err != nil {
		return "", err
	}
	if n < 0 || n >= len(b.Copies) {
		return "", fmt.Errorf("%w: copy %d of %s", ErrNotFound, n, id)
	}
	text, err := s.file(id+"/"+number(n)+textEnding, maxIssued)
	return string(text), err
}

// Remove deletes a batch with its keys, or what is asked for and did not come
// yet. A grant that nothing needs any more goes with it.
func (s *Store) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !validID.MatchString(id) {
		return fmt.Errorf("%w: %.80q", ErrNotFound, id)
	}
	b, _ := s.read(id) // whatever is broken can be removed too
	// Out of sight in one step, then deleted: also when its record is broken.
	err := s.root.Rename(id, ".removed-"+id)
	if errors.Is(err, fs.ErrNotExist) {
		return s.forget(id)
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", id, err)
	}
	if err := s.root.RemoveAll(".removed-" + id); err != nil {
		return fmt.Errorf("removing %s: %w", id, err)
	}
	if err := s.sync("."); err != nil {
		return err
	}
	return s.dropIdle(b.Grant)
}

// held is a copy that was taken out to be shown.
type held struct {
	batch Batch
	index int
	text  string
	key   *ecdsa.PrivateKey
}

// newest finds the newest batch of a format and type that has a copy to show.
func (s *Store) newest(format, typ string, proof Proof, now time.Time) (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batches, err := s.list()
	if err != nil {
		return Batch{}, err
	}
	reason := fmt.Errorf("%w: %s of type %.120q", ErrNotFound, format, typ)
	for _, b := range batches {
		if b.Format != format || b.Type != typ {
			continue
		}
		if _, err := b.leastUsed(proof, now); err != nil {
			reason = err
			continue
		}
		return b, nil
	}
	return Batch{}, reason
}

// take chooses the least used copy and counts the use before it is shown: a
// crash may waste a copy, and never shows one twice as if it were new.
func (s *Store) take(id string, proof Proof, now time.Time) (*held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.read(id)
	if err != nil {
		return nil, err
	}
	i, err := b.leastUsed(proof, now)
	if err != nil {
		return nil, err
	}
	text, err := s.credential(id, i)
	if err != nil {
		return nil, err
	}
	pem, err := s.file(id+"/"+number(i)+keyEnding, maxKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(pem)
	clear(pem)
	if err != nil {
		return nil, fmt.Errorf("key of copy %d of %s: %w", i, id, err)
	}
	b.Copies[i].Used++
	b.Copies[i].Proof = proof
	if err := s.rewrite(b); err != nil {
		return nil, err
	}
	return &held{b, i, text, key}, nil
}

// put keeps a new batch and gives it its id.
func (s *Store) put(b Batch, list []received, keys []*ecdsa.PrivateKey, rand io.Reader) (Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if b.ID, err = newID(b.Configuration, rand); err != nil {
		return Batch{}, err
	}
	b.Copies = nil
	for _, r := range list {
		b.Copies = append(b.Copies, Copy{ValidFrom: r.from, ValidUntil: r.until})
	}
	temporary := ".new-" + b.ID
	if err := s.fill(temporary, b, list, keys); err != nil {
		_ = s.root.RemoveAll(temporary) // ours, and unfinished
		return Batch{}, fmt.Errorf("keeping a batch: %w", err)
	}
	if err := s.root.Rename(temporary, b.ID); err != nil {
		_ = s.root.RemoveAll(temporary)
		return Batch{}, fmt.Errorf("keeping a batch: %w", err)
	}
	return b, s.sync(".")
}

// newID names something of a configuration in this wallet.
func newID(configuration string, rand io.Reader) (string, error) {
	random := make([]byte, 4)
	if _, err := io.ReadFull(rand, random); err != nil {
		return "", fmt.Errorf("naming a batch: %w", err)
	}
	return slug(configuration) + "-" + hex.EncodeToString(random), nil
}

func (s *Store) fill(dir string, b Batch, list []received, keys []*ecdsa.PrivateKey) error {
	if err := s.root.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for i, r := range list {
		pem, err := encodeKey(keys[r.key])
		if err != nil {
			return err
		}
		err = s.create(dir+"/"+number(i)+keyEnding, pem)
		clear(pem)
		if err != nil {
			return err
		}
		if err := s.create(dir+"/"+number(i)+textEnding, []byte(r.text)); err != nil {
			return err
		}
	}
	record, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	if err := s.create(dir+"/"+batchFile, record); err != nil {
		return err
	}
	return s.sync(dir)
}

// rewrite replaces the record of a batch in one step.
func (s *Store) rewrite(b Batch) error {
	record, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	temporary := b.ID + "/.batch.json"
	_ = s.root.Remove(temporary) // of a run that was cut off
	if err := s.create(temporary, record); err != nil {
		return fmt.Errorf("counting a use of %s: %w", b.ID, err)
	}
	if err := s.root.Rename(temporary, b.ID+"/"+batchFile); err != nil {
		return fmt.Errorf("counting a use of %s: %w", b.ID, err)
	}
	return s.sync(b.ID)
}
