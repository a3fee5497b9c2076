package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestParseURI(t *testing.T) {
	good := map[string]map[string]string{
		"soft:path=/x/ds.key":                                {"path": "/x/ds.key"},
		"soft:path=/x/a%3Bb%20c.key":                         {"path": "/x/a;b c.key"},
		"pkcs11:token=state;object=ds?pin-source=/run/pin":   {"token": "state", "object": "ds", "pin-source": "/run/pin"},
		"pkcs11:token=state;object=ds;module-path=/lib/p.so": {"token": "state", "object": "ds", "module-path": "/lib/p.so"},
	}
	for in, want := range good {
		if u, err := ParseURI(in); err != nil || !maps.Equal(u.Attributes, want) || u.Scheme != in[:strings.Index(in, ":")] {
			t.Errorf("%s: %+v, %v", in, u, err)
		}
	}
	for _, in := range []string{
		"", "/x/ds.key", ":path=/x", "awskms:id=7", "SOFT:path=/x", "soft:path", "soft:=x", "soft:path=/a;path=/b", "soft:path=%zz",
		"pkcs11:token=a?pin-value=1234", "pkcs11:pin=1234", "soft:path=" + strings.Repeat("x", maxURI),
	} {
		u, err := ParseURI(in)
		if !errors.Is(err, ErrURI) || u.Attributes != nil {
			t.Errorf("%.40q: %+v, %v", in, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "1234") {
			t.Errorf("the error repeats a PIN: %v", err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("soft:path=/x/ds.key")
	f.Add("pkcs11:token=a;object=b?pin-source=/p")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil && (u.Scheme != "" || u.Attributes != nil || !errors.Is(err, ErrURI)) {
			t.Fatalf("%+v, %v", u, err)
		}
		if _, ok := u.Attributes["pin-value"]; ok {
			t.Fatal("a PIN was read")
		}
	})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// liar is a token that answers with something of its own.
type liar struct {
	crypto.Signer
	answer func(digest []byte) ([]byte, error)
}

func (l liar) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return l.answer(digest)
}

// TestBadInputs is group K as far as it concerns software.
func TestBadInputs(t *testing.T) {
	key, other := newKey(t), newKey(t)
	digest := sha256.Sum256([]byte("x"))
	zeroR, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int), big.NewInt(1)})
	if err != nil {
		t.Fatal(err)
	}
	lies := map[string]func([]byte) ([]byte, error){
		"K02/garbage":      func([]byte) ([]byte, error) { return []byte("signature"), nil },
		"K02/empty":        func([]byte) ([]byte, error) { return nil, nil },
		"K02/of_other_key": func(d []byte) ([]byte, error) { return other.Sign(rand.Reader, d, crypto.SHA256) },
		"K02/r_is_zero":    func([]byte) ([]byte, error) { return zeroR, nil },
		"K02/truncated": func(d []byte) ([]byte, error) {
			sig, err := key.Sign(rand.Reader, d, crypto.SHA256)
			return sig[:len(sig)-1], err
		},
		"K02/of_other_digest": func([]byte) ([]byte, error) {
			d := sha256.Sum256([]byte("y"))
			return key.Sign(rand.Reader, d[:], crypto.SHA256)
		},
	}
	for name, answer := range lies {
		t.Run(name, func(t *testing.T) {
			s, err := Checked(liar{key, answer})
			if err != nil {
				t.Fatal(err)
			}
			if sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, ErrSignature) || sig != nil {
				t.Errorf("released: %x, %v", sig, err)
			}
			if err := Prove(liar{key, answer}, certificateFor(t, key), rand.Reader); name != "K02/of_other_digest" && !errors.Is(err, ErrSignature) {
				t.Errorf("proved: %v", err)
			}
		})
	}
	t.Run("K02/honest", func(t *testing.T) {
		s, err := Checked(key)
		if err != nil {
			t.Fatal(err)
		}
		if sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
			t.Errorf("refused: %v", err)
		}
		if _, err := s.Sign(rand.Reader, digest[:31], crypto.SHA256); !errors.Is(err, ErrDigest) {
			t.Errorf("signed 31 bytes: %v", err)
		}
	})
	t.Run("K02/not_ecdsa", func(t *testing.T) {
		_, ed, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Checked(ed); !errors.Is(err, ErrSignature) {
			t.Errorf("wrapped: %v", err)
		}
	})
	t.Run("K04/certificate_of_other_key", func(t *testing.T) {
		if err := Prove(key, certificateFor(t, other), rand.Reader); !errors.Is(err, ErrSignature) {
			t.Errorf("proved: %v", err)
		}
		if err := Prove(key, certificateFor(t, key), rand.Reader); err != nil {
			t.Errorf("refused its own: %v", err)
		}
	})
	for name, tt := range map[string]struct {
		digest []byte
		opts   crypto.SignerOpts
	}{
		"K08/zero_bytes":     {nil, crypto.SHA256},
		"K08/not_hash_long":  {make([]byte, 20), crypto.SHA256},
		"K08/md5":            {make([]byte, 16), crypto.MD5},
		"K08/sha1":           {make([]byte, 20), crypto.SHA1},
		"K08/sha512_256":     {make([]byte, 32), crypto.SHA512_256},
		"K08/raw_message":    {[]byte("sign this"), crypto.Hash(0)},
		"K08/no_hash_named":  {make([]byte, 32), nil},
		"K08/longer_than_it": {make([]byte, 64), crypto.SHA384},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckDigest(tt.digest, tt.opts); !errors.Is(err, ErrDigest) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
}

func certificateFor(t *testing.T, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
