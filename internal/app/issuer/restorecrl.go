package issuer

import (
	"fmt"
	"path/filepath"
	"time"

	"vidimus/internal/pki"
)

// restoredRoot reads a root from the folder certs, or where the configuration has it.
func (c *Config) restoredRoot(certs, name string) (*pki.Certificate, error) {
	if path := filepath.Join(certs, filepath.Base(name)); exists(path) {
		return readRoot(path)
	}
	return readRoot(c.Path(name))
}

// restoredIACAs are the IACA and those of before and to come, which lists that were
// published may still be signed below.
func (c *Config) restoredIACAs(certs string) ([]*pki.Certificate, error) {
	iaca, err := c.restoredRoot(certs, c.IACA.Certificate)
	if err != nil {
		return nil, fmt.Errorf("iaca.certificate: %w", err)
	}
	out := []*pki.Certificate{iaca}
	for i, also := range c.Rollover.Also {
		root, err := c.restoredRoot(certs, also.Certificate)
		if err != nil {
			return nil, fmt.Errorf("rollover.also[%d]: %w", i, err)
		}
		out = append(out, root)
	}
	return out, nil
}

// crlShelves are the places of the revocation lists of this office. certs is the
// folder in which the roots are looked for first.
func (c *Config) crlShelves(certs string) ([]crlShelf, error) {
	read := func(name string) (*pki.Certificate, error) { return c.restoredRoot(certs, name) }
	iacas, err := c.restoredIACAs(certs)
	if err != nil {
		return nil, err
	}
	r := roots{iaca: iacas[0], also: iacas[1:]}
	if r.operations, err = read(c.OperationsCA.Certificate); err != nil {
		return nil, fmt.Errorf("operations_ca.certificate: %w", err)
	}
	var shelves []crlShelf
	for _, v := range c.revokers(r) {
		shelves = append(shelves, v.shelf)
	}
	if name := c.ReaderCA.Certificate; name != "" && (exists(filepath.Join(certs, filepath.Base(name))) || exists(c.Path(name))) {
		readers, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("reader_ca.certificate: %w", err)
		}
		shelves = append(shelves, c.readerShelf(readers))
	}
	return shelves, nil
}

// publishedRevocations reads the revocation lists as they were published last: what
// they name stays revoked, whatever the backup knows. One that does not verify is an
// error, before anything is in place.
func (c *Config) publishedRevocations(certs string, opts RestoreOptions) (out []shelvedCRL, err error) {
	if opts.Published == "" {
		return nil, nil
	}
	shelves, err := c.crlShelves(certs)
	if err != nil {
		return nil, err
	}
	for _, shelf := range shelves {
		list, err := shelf.published(opts.Published)
		if err != nil {
			return nil, fmt.Errorf("--published: %w", err)
		}
		if list != nil {
			out = append(out, shelvedCRL{shelf, list})
		}
	}
	return out, nil
}

// adoptAll puts lists into their places; again, it changes nothing.
func adoptAll(lists []shelvedCRL) error {
	for _, l := range lists {
		if err := l.shelf.adopt(l.list); err != nil {
			return err
		}
	}
	return nil
}

// revocationsNow says what the office goes on with after a restore, and from where.
func (c *Config) revocationsNow(opts RestoreOptions) string {
	shelves, err := c.crlShelves(c.Path(crlFolder))
	if err != nil {
		return fmt.Sprintf("which lists of revoked signers and readers are there is not known: %v\n", err)
	}
	text := ""
	for _, shelf := range shelves {
		what := shelf.whose()
		kept, err := shelf.Kept()
		if err != nil {
			text += fmt.Sprintf("the lists of revoked %s cannot be read: %v\n", what, err)
			continue
		}
		state := "revoked " + what + ": no list is there"
		if len(kept) > 0 {
			newest := kept[len(kept)-1]
			state = fmt.Sprintf("revoked %s: %d, by list %s of %s", what, len(united(kept)), newest.Number, newest.ThisUpdate.Format(time.RFC3339))
		}
		if opts.Published == "" {
			state += "; without the published one: who was revoked later is to be revoked anew"
		} else if list, err := shelf.published(opts.Published); err == nil && list == nil {
			state += fmt.Sprintf("; none lies in %s: who was revoked later is to be revoked anew", filepath.Join(opts.Published, crlPublished, shelf.name+crlSuffix))
		}
		text += state + "\n"
	}
	return text
}
