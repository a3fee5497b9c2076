package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/strictyaml"
)

// ErrFolder is for a folder of anchors that cannot be used as it is.
var ErrFolder = errors.New("folder of anchors refused")

// scopeFile is the file of a folder that says what its certificates are for.
const scopeFile = "trust.yaml"

// scopes is that file. Keys of Anchors are names of files below the folder, or
// patterns of path.Match; a name wins over a pattern, and two patterns must not
// fit one file.
//
//	as_of: 2026-06-01T00:00:00Z
//	anchors:
//	  iaca-ut.pem:   {purposes: [issue-mdoc, status-list], doctypes: [org.iso.18013.5.1.mDL]}
//	  "pid/*.pem":   {purposes: [issue-mdoc, issue-sd-jwt, status-list], doctypes: [eu.europa.ec.eudi.pid.1], vcts: ["urn:eudi:pid:1"]}
//	  aamva-root.pem: {purposes: [vical]}
type scopes struct {
	AsOf    time.Time            `yaml:"as_of"`
	Anchors map[string]yamlScope `yaml:"anchors"`
}

type yamlScope struct {
	Purposes []Purpose `yaml:"purposes"`
	DocTypes []string  `yaml:"doctypes"`
	VCTs     []string  `yaml:"vcts"`
}

// LoadDir reads the anchors of a folder and of the folders below it, at most
// four deep: PEM in .pem and .crt, DER in .der and .cer. What each counts for
// stands in the file trust.yaml of the folder; a certificate that is not named
// there counts for fallback, and where that is the zero Scope it is an error.
//
// Hidden files, .md and .txt are passed over, everything else is refused: a
// certificate under a wrong name would silently be missing. All that is wrong is
// told at once, with the file, and nothing is loaded then. Errors match
// ErrFolder or ErrAnchor, or come from the file system.
func LoadDir(dir string, fallback Scope) (*Store, error) {
	s, err := LoadFS(os.DirFS(dir), fallback)
	if err != nil {
		return nil, fmt.Errorf("loading anchors of %s: %w", dir, err)
	}
	return s, nil
}

// LoadFS is LoadDir for any file system.
func LoadFS(fsys fs.FS, fallback Scope) (*Store, error) {
	files, err := anchorFiles(fsys)
	if err != nil {
		return nil, err
	}
	table, err := readScopes(fsys)
	if err != nil {
		return nil, err
	}
	var bad []error
	used := map[string]bool{}
	s := &Store{}
	for _, name := range files {
		scope, key, err := table.of(name)
		used[key] = true
		switch {
		case err != nil:
			bad = append(bad, err)
			continue
		case key == "" && len(fallback.Purposes) == 0:
			bad = append(bad, fmt.Errorf("%w: %s: not named in %s, so it counts for nothing", ErrFolder, name, scopeFile))
			continue
		case key == "":
			scope = fallback
		}
		certs, err := readCertificates(fsys, name)
		if err != nil {
			bad = append(bad, fmt.Errorf("%w: %s: %w", ErrFolder, name, err))
			continue
		}
		for _, c := range certs {
			if err := s.Add(Anchor{Cert: c, Scope: scope, Source: name, AsOf: table.AsOf}); err != nil {
				bad = append(bad, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(table.Anchors)) {
		if !used[key] {
			bad = append(bad, fmt.Errorf("%w: %s names %q, which fits no certificate file", ErrFolder, scopeFile, key))
		}
	}
	if len(files) == 0 {
		bad = append(bad, fmt.Errorf("%w: no certificate file (.pem, .crt, .der, .cer)", ErrFolder))
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return s, nil
}

// anchorFiles lists the certificate files, sorted.
func anchorFiles(fsys fs.FS) ([]string, error) {
	var files []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			if strings.Count(name, "/") >= maxFolderDepth-1 {
				return fmt.Errorf("%w: %s: deeper than %d folders", ErrFolder, name, maxFolderDepth)
			}
			return nil
		case name == scopeFile:
			return nil
		}
		switch path.Ext(name) {
		case ".pem", ".crt", ".der", ".cer":
			if files = append(files, name); len(files) > maxFolderFiles {
				return fmt.Errorf("%w: more than %d files", ErrFolder, maxFolderFiles)
			}
		case ".md", ".txt":
		default:
			return fmt.Errorf("%w: %s: neither a certificate (.pem, .crt, .der, .cer) nor %s nor a text (.md, .txt)", ErrFolder, name, scopeFile)
		}
		return nil
	})
	return files, err
}

func readScopes(fsys fs.FS) (*scopes, error) {
	data, err := readBounded(fsys, scopeFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &scopes{}, nil
	}
	if err != nil {
		return nil, err
	}
	var out scopes
	if err := strictyaml.DecodeOver(data, &out); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFolder, scopeFile, err)
	}
	for _, key := range slices.Sorted(maps.Keys(out.Anchors)) {
		if _, err := path.Match(key, "x"); err != nil {
			return nil, fmt.Errorf("%w: %s: %q is no pattern", ErrFolder, scopeFile, key)
		}
		if err := out.Anchors[key].scope().check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", scopeFile, key, err)
		}
	}
	return &out, nil
}

func (y yamlScope) scope() Scope {
	return Scope(y)
}

// of finds the scope of a file and the key under which it stands, "" for none.
func (t *scopes) of(name string) (Scope, string, error) {
	if y, ok := t.Anchors[name]; ok {
		return y.scope(), name, nil
	}
	found := ""
	for _, key := range slices.Sorted(maps.Keys(t.Anchors)) {
		if ok, _ := path.Match(key, name); ok {
			if found != "" {
				return Scope{}, found, fmt.Errorf("%w: %s: %s fits both %q and %q", ErrFolder, scopeFile, name, found, key)
			}
			found = key
		}
	}
	return t.Anchors[found].scope(), found, nil
}

func readCertificates(fsys fs.FS, name string) ([]*pki.Certificate, error) {
	data, err := readBounded(fsys, name)
	if err != nil {
		return nil, err
	}
	switch path.Ext(name) {
	case ".der", ".cer":
		c, err := pki.ParseCertificate(data)
		if err != nil {
			return nil, err
		}
		return []*pki.Certificate{c}, nil
	}
	return pki.ParsePEM(data)
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes", ErrFolder, name, maxFileBytes)
	}
	return data, nil
}
