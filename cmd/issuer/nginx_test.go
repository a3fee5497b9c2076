package main

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/jose"
)

// webServer is what of the nginx example concerns files.
type webServer struct {
	root      string
	locations []location
}

type location struct {
	exact string         // "" when it is a pattern
	form  *regexp.Regexp // with the group list
	types map[string]string
	files string // of try_files
}

// readNginx takes the example apart. It knows what the example uses: every
// line is a directive that ends in ; or opens or closes a block.
func readNginx(text string) (webServer, error) {
	var w webServer
	var in *location
	depth := 0
	for n, raw := range strings.Split(text, "\n") {
		line := strings.TrimSpace(raw)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "types {") && strings.HasSuffix(line, "}"):
			for _, pair := range strings.Split(strings.Trim(strings.TrimPrefix(line, "types"), " {}"), ";") {
				if words := strings.Fields(pair); len(words) == 2 && in != nil {
					in.types[words[1]] = words[0]
				}
			}
			continue
		case strings.HasSuffix(line, "{"):
			depth++
			words := strings.Fields(strings.TrimSuffix(line, "{"))
			if words[0] != "location" {
				continue
			}
			l := location{types: map[string]string{}}
			switch words[1] {
			case "=":
				l.exact = words[2]
			case "~":
				form, err := regexp.Compile(words[2])
				if err != nil {
					return w, fmt.Errorf("line %d: %w", n+1, err)
				}
				l.form = form
			}
			w.locations = append(w.locations, l)
			in = &w.locations[len(w.locations)-1]
		case line == "}":
			if depth--; depth < 0 {
				return w, fmt.Errorf("line %d: a } too many", n+1)
			}
		case !strings.HasSuffix(line, ";"):
			return w, fmt.Errorf("line %d: no ; at the end of %q", n+1, line)
		default:
			words := strings.Fields(strings.TrimSuffix(line, ";"))
			if words[0] == "root" {
				w.root = words[1]
			}
			if words[0] == "try_files" && in != nil {
				in.files = words[1]
			}
		}
	}
	if depth != 0 {
		return w, fmt.Errorf("%d blocks are not closed", depth)
	}
	return w, nil
}

// serve finds the file of an address, and its media type.
func (w webServer) serve(address, form string) (file, mediaType string) {
	for _, l := range w.locations {
		file := l.files
		switch {
		case l.exact == address && l.exact != "":
		case l.form != nil && l.form.MatchString(address):
			file = strings.NewReplacer("$list_form", form, "$list", l.form.FindStringSubmatch(address)[1]).Replace(file)
		default:
			continue
		}
		return file, l.types[strings.TrimPrefix(path.Ext(file), ".")]
	}
	return "", ""
}

func TestNginxExample(t *testing.T) {
	w, err := readNginx(blocks(t, "nginx")[0])
	if err != nil || w.root == "" || len(w.locations) != 9 {
		t.Fatalf("%+v, %v", w, err)
	}
	for _, list := range []string{"/crl/iaca.crl", "/crl/iaca-2.crl", "/crl/readers.crl", "/crl/operations.crl"} { // which no manifest names
		if file, mediaType := w.serve(list, ""); file != list || mediaType != "application/pkix-crl" {
			t.Errorf("%s gives %q as %q", list, file, mediaType)
		}
	}
	for address, want := range map[string][2]string{"/trust/vical": {"/trust/vical.cbor", "application/cwt"}, "/trust/pid-providers": {"/trust/pid-providers.jwt", "application/jose"}} {
		if file, mediaType := w.serve(address, ""); file != want[0] || mediaType != want[1] {
			t.Errorf("%s gives %q as %q", address, file, mediaType)
		}
	}
	for file, want := range map[string]string{"/certificates/document-signers.json": "application/json", "/certificates/document-signers.pem": "application/x-pem-file"} {
		if got, mediaType := w.serve(file, ""); got != file || mediaType != want {
			t.Errorf("%s gives %q as %q", file, got, mediaType)
		}
	}
	for _, broken := range []string{"server {\n listen 443\n}", "server {", "}"} {
		if _, err := readNginx(broken); err == nil {
			t.Errorf("%q is read", broken)
		}
	}
}

// nginx FOLDER holds the example of docs/OPERATIONS.md against published
// files: each address leads to its file, under its media type.
func nginx(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "OPERATIONS.md"))
	ts.Check(err)
	m := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindSubmatch(text)
	w, err := readNginx(string(m[1]))
	ts.Check(err)
	var manifest struct {
		Files []struct {
			Path      string `json:"path"`
			URI       string `json:"uri"`
			MediaType string `json:"media_type"`
			Version   uint64 `json:"version"`
			IssuedAt  int64  `json:"iat"`
			Expires   int64  `json:"exp"`
			Size      int    `json:"size"`
			SHA256    string `json:"sha256"`
			ETag      string `json:"etag"`
		} `json:"files"`
	}
	members, err := jose.Members([]byte(ts.ReadFile(args[0] + "/manifest.json")))
	ts.Check(err)
	ts.Check(jose.DecodeJSON([]byte(`{"files":`+string(members["files"])+`}`), &manifest))
	if len(manifest.Files) < 3 {
		ts.Fatalf("only %d files", len(manifest.Files))
	}
	for _, f := range manifest.Files {
		u, err := url.Parse(f.URI)
		ts.Check(err)
		file, mediaType := w.serve(u.Path, strings.TrimPrefix(path.Ext(f.Path), "."))
		if file != "/"+f.Path || mediaType != f.MediaType {
			ts.Fatalf("%s gives %q as %q, want %s as %s", f.URI, file, mediaType, f.Path, f.MediaType)
		}
	}
}
