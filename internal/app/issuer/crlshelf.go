package issuer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vidimus/internal/pki"
)

// Revocation lists of the office lie beside the certificates, each under its number:
// a number is given once, so that two who write at the same time cannot undo each
// other's revocation. The last few are kept, and are in every backup. The newest is
// also a file in the folder of the published lists, so that it outlives the office:
// a restore takes it from there.
const (
	crlFolder    = "certs"
	crlKept      = 5
	crlSuffix    = ".crl"
	crlPublished = "crl" // below status.directory: the path under which it is served
)

// crlShelf is where the lists of one authority lie.
type crlShelf struct {
	cfg  *Config
	name string // "iaca" or "readers"
	root *pki.Certificate
}

func (c *Config) signerShelf(root *pki.Certificate) crlShelf { return crlShelf{c, "iaca", root} }
func (c *Config) readerShelf(root *pki.Certificate) crlShelf { return crlShelf{c, "readers", root} }

// paths gives the files, the newest last: their names have the same length.
func (s crlShelf) paths() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(s.cfg.Path(crlFolder), s.name+"-"+strings.Repeat("[0-9]", 20)+crlSuffix))
	slices.Sort(paths)
	return paths, err
}

// Kept implements fleet.Lists: all lists, verified, the newest last. Those of an
// earlier authority are passed over.
func (s crlShelf) Kept() ([]*pki.CRL, error) {
	paths, err := s.paths()
	if err != nil {
		return nil, err
	}
	var out []*pki.CRL
	for _, path := range paths {
		list, err := s.read(path)
		if err != nil {
			return nil, err
		}
		if list != nil {
			out = append(out, list)
		}
	}
	return out, nil
}

// read gives the list of a file, nil when it is of another authority.
func (s crlShelf) read(path string) (*pki.CRL, error) {
	raw, err := readLimited(path, pki.MaxCRLBytes)
	if err != nil {
		return nil, err
	}
	list, err := pki.ParseCRL(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !bytes.Equal(list.RawIssuer, s.root.RawSubject) || !bytes.Equal(list.AuthorityKeyID, s.root.SubjectKeyID()) {
		return nil, nil
	}
	if err := list.Verify(s.root, false); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// united is whom any of the lists names, in the order of the serial numbers.
func united(lists []*pki.CRL) []pki.RevokedCertificate {
	known := map[string]bool{}
	var out []pki.RevokedCertificate
	for _, list := range slices.Backward(lists) {
		for _, e := range list.Entries() {
			if key := string(e.Serial.Bytes()); !known[key] {
				known[key], out = true, append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b pki.RevokedCertificate) int { return a.Serial.Cmp(b.Serial) })
	return out
}

// Keep implements fleet.Lists. An error that matches fs.ErrExist means that another
// list has the number.
func (s crlShelf) Keep(list *pki.CRL) error {
	if err := s.put(list); err != nil {
		return err
	}
	paths, err := s.paths()
	for len(paths) > crlKept && err == nil {
		err, paths = os.Remove(paths[0]), paths[1:]
	}
	if err != nil {
		return err
	}
	return s.publish(list)
}

// put is Keep that publishes nothing and removes nothing.
func (s crlShelf) put(list *pki.CRL) error {
	m := &maker{cfg: *s.cfg}
	return m.write(filepath.Join(crlFolder, fmt.Sprintf("%s-%020d%s", s.name, list.Number, crlSuffix)), list.Raw, 0o644)
}

// publish puts a list into the folder of the published lists, where there is one,
// unless a newer one lies there.
func (s crlShelf) publish(list *pki.CRL) error {
	if s.cfg.Status.Directory == "" || !exists(s.cfg.Path(s.cfg.Status.Directory)) {
		return nil
	}
	return s.publishIn(s.cfg.Path(s.cfg.Status.Directory), list)
}

func (s crlShelf) publishIn(folder string, list *pki.CRL) error {
	there, err := s.published(folder)
	if err == nil && there != nil && there.Number.Cmp(list.Number) >= 0 {
		return nil
	} // what is there and not ours is replaced without a look
	dir := filepath.Join(folder, crlPublished)
	if err := os.Mkdir(dir, 0o755); err == nil {
		err = os.Chmod(dir, 0o755) // whatever the umask is
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := replaceFile(filepath.Join(dir, s.name+crlSuffix), list.Raw, 0o644); err != nil {
		return err
	}
	return syncFolder(dir)
}

// published is the list in a folder of published lists, nil when there is none of
// this authority.
func (s crlShelf) published(folder string) (*pki.CRL, error) {
	list, err := s.read(filepath.Join(folder, crlPublished, s.name+crlSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// adopt takes a list that was published into the shelf.
func (s crlShelf) adopt(list *pki.CRL) error {
	err := s.put(list)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	kept, err := s.Kept()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(kept, func(k *pki.CRL) bool { return bytes.Equal(k.Raw, list.Raw) }) {
		return fmt.Errorf("two lists of %s have the number %s: somebody else signs with this key", s.root, list.Number)
	}
	return nil
}

// crlServed is the newest list of a shelf as it was read last, so that requests do not
// verify it each.
type crlServed struct {
	mu     sync.Mutex
	paths  []string
	of     os.FileInfo // of the last of them
	newest *pki.CRL
	short  bool // it lacks somebody whom another one names
}

// newest gives the last list, nil when there is none, and whether it is short of a
// revocation.
func (c *crlServed) get(s crlShelf) (newest *pki.CRL, short bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	paths, err := s.paths()
	if err != nil || len(paths) == 0 {
		return nil, false, err
	}
	info, err := os.Stat(paths[len(paths)-1])
	if err != nil {
		return nil, false, err
	}
	if c.of != nil && slices.Equal(paths, c.paths) && os.SameFile(c.of, info) && c.of.ModTime().Equal(info.ModTime()) && c.of.Size() == info.Size() {
		return c.newest, c.short, nil
	}
	kept, err := s.Kept()
	if err != nil {
		return nil, false, err
	}
	c.paths, c.of, c.newest, c.short = paths, info, nil, false
	if len(kept) > 0 {
		c.newest = kept[len(kept)-1]
		c.short = c.newest.Len() < len(united(kept))
	}
	return c.newest, c.short, nil
}

// crlTag is the entity tag of a list.
func crlTag(list *pki.CRL) string { return fmt.Sprintf(`"%x"`, list.Fingerprint[:sha256.Size/2]) }
