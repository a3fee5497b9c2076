package soft

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/keys"
)

func TestCreateAndOpen(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		t.Run(curve.Params().Name, func(t *testing.T) {
			dir := t.TempDir()
			m := New(dir)
			made, err := m.Create(t.Context(), "soft:path=ca/ds.key", curve)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "ca", "ds.key")
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("mode %v, %v", info.Mode(), err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, uri := range []string{"soft:path=ca/ds.key", "soft:path=" + path} {
				s, err := m.Signer(t.Context(), uri)
				if err != nil {
					t.Fatal(err)
				}
				if !made.Public().(*ecdsa.PublicKey).Equal(s.Public()) {
					t.Error("another key came back")
				}
				digest := sha256.Sum256([]byte("x"))
				sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
				if err != nil || !ecdsa.VerifyASN1(s.Public().(*ecdsa.PublicKey), digest[:], sig) {
					t.Errorf("signature: %v", err)
				}
			}
			if _, err := m.Create(t.Context(), "soft:path=ca/ds.key", curve); !errors.Is(err, fs.ErrExist) {
				t.Errorf("created over a key: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the key file changed: %v", err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBadInputs is K10 and its neighbours: refused at start, with a remedy.
func TestBadInputs(t *testing.T) {
	dir := t.TempDir()
	m := New(dir)
	if _, err := m.Create(t.Context(), "soft:path=good.key", elliptic.P256()); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "good.key"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, mode fs.FileMode, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // past the umask
			t.Fatal(err)
		}
		return "soft:path=" + name
	}
	if err := os.Symlink(filepath.Join(dir, "good.key"), filepath.Join(dir, "link.key")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.key"), 0o700); err != nil {
		t.Fatal(err)
	}
	block := func(kind string, key any) []byte {
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0}})
	old := pem.EncodeToMemory(&pem.Block{Type: pemType, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: make([]byte, 48)})
	for _, tt := range []struct {
		name, uri, text string
		want            error
	}{
		{"K10/world_readable", write("a.key", 0o604, good), "chmod 600", ErrFile},
		{"K10/group_readable", write("b.key", 0o640, good), "chmod 600", ErrFile},
		{"K10/group_writable", write("c.key", 0o620, good), "chmod 600", ErrFile},
		{"K10/symlink", "soft:path=link.key", "symbolic link", ErrFile},
		{"K10/folder", "soft:path=folder.key", "folder", ErrFile},
		{"K10/encrypted", write("d.key", 0o600, encrypted), "ENCRYPTED", ErrFile},
		{"K10/no_passphrase_is_asked_for", write("l.key", 0o600, encrypted), "openssl pkcs8 -topk8 -nocrypt", ErrFile},
		{"K10/encrypted_as_of_old", write("m.key", 0o600, old), "openssl pkcs8 -topk8 -nocrypt", ErrFile},
		{"K10/sec1", write("e.key", 0o600, block("EC PRIVATE KEY", p521)), "openssl pkcs8", ErrFile},
		{"K10/empty", write("f.key", 0o600, nil), "no PEM", ErrFile},
		{"K10/two_keys", write("g.key", 0o600, append(append([]byte{}, good...), good...)), "more than one", ErrFile},
		{"K10/garbage", write("h.key", 0o600, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: []byte("secret bytes")})), "PKCS#8", ErrFile},
		{"K10/huge", write("i.key", 0o600, make([]byte, maxFile+1)), "at most", ErrFile},
		{"K10/p521", write("j.key", 0o600, block(pemType, p521)), "", ErrCurve},
		{"K10/rsa", write("k.key", 0o600, block(pemType, rsaKey)), "", ErrCurve},
		{"K10/missing", "soft:path=nothing.key", "", fs.ErrNotExist},
		{"K10/outside_the_folder", "soft:path=../good.key", "below", keys.ErrURI},
		{"K10/no_path", "soft:", "soft:path=FILE", keys.ErrURI},
		{"K10/unknown_attribute", "soft:path=good.key;mode=0644", "attribute", keys.ErrURI},
		{"K10/pkcs11_not_here", "pkcs11:token=state;object=ds", "signer build", keys.ErrURI},
		{"K10/unknown_scheme", "vault:path=good.key", "unknown scheme", keys.ErrURI},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := m.Signer(t.Context(), tt.uri)
			if !errors.Is(err, tt.want) || s != nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("opened: %v", err)
			}
		})
	}
	t.Run("K10/relative_without_folder", func(t *testing.T) {
		if _, err := New("").Signer(t.Context(), "soft:path=good.key"); !errors.Is(err, keys.ErrURI) {
			t.Errorf("opened: %v", err)
		}
	})
	t.Run("K10/create_through_symlink", func(t *testing.T) {
		if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "dangling.key")); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Create(t.Context(), "soft:path=dangling.key", elliptic.P256()); !errors.Is(err, fs.ErrExist) {
			t.Errorf("created: %v", err)
		}
	})
	t.Run("K10/create_on_p521", func(t *testing.T) {
		if _, err := m.Create(t.Context(), "soft:path=p521.key", elliptic.P521()); !errors.Is(err, ErrCurve) {
			t.Errorf("created: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "p521.key")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file was left behind: %v", err)
		}
	})
	t.Run("K08/not_a_digest", func(t *testing.T) {
		s, err := m.Signer(t.Context(), "soft:path=good.key")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range [][]byte{nil, make([]byte, 16), make([]byte, 33)} {
			if _, err := s.Sign(rand.Reader, d, crypto.SHA256); !errors.Is(err, keys.ErrDigest) {
				t.Errorf("signed %d bytes: %v", len(d), err)
			}
		}
	})
	t.Run("K06/random_source_fails", testRandomSource)
	t.Run("K13/key_in_output", testKeyInOutput)
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.Signer(ctx, "soft:path=good.key"); !errors.Is(err, context.Canceled) {
			t.Errorf("opened: %v", err)
		}
		if _, err := m.Create(ctx, "soft:path=new.key", elliptic.P256()); !errors.Is(err, context.Canceled) {
			t.Errorf("created: %v", err)
		}
	})
}

type constant struct{}

func (constant) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// testRandomSource: a source that repeats must not make a nonce repeat, which
// would give the key away to whoever sees two signatures.
func testRandomSource(t *testing.T) {
	s, err := New(t.TempDir()).Create(t.Context(), "soft:path=k.key", elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 1000 {
		digest := sha256.Sum256([]byte(fmt.Sprint(i)))
		raw, err := s.Sign(constant{}, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(raw, &sig); err != nil {
			t.Fatal(err)
		}
		if seen[sig.R.String()] {
			t.Fatalf("signature %d repeats a nonce", i)
		}
		seen[sig.R.String()] = true
	}
}

// testKeyInOutput is a canary: the private scalar in no form of printing.
func testKeyInOutput(t *testing.T) {
	s, err := New(t.TempDir()).Create(t.Context(), "soft:path=k.key", elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.(*signer).key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	held := struct{ Key crypto.Signer }{s}
	out := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v", s, s, s, s, s, s, s, held, held) + string(asJSON)
	n := new(big.Int).SetBytes(d)
	for _, canary := range []string{hex.EncodeToString(d), n.String(), n.Text(16), fmt.Sprint(d)} {
		if strings.Contains(strings.ToLower(out), canary) {
			t.Errorf("the key shows: %s", out)
		}
	}
	if !strings.Contains(out, "soft key") {
		t.Errorf("nothing to tell keys apart by: %s", out)
	}
}
