package invariants

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/store/bolt"
)

// Paths is where the evidence of an office lies. What is "" is not looked at.
type Paths struct {
	// Database is the file of an office that does not run. It is copied, and
	// the copy opened: nothing is touched.
	Database  string
	PublicURL string
	Dev       bool
	// Journal is of the clients, JSON lines.
	Journal string
	// Checkpoints are files with a checkpoint a line.
	Checkpoints []string
	// Lists is a folder of published lists.
	Lists string
	// Root and Operations are PEM files with the two roots, Checkpointer that
	// of the signer of checkpoints.
	Root, Operations, Checkpointer string
	// Memory is what an earlier check left; a file that is not there is none.
	Memory string
}

// Read gathers everything that the paths name.
func Read(ctx context.Context, p Paths) (*Evidence, error) {
	var journal []Entry
	if p.Journal != "" {
		f, err := os.Open(p.Journal)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if journal, err = ReadJournal(f); err != nil {
			return nil, err
		}
	}
	return p.Evidence(ctx, journal)
}

// Evidence is Read for a journal that is at hand.
func (p Paths) Evidence(ctx context.Context, journal []Entry) (*Evidence, error) {
	ev, err := p.database(ctx, journal)
	if err != nil {
		return nil, err
	}
	for _, path := range p.Checkpoints {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		ev.Checkpoints = append(ev.Checkpoints, wholeLines(text))
	}
	if p.Lists != "" {
		if ev.Files, err = ReadLists(p.Lists); err != nil {
			return nil, err
		}
		ev.Manifest, ev.Torn, err = readManifest(p.Lists)
		if err != nil {
			return nil, err
		}
		if ev.Signers, err = readSigners(p.Lists); err != nil {
			return nil, err
		}
	}
	for _, c := range []struct {
		path string
		into **x509.Certificate
	}{{p.Root, &ev.Root}, {p.Operations, &ev.Operations}, {p.Checkpointer, &ev.Checkpointer}} {
		if c.path == "" {
			continue
		}
		if *c.into, err = readCertificate(c.path); err != nil {
			return nil, err
		}
	}
	if p.Memory != "" {
		text, err := os.ReadFile(p.Memory)
		if err == nil {
			ev.Before, err = ParseMemory(text)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return ev, nil
}

// database opens a copy of the file and gathers what is in it.
func (p Paths) database(ctx context.Context, journal []Entry) (ev *Evidence, err error) {
	dir, err := os.MkdirTemp("", "invariants-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "office.db")
	if err := copyFile(file, p.Database); err != nil {
		return nil, err
	}
	store, err := bolt.Open(file, bolt.Options{PublicURL: p.PublicURL, Rand: rand.Reader, Dev: p.Dev, Pseudonyms: nobody{}, Reserve: 1})
	if err != nil {
		return nil, fmt.Errorf("opening a copy of the database: %w", err)
	}
	ev, err = Gather(ctx, store, journal)
	return ev, errors.Join(err, store.Close())
}

// nobody refuses to name a person: nothing is written here.
type nobody struct{ audit.Pseudonyms }

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// wholeLines leaves out a last line that a crash cut off.
func wholeLines(text []byte) []string {
	var out []string
	for s := bufio.NewScanner(bytes.NewReader(text[:bytes.LastIndexByte(text, '\n')+1])); s.Scan(); {
		out = append(out, s.Text())
	}
	return out
}

// maxFile bounds a published list.
const maxFile = 4 << 20

// ReadLists reads the status list tokens of a published folder (package
// publication), by their names. What begins with a dot is served by nobody, and
// not read; identifier lists are not looked at.
func ReadLists(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			if errors.Is(err, fs.ErrNotExist) && path == dir {
				return fs.SkipAll // nothing was published yet
			}
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() && d.Name() == "identifiers" {
			return fs.SkipDir
		}
		if ext := filepath.Ext(path); d.IsDir() || ext != ".jwt" && ext != ".cwt" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > maxFile {
			return fmt.Errorf("%s has %d bytes", path, info.Size())
		}
		out[path], err = os.ReadFile(path)
		return err
	})
	return out, err
}

// manifestFile is in every published folder, from its first publication on.
const manifestFile = "manifest.json"

// readManifest gives the lists of a published folder; none before the first
// publication. Torn is why it does not say anything.
func readManifest(dir string) (files []Filed, torn, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var m struct {
		Files []Filed `json:"files"`
	}
	if err := jose.DecodeJSONLimit(text, &m, maxFile); err != nil {
		return nil, fmt.Errorf("manifest of the lists: %w", err), nil
	}
	return slices.DeleteFunc(m.Files, func(f Filed) bool { return f.Version == 0 }), nil, nil // the list of lists
}

func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no certificate in PEM", path)
	}
	return x509.ParseCertificate(block.Bytes)
}
