package trust

import (
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vidimus/internal/pki"
)

// LoadReaders reads a folder of what a holder knows of readers: the authorities
// over them, as LoadDir takes them (for readers, where no trust.yaml says
// otherwise), and their lists of revoked readers, DER or PEM, in files that end
// with .crl. Without a list the second answer is nil.
func LoadReaders(dir string) (*Store, *pki.CRLs, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, err
	}
	anchors, err := LoadFS(withoutLists{os.DirFS(dir)}, Scope{Purposes: []Purpose{Reader}})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	names, err := fs.Glob(os.DirFS(dir), "*.crl")
	if err != nil || len(names) == 0 {
		return anchors, nil, err
	}
	slices.Sort(names)
	var lists []*pki.CRL
	for _, name := range names {
		list, err := readList(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		lists = append(lists, list)
	}
	revoked, err := pki.NewCRLs(lists...)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return anchors, revoked, nil
}

// withoutLists hides the lists from who looks for certificates and knows nothing
// else.
type withoutLists struct{ fs.FS }

func (w withoutLists) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".crl") }), err
}

func readList(path string) (*pki.CRL, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > 2*pki.MaxCRLBytes: // PEM is a third larger
		return nil, fmt.Errorf("larger than %d bytes", 2*pki.MaxCRLBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil && block.Type == "X509 CRL" {
		data = block.Bytes
	}
	return pki.ParseCRL(data)
}
