package wallet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"vidimus/internal/jose"
)

// create writes a file that was not there and makes it durable.
func (s *Store) create(name string, data []byte) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// sync makes the names in a folder durable.
func (s *Store) sync(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// file reads one of our files; one that others may read is refused.
func (s *Store) file(name string, limit int64) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the wallet: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the wallet: %w", err)
	}
	switch perm := info.Mode().Perm(); {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading the wallet: %s/%s is no file", s.dir, name)
	case perm&0o077 != 0:
		return nil, fmt.Errorf("reading the wallet: %s/%s has mode %04o, others may read it: run chmod 600 on it, and remove the batch if others had access", s.dir, name, perm)
	case info.Size() > limit:
		return nil, fmt.Errorf("reading the wallet: %s/%s has %d bytes, at most %d", s.dir, name, info.Size(), limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// read gives the record of a batch.
func (s *Store) read(id string) (Batch, error) {
	if !validID.MatchString(id) {
		return Batch{}, fmt.Errorf("%w: %.80q", ErrNotFound, id)
	}
	data, err := s.file(id+"/"+batchFile, maxBatchFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Batch{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Batch{}, err
	}
	b, err := parseBatch(id, data)
	if err != nil {
		return Batch{}, fmt.Errorf("reading the wallet: %s/%s/%s: %w", s.dir, id, batchFile, err)
	}
	return b, nil
}

func parseBatch(id string, data []byte) (Batch, error) {
	var b Batch
	if err := jose.DecodeJSONLimit(bytes.TrimSpace(data), &b, maxBatchFile); err != nil {
		return Batch{}, err
	}
	if err := b.check(id); err != nil {
		return Batch{}, err
	}
	return b, nil
}

// validID is what put makes: a name that stays below the folder and is no
// hidden file.
var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

func number(n int) string { return fmt.Sprintf("%02d", n) }

// slug makes a name of an id that an issuer chose.
func slug(id string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(id) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
		if b.Len() >= 24 {
			break
		}
	}
	if s := strings.TrimSuffix(b.String(), "-"); s != "" {
		return s
	}
	return "credential"
}
