//go:build release

package release

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// source copies what git knows of this tree, as it lies there now.
func source(t *testing.T, to string) {
	t.Helper()
	top := filepath.Join("..", "..", "..")
	list, err := exec.Command("git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if !strings.HasSuffix(name, ".go") && filepath.Dir(name) != "." && !strings.Contains(name, "internal/") {
			continue // no part of a program
		}
		info, err := os.Stat(filepath.Join(top, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		data, err2 := os.ReadFile(filepath.Join(top, name))
		if err := errors.Join(err, err2, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command in a folder and gives what it said.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// Two folders, one hash; and what was built is what its bill and its list say, to other
// people's tools too.
func TestBuild(t *testing.T) {
	top := t.TempDir()
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	keyFile, publicFile := filepath.Join(top, "release.key"), filepath.Join(top, "release.pem")
	if err := errors.Join(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.WriteFile(publicFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644)); err != nil {
		t.Fatal(err)
	}
	env := []string{"VERSION=v0", "SOURCE_DATE_EPOCH=1800000000"}
	folders := []string{filepath.Join(top, "a"), filepath.Join(top, "another folder", "with a longer name")}
	for i, dir := range folders {
		source(t, dir)
		cache := env
		if i > 0 && os.Getenv("RELEASE") == "full" {
			// What one folder compiled is nothing to the other: two minutes.
			cache = append(cache, "GOCACHE="+t.TempDir())
		}
		t.Logf("%s: %s", dir, run(t, dir, cache, "./build.sh", "out", keyFile))
	}
	lists := make([][]byte, 2)
	for i, dir := range folders {
		if lists[i], err = os.ReadFile(filepath.Join(dir, "out", Sums)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(lists[0], lists[1]) {
		t.Errorf("two folders, two builds:\n%s\n%s", lists[0], lists[1])
	}
	t.Logf("%s", lists[0])
	out := filepath.Join(folders[0], "out")
	if names, err := Verify(out, &key.PublicKey); err != nil || len(names) != 8 {
		t.Errorf("%v, %v", names, err)
	}
	run(t, out, nil, "sha256sum", "--check", "--strict", Sums)
	run(t, out, nil, "openssl", "dgst", "-sha256", "-verify", publicFile, "-signature", Signature, Sums)

	sum, err := os.ReadFile(filepath.Join(folders[0], "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"issuer", "signer", "verifier", "wallet"} {
		text, err := os.ReadFile(filepath.Join(out, program+".spdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		d := conforms(t, text)
		if !strings.Contains(string(lists[0]), d.Packages[0].Checksums[0].Value+"  "+program+"\n") || d.Creation.Created != "2027-01-15T08:00:00Z" {
			t.Errorf("%s: its bill is of another program, or day", program)
		}
		for _, p := range d.Packages[2:] {
			if line := p.Name + " " + p.Version + " " + strings.TrimPrefix(p.SourceInfo, "go.sum ") + "\n"; !strings.Contains(string(sum), line) {
				t.Errorf("%s: go.sum has no %q", program, line)
			}
		}
		binary, err := os.ReadFile(filepath.Join(out, program))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range append(folders, os.Getenv("HOME")+"/") {
			if bytes.Contains(binary, []byte(dir)) {
				t.Errorf("%s names the folder %s", program, dir)
			}
		}
	}
}
