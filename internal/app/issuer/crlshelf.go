package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/outfile"
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

// Names of lists: of the IACA, where it names no other, and of the reader CA.
const (
	signersList = "iaca"
	readersList = "readers"
)

// crlShelf is where the lists of one authority lie.
type crlShelf struct {
	cfg  *Config
	name string // of the list: "iaca", "readers", "operations"
	root *pki.Certificate
}

func (c *Config) readerShelf(root *pki.Certificate) crlShelf { return crlShelf{c, readersList, root} }

// revoker is a root whose list this office publishes.
type revoker struct {
	shelf   crlShelf
	name    string // of the key
	profile pki.Profile
	key     string // URI, "" where it signs elsewhere
	label   string // the configuration key
}

// revokers are the roots over our signers: the IACA first, those beside it, and the
// operations CA of an office that signs VICALs.
func (c *Config) revokers(r roots) []revoker {
	out := []revoker{{crlShelf{c, c.listName(r.iaca, r.iaca), r.iaca}, "iaca", pki.ProfileIACA, c.IACA.Key, "iaca"}}
	for i, root := range r.also {
		out = append(out, revoker{crlShelf{c, c.listName(root, r.iaca), root}, "iaca", pki.ProfileIACA, c.Rollover.Also[i].Key, fmt.Sprintf("rollover.also[%d]", i)})
	}
	for name := range c.Signers {
		if c.profile(name) == pki.ProfileVICALSigner {
			return append(out, revoker{crlShelf{c, operationsList, r.operations}, "operations-ca", pki.ProfileOperationsCA, c.OperationsCA.Key, "operations_ca"})
		}
	}
	return out
}

// whose names what a list revokes, for people.
func (s crlShelf) whose() string {
	switch s.name {
	case readersList:
		return "readers"
	case operationsList:
		return "signers of lists"
	}
	return "signers"
}

// paths gives the files, the newest last: their names have the same length.
func (s crlShelf) paths() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(s.cfg.Path(crlFolder), s.name+"-"+strings.Repeat("[0-9]", 20)+crlSuffix))
	slices.Sort(paths)
	return paths, err
}

// Kept implements fleet.Lists: all lists, verified, the newest last. Those of an
// earlier authority are passed over.
func (s crlShelf) Kept() ([]*pki.CRL, error) {
	for range keptTries {
		lists, err := s.keptNow()
		if !errors.Is(err, fs.ErrNotExist) {
			return lists, err
		}
	}
	return s.keptNow()
}

// keptTries is how often the lists are looked for anew when not even the newest is there
// any more: whoever reads has no lock, and others may write and remove many meanwhile.
const keptTries = 5

func (s crlShelf) keptNow() ([]*pki.CRL, error) {
	paths, err := s.paths()
	if err != nil {
		return nil, err
	}
	var out []*pki.CRL
	for i, path := range paths {
		list, err := s.read(path)
		if errors.Is(err, fs.ErrNotExist) && i < len(paths)-1 {
			continue // removed meanwhile: whom it names those after it name too
		}
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

// Alone implements fleet.Lists.
func (s crlShelf) Alone(ctx context.Context) (unlock func(), err error) {
	return s.cfg.aloneWithLists(ctx, byOffice)
}

// Keep implements fleet.Lists. An error that matches fs.ErrExist means that another
// list has the number. It publishes nothing: a folder that cannot be written takes no
// revocation back.
func (s crlShelf) Keep(list *pki.CRL) error {
	if err := s.put(list); err != nil {
		return err
	}
	paths, err := s.paths()
	for len(paths) > crlKept && err == nil {
		err, paths = os.Remove(paths[0]), paths[1:]
	}
	return err
}

// put is Keep that removes nothing. The caller is alone with the lists.
func (s crlShelf) put(list *pki.CRL) error {
	m := &maker{cfg: *s.cfg}
	if !list.Number.IsUint64() { // twenty digits, which the names of files have
		return fmt.Errorf("%w: its number has more than 64 bits", pki.ErrCRL)
	}
	if err := m.write(filepath.Join(crlFolder, fmt.Sprintf("%s-%020d%s", s.name, list.Number, crlSuffix)), list.Raw, 0o644); err != nil {
		return err
	}
	return outfile.SyncFolder(s.cfg.Path(crlFolder)) // what was served must outlive a power cut
}

// ErrUnpublished: a list is on its shelf and served, and does not lie among the
// published lists.
var ErrUnpublished = errors.New("the list is kept and served by the office, but does not lie among the published lists: see that the folder can be written; a running office tries again every hour")

// publish puts a list into the folder of the published lists, where there is one,
// unless a newer one lies there. The caller is alone with the lists.
func (s crlShelf) publish(list *pki.CRL) error {
	if s.cfg.Status.Directory == "" || !exists(s.cfg.Path(s.cfg.Status.Directory)) {
		return nil
	}
	if err := s.publishIn(s.cfg.Path(s.cfg.Status.Directory), list); err != nil {
		return fmt.Errorf("%w: %s.crl: %w", ErrUnpublished, s.name, err)
	}
	return nil
}

func (s crlShelf) publishIn(folder string, list *pki.CRL) error {
	there, err := s.published(folder)
	if err == nil && there != nil && there.Number.Cmp(list.Number) >= 0 {
		return nil
	} // what is there and not ours is replaced without a look
	return publishFile(filepath.Join(folder, crlPublished), s.name+crlSuffix, list.Raw)
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

// adopt takes a list that was published into the shelf. The caller is alone with the
// lists.
func (s crlShelf) adopt(list *pki.CRL) error {
	kept, err := s.Kept()
	if err != nil || slices.ContainsFunc(kept, func(k *pki.CRL) bool { return bytes.Equal(k.Raw, list.Raw) }) {
		return err
	}
	if err = s.put(list); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("two lists of %s have the number %s: somebody else signs with this key", s.root, list.Number)
	}
	return err
}

// crlServed is the newest list of each shelf as it was read last, so that requests do
// not verify it each.
type crlServed struct {
	mu sync.Mutex
	by map[string]*crlRead // by the name of the list

	renewing sync.Mutex           // who finds a list old waits for who renews it
	failed   map[string]crlFailed // by the name of the list, under renewing
}

// crlFailed is why a list was not renewed, and when.
type crlFailed struct {
	at  time.Time
	err error
}

// crlAgain is how long after a failure a request does not ask the signer again: it is
// away for all of them.
const crlAgain = time.Minute

// renew asks for a list anew, unless that failed a moment ago. The caller holds
// renewing.
func (s *crlServed) renew(name string, now time.Time, sign func() (*pki.CRL, error)) (*pki.CRL, error) {
	if f, ok := s.failed[name]; ok && !now.Before(f.at) && now.Sub(f.at) < crlAgain {
		return nil, f.err
	}
	list, err := sign()
	if err == nil {
		delete(s.failed, name)
		return list, nil
	}
	if s.failed == nil {
		s.failed = map[string]crlFailed{}
	}
	s.failed[name] = crlFailed{now, err}
	return nil, err
}

// again lets the next one ask the signer, whatever failed.
func (s *crlServed) again() {
	s.renewing.Lock()
	defer s.renewing.Unlock()
	clear(s.failed)
}

// counts says whether a list still holds at an instant.
func counts(list *pki.CRL, now time.Time) bool { return list != nil && now.Before(list.NextUpdate) }

type crlRead struct {
	paths  []string
	of     os.FileInfo // of the last of them
	newest *pki.CRL
	short  bool            // it lacks somebody whom another one names
	named  map[string]bool // the serial numbers in any of those that are kept
}

// newest gives the last list, nil when there is none, and whether it is short of a
// revocation.
func (s *crlServed) get(shelf crlShelf) (newest *pki.CRL, short bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]*crlRead{}
	}
	if s.by[shelf.name] == nil {
		s.by[shelf.name] = &crlRead{}
	}
	return s.by[shelf.name].get(shelf)
}

// named gives the serial numbers that any list of a shelf names; not to be changed.
func (s *crlServed) named(shelf crlShelf) (map[string]bool, error) {
	if _, _, err := s.get(shelf); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[shelf.name].named, nil
}

func (c *crlRead) get(s crlShelf) (newest *pki.CRL, short bool, err error) {
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
	c.paths, c.of, c.newest, c.short, c.named = paths, info, nil, false, map[string]bool{}
	if len(kept) > 0 {
		c.newest = kept[len(kept)-1]
		all := united(kept)
		c.short = c.newest.Len() < len(all)
		for _, e := range all {
			c.named[string(e.Serial.Bytes())] = true
		}
	}
	return c.newest, c.short, nil
}

// crlTag is the entity tag of a list.
func crlTag(list *pki.CRL) string { return fmt.Sprintf(`"%x"`, list.Fingerprint[:sha256.Size/2]) }
