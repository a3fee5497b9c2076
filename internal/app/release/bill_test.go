package release

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var built = debug.BuildInfo{
	GoVersion: "go1.26.8", Path: "vidimus/cmd/issuer", Main: debug.Module{Path: "vidimus", Version: "(devel)"},
	Deps: []*debug.Module{
		{Path: "go.yaml.in/yaml/v3", Version: "v3.0.6", Sum: "h1:yaml="},
		{Path: "github.com/a/b_c", Version: "v1.2.3+incompatible", Sum: "h1:abc="},
		{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new", Version: "v1.0.1", Sum: "h1:new="}},
	},
	Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "CGO_LDFLAGS", Value: "-L/home/somebody"}, {Key: "CGO_ENABLED", Value: "0"}},
}

// conforms holds a bill against what the JSON schema of SPDX 2.3 requires, and the text
// of the specification beyond it.
func conforms(t *testing.T, text []byte) (d document) {
	t.Helper()
	var loose map[string]any
	if err := json.Unmarshal(text, &loose); err != nil {
		t.Fatal(err)
	}
	needs := func(what string, m map[string]any, members ...string) {
		for _, name := range members {
			if s, ok := m[name]; !ok || s == "" || s == nil {
				t.Errorf("%s has no %s", what, name)
			}
		}
	}
	list := func(m map[string]any, name string) (out []map[string]any) {
		all, _ := m[name].([]any)
		for _, x := range all {
			o, ok := x.(map[string]any)
			if !ok {
				t.Fatalf("%s: %v", name, x)
			}
			out = append(out, o)
		}
		return out
	}
	needs("the document", loose, "SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace", "packages", "relationships")
	needs("creationInfo", loose["creationInfo"].(map[string]any), "created", "creators")
	ids := map[string]bool{documentID: true}
	for _, p := range list(loose, "packages") {
		needs("a package", p, "SPDXID", "name", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText")
		id, _ := p["SPDXID"].(string)
		if ids[id] || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(id) {
			t.Errorf("identifier %q", id)
		}
		ids[id] = true
		for _, r := range list(p, "externalRefs") {
			needs("a reference", r, "referenceCategory", "referenceLocator", "referenceType")
		}
		for _, c := range list(p, "checksums") {
			needs("a checksum", c, "algorithm", "checksumValue")
		}
	}
	described := 0
	for _, r := range list(loose, "relationships") {
		needs("a relationship", r, "spdxElementId", "relatedSpdxElement", "relationshipType")
		if !ids[r["spdxElementId"].(string)] || !ids[r["relatedSpdxElement"].(string)] {
			t.Errorf("a relationship of what is not there: %v", r)
		}
		if r["relationshipType"] == "DESCRIBES" {
			described++
		}
	}
	if described != 1 || len(list(loose, "relationships")) != len(ids)-1 {
		t.Errorf("%d relationships, %d describe, for %d packages", len(list(loose, "relationships")), described, len(ids)-1)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05Z", d.Creation.Created); err != nil || d.Version != "SPDX-2.3" || d.DataLicense != "CC0-1.0" {
		t.Errorf("head: %+v, %v", d.Creation, err)
	}
	return d
}

func TestBill(t *testing.T) {
	text, err := bill(&built, "issuer", strings.Repeat("ab", 32), "v1", time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	d := conforms(t, text)
	var purls []string
	for _, p := range d.Packages {
		for _, r := range p.References {
			purls = append(purls, r.Locator+" "+p.SourceInfo)
		}
	}
	want := []string{"pkg:golang/stdlib@1.26.8 ", "pkg:golang/go.yaml.in/yaml/v3@v3.0.6 go.sum h1:yaml=",
		"pkg:golang/github.com/a/b_c@v1.2.3%2Bincompatible go.sum h1:abc=", "pkg:golang/example.org/new@v1.0.1 go.sum h1:new="}
	if !slices.Equal(purls, want) {
		t.Errorf("modules: %q", purls)
	}
	if p := d.Packages[0]; p.Comment != "CGO_ENABLED=0 GOOS=linux" || p.Checksums[0].Value != strings.Repeat("ab", 32) || d.Creation.Created != "2027-01-15T08:00:00Z" {
		t.Errorf("program: %+v", p)
	}
	if strings.Contains(string(text), "/home/") {
		t.Error("a path of the machine stands in it")
	}
	folder := built
	folder.Deps = []*debug.Module{{Path: "example.org/here", Version: "(devel)"}}
	if _, err := bill(&folder, "issuer", "", "", time.Time{}); !errors.Is(err, ErrProgram) {
		t.Errorf("a module without a checksum: %v", err)
	}
	folder.Deps = []*debug.Module{{Path: "a.b/c_d", Sum: "h1:"}, {Path: "a.b/c-d", Sum: "h1:"}}
	if _, err := bill(&folder, "issuer", "", "", time.Time{}); !errors.Is(err, ErrProgram) {
		t.Errorf("two modules with one name: %v", err)
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Bill(path, "", time.Time{}); !errors.Is(err, ErrProgram) {
		t.Errorf("no program: %v", err)
	}
}
