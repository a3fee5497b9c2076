package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/ceremony"
	"vidimus/internal/pki"
)

// acts is the folder of the acts that we ship.
var acts = filepath.Join("..", "..", "deploy", "ceremony")

// TestCeremonyDocument runs every command of docs/CEREMONY.md, in its order, with the
// acts that we ship: a first ceremony from nothing, a revocation, a new root. Each of
// the acts must have been done in the end.
func TestCeremonyDocument(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "CEREMONY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(document), -1) {
		script.WriteString(m[1])
	}
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join(acts, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no acts: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sh := exec.Command("sh", "-eux")
	sh.Dir, sh.Stdin = dir, strings.NewReader(script.String())
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kinds := map[string]bool{}
	for _, name := range names {
		act, err := ceremony.Load(filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		kinds[act.Act] = true
		if _, err := os.Stat(filepath.Join(dir, act.Transcript.Output)); err != nil {
			t.Errorf("docs/CEREMONY.md does not do %s: %v", filepath.Base(name), err)
		}
	}
	for _, k := range ceremony.Kinds() {
		if !kinds[k] {
			t.Errorf("no act of the kind %s is shipped", k)
		}
	}

	read := func(name string) *pki.Certificate {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		certs, err := pki.ParsePEM(text)
		if err != nil {
			t.Fatal(err)
		}
		return certs[0]
	}
	old, next := read("iaca-root.pem"), read("iaca-root-next.pem")
	if err := pki.VerifyLink(old, read("iaca-link-forward.pem"), next, next.NotBefore()); err != nil {
		t.Errorf("the link forward: %v", err)
	}
	if err := pki.VerifyLink(next, read("iaca-link-back.pem"), old, next.NotBefore()); err != nil {
		t.Errorf("the link back: %v", err)
	}
	ds := read("document-signer-mdl.pem")
	if _, err := pki.Validate([][]byte{ds.Raw}, []*pki.Certificate{old}, pki.PathOptions{Now: ds.NotBefore(), Purposes: pki.ProfileDocumentSignerMDL.ExtKeyUsages(), RequireEKU: true}); err != nil {
		t.Errorf("the signer of licences: %v", err)
	}
	ceremonyNames(t, dir, string(document))
	ceremonyOffice(t, dir)
	nothingSecret(t, dir, out)
}

// ceremonyNames holds the table of docs/CEREMONY.md, from names of the acts to those of
// the configurations that we ship, against both.
func ceremonyNames(t *testing.T, dir, document string) {
	t.Helper()
	there := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+\\.pem)` \\| `([a-z0-9-]+\\.pem)` \\|").FindAllStringSubmatch(document, -1) {
		there[m[2]] = true
		if _, err := os.Stat(filepath.Join(dir, m[1])); err != nil {
			t.Errorf("no act makes %s: %v", m[1], err)
		}
	}
	named := map[string]bool{}
	for _, name := range []string{"issuer.yaml", "signer.yaml"} {
		text, err := os.ReadFile(filepath.Join(acts, "..", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`/etc/vidimus/certs/([a-z0-9-]+\.pem)`).FindAllStringSubmatch(string(text), -1) {
			named[m[1]] = true
		}
	}
	if len(named) == 0 || !maps.Equal(there, named) {
		t.Errorf("docs/CEREMONY.md puts %v, the configurations name %v", slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(named)))
	}
}

// nothingSecret: bad input K13. What the program printed and wrote for others holds
// no identity and no private key.
func nothingSecret(t *testing.T, dir string, out []byte) {
	t.Helper()
	var secrets [][]byte
	private, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil || len(private) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	for _, name := range private {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, bytes.Split(text, []byte("\n"))[1])
	}
	secrets = append(secrets, []byte("AGE-SECRET-KEY"))
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".key") || strings.HasPrefix(d.Name(), "custodian-") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, s := range secrets {
			if bytes.Contains(text, s) {
				t.Errorf("%s holds a secret", d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if bytes.Contains(out, s) {
			t.Error("a secret was printed")
		}
	}
}
