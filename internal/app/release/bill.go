// Package release makes and checks what goes out beside our programs: a bill of
// materials for each (SPDX 2.3 in JSON, from what the Go linker wrote into the
// program), and one list of the SHA-256 of every file, signed.
//
// Start with Bill, Seal and Verify. The same programs give the same bytes: nothing
// here asks for the time, the machine or the folder.
package release

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// ErrProgram is for a file that is no Go program with module information.
var ErrProgram = errors.New("not a Go program that names its modules")

// SPDX 2.3, the members that we write; names as its JSON schema has them.
type document struct {
	SPDXID            string         `json:"SPDXID"`
	Version           string         `json:"spdxVersion"`
	Creation          creation       `json:"creationInfo"`
	Name              string         `json:"name"`
	DataLicense       string         `json:"dataLicense"`
	DocumentNamespace string         `json:"documentNamespace"`
	Packages          []component    `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type component struct {
	SPDXID           string      `json:"SPDXID"`
	Name             string      `json:"name"`
	Version          string      `json:"versionInfo,omitempty"`
	FileName         string      `json:"packageFileName,omitempty"`
	Purpose          string      `json:"primaryPackagePurpose,omitempty"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	References       []reference `json:"externalRefs,omitempty"`
	SourceInfo       string      `json:"sourceInfo,omitempty"`
	Comment          string      `json:"comment,omitempty"`
	LicenseConcluded string      `json:"licenseConcluded"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	Copyright        string      `json:"copyrightText"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const (
	documentID  = "SPDXRef-DOCUMENT"
	programID   = "SPDXRef-Program"
	noAssertion = "NOASSERTION"
)

// told are the settings of a build that say what is in the program, and nothing of
// the machine that made it.
var told = []string{"-tags", "-trimpath", "-compiler", "CGO_ENABLED", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFIPS140", "GOOS"}

// Bill gives the bill of materials of a program: itself, the Go release whose standard
// library it has, and every module in it with the checksum that go.sum has for it.
// version names the program, and created stands in it, both as given: a build that is
// to be the same again gives the same.
func Bill(path, version string, created time.Time) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a program: %w", err)
	}
	defer f.Close()
	info, err := buildinfo.Read(f)
	if err != nil || info.Main.Path == "" {
		return nil, fmt.Errorf("%w: %s", ErrProgram, path)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return nil, fmt.Errorf("reading a program: %w", err)
	}
	return bill(info, filepath.Base(path), hex.EncodeToString(hash.Sum(nil)), version, created)
}

func bill(info *debug.BuildInfo, name, sum, version string, created time.Time) ([]byte, error) {
	var settings []string
	for _, s := range info.Settings {
		if slices.Contains(told, s.Key) {
			settings = append(settings, s.Key+"="+s.Value)
		}
	}
	slices.Sort(settings)
	d := document{
		SPDXID: documentID, Version: "SPDX-2.3", Name: name, DataLicense: "CC0-1.0",
		DocumentNamespace: "urn:vidimus:sbom:" + url.PathEscape(name) + ":" + sum,
		Creation:          creation{created.UTC().Format("2006-01-02T15:04:05Z"), []string{"Tool: vidimus-release"}},
		Packages: []component{{
			SPDXID: programID, Name: info.Path, Version: version, FileName: name, Purpose: "APPLICATION", Checksums: []checksum{{"SHA256", sum}},
			Comment: strings.Join(settings, " "),
		}, module("SPDXRef-Go", "stdlib", strings.TrimPrefix(info.GoVersion, "go"), "")},
		Relationships: []relationship{{documentID, "DESCRIBES", programID}, {programID, "STATIC_LINK", "SPDXRef-Go"}},
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Sum == "" {
			return nil, fmt.Errorf("%w: %s %s has no checksum: it was built from a folder of this machine", ErrProgram, m.Path, m.Version)
		}
		c := module("SPDXRef-Module-"+idOf(m.Path), m.Path, m.Version, m.Sum)
		if slices.ContainsFunc(d.Packages, func(o component) bool { return o.SPDXID == c.SPDXID }) {
			return nil, fmt.Errorf("%w: two modules are %s", ErrProgram, c.SPDXID)
		}
		d.Packages = append(d.Packages, c)
		d.Relationships = append(d.Relationships, relationship{programID, "STATIC_LINK", c.SPDXID})
	}
	for i := range d.Packages {
		p := &d.Packages[i]
		p.DownloadLocation, p.LicenseConcluded, p.LicenseDeclared, p.Copyright = noAssertion, noAssertion, noAssertion, noAssertion
	}
	out, err := json.MarshalIndent(d, "", "  ")
	return append(out, '\n'), err
}

// module is a row for a module. Its checksum is that of go.sum, a hash over the hashes
// of its files (dirhash h1), and of no archive: SPDX has no name for that, so it stands
// in words.
func module(id, path, version, sum string) component {
	c := component{SPDXID: id, Name: path, Version: version, Purpose: "LIBRARY",
		References: []reference{{"PACKAGE-MANAGER", "purl", packageURL(path, version)}}}
	if sum != "" {
		c.SourceInfo = "go.sum " + sum
	}
	return c
}

// packageURL names a Go module as the purl specification does: path elements and
// version percent-encoded one by one.
func packageURL(path, version string) string {
	elements := strings.Split(path, "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return "pkg:golang/" + strings.Join(elements, "/") + "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]`)

// idOf makes of a module path what SPDX takes in an identifier.
func idOf(path string) string { return notInID.ReplaceAllString(path, "-") }
