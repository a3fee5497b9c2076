package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSealAndVerify(t *testing.T) {
	key, other := newKey(t), newKey(t)
	for name, tt := range map[string]struct {
		change func(dir string) error
		key    *ecdsa.PublicKey
		want   error
	}{
		"as signed":       {func(string) error { return nil }, &key.PublicKey, nil},
		"other key":       {func(string) error { return nil }, &other.PublicKey, ErrSignature},
		"no key":          {func(string) error { return nil }, nil, ErrSignature},
		"changed file":    {func(dir string) error { return put(dir, "issuer", "another") }, &key.PublicKey, ErrFiles},
		"missing file":    {func(dir string) error { return os.Remove(filepath.Join(dir, "signer")) }, &key.PublicKey, ErrFiles},
		"one more":        {func(dir string) error { return put(dir, "more", "x") }, &key.PublicKey, ErrFiles},
		"a folder":        {func(dir string) error { return os.Mkdir(filepath.Join(dir, "more"), 0o755) }, &key.PublicKey, ErrFiles},
		"strange name":    {func(dir string) error { return put(dir, "a\nb", "x") }, &key.PublicKey, ErrFiles},
		"no signature":    {func(dir string) error { return os.Remove(filepath.Join(dir, Signature)) }, &key.PublicKey, ErrSignature},
		"empty signature": {func(dir string) error { return put(dir, Signature, "") }, &key.PublicKey, ErrSignature},
		"long signature":  {func(dir string) error { return put(dir, Signature, strings.Repeat("x", 1000)) }, &key.PublicKey, ErrSignature},
		"no list":         {func(dir string) error { return os.Remove(filepath.Join(dir, Sums)) }, &key.PublicKey, ErrManifest},
		"long list":       {func(dir string) error { return put(dir, Sums, strings.Repeat("x", maxManifest+1)) }, &key.PublicKey, ErrManifest},
		"made anew": {func(dir string) error {
			return errors.Join(put(dir, "issuer", "another"), Seal(dir, other, rand.Reader))
		}, &key.PublicKey, ErrSignature},
		"without a key": {func(dir string) error { return Seal(dir, nil, nil) }, &key.PublicKey, ErrSignature},
		"link": {func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "signer")), os.Symlink("issuer", filepath.Join(dir, "signer")))
		}, &key.PublicKey, ErrFiles},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(put(dir, "issuer", "program"), put(dir, "signer", "program too"), Seal(dir, key, rand.Reader), tt.change(dir)); err != nil {
				t.Fatal(err)
			}
			names, err := Verify(dir, tt.key)
			if !errors.Is(err, tt.want) || (err == nil) != slices.Equal(names, []string{"issuer", "signer"}) {
				t.Errorf("%v, %v", names, err)
			}
		})
	}
	if err := Seal(t.TempDir(), key, rand.Reader); !errors.Is(err, ErrFiles) {
		t.Errorf("nothing was signed: %v", err)
	}
}

func put(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestPublicKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, kind string, key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := put(dir, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	key := newKey(t)
	if got, err := PublicKey(write("good", "PUBLIC KEY", key.Public())); err != nil || !got.Equal(key.Public()) {
		t.Errorf("%v, %v", got, err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{write("kind", "CERTIFICATE", key.Public()), write("curve", "PUBLIC KEY", p521.Public()), filepath.Join(dir, "none")} {
		if got, err := PublicKey(path); err == nil || got != nil {
			t.Errorf("%s was taken", path)
		}
	}
}

// What is read is written back byte for byte, and never by two texts.
func FuzzParse(f *testing.F) {
	sum := strings.Repeat("0f", 32)
	for _, s := range []string{"", sum + "  issuer\n", sum + "  a\n" + sum + "  b\n", sum + "  b\n" + sum + "  a\n", sum + "  a\n" + sum + "  a\n",
		sum + " *a\n", sum + "  ../a\n", sum + "  a", strings.ToUpper(sum) + "  a\n", sum + "  a\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parse(data)
		if err != nil {
			if !errors.Is(err, ErrManifest) || got != nil {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		again, err := parse(format(got))
		if err != nil || !maps.Equal(got, again) || !bytes.Equal(format(got), data) {
			t.Fatalf("%q is read as %v", data, got)
		}
	})
}
