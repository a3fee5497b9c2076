package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
)

// newKey makes a key on a curve, nil for Ed25519.
func newKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	if curve == nil {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignAndVerify(t *testing.T) {
	for _, a := range algorithms {
		t.Run(a.name, func(t *testing.T) {
			key := newKey(t, a.curve)
			der := []byte{0x30, 0x03, 0x02, 0x01, 0x07}
			jwk, err := MarshalPublicKey(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			header := map[string]any{"alg": a.name, "typ": "test+jwt", "kid": "k<1>", "x5c": [][]byte{der}, "jwk": json.RawMessage(jwk), "more": 7}
			token, err := Sign(key, header, []byte(`{"sub":"x"}`), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(key.Public()); err != nil {
				t.Error(err)
			}
			if err := s.Verify(key.Public(), a.name); err != nil {
				t.Error(err)
			}
			if err := s.Verify(key.Public(), "ES257"); !errors.Is(err, ErrUnsupported) {
				t.Errorf("outside the caller's list: %v", err)
			}
			h := s.Header
			if h.Algorithm != a.name || h.Type != "test+jwt" || h.KeyID != "k<1>" || len(h.X5C) != 1 || string(h.X5C[0]) != string(der) {
				t.Errorf("header = %+v", h)
			}
			if !strings.Contains(string(h.Raw), "k<1>") || string(h.Members["more"]) != "7" {
				t.Errorf("raw header = %s", h.Raw)
			}
			if h.JWK == nil || !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(h.JWK.Public) {
				t.Errorf("jwk = %+v", h.JWK)
			}
			if string(s.Payload) != `{"sub":"x"}` || s.Token != token {
				t.Errorf("payload = %s", s.Payload)
			}
			if err := s.Verify(newKey(t, a.curve).Public()); !errors.Is(err, ErrSignature) {
				t.Errorf("another key: %v", err)
			}
			for _, b := range algorithms {
				if (b.curve == nil) == (a.curve == nil) && b.curve == a.curve {
					continue
				}
				if err := s.Verify(newKey(t, b.curve).Public()); !errors.Is(err, ErrKey) {
					t.Errorf("key for %s: %v", b.name, err)
				}
			}
		})
	}
}

// RFC 6979 appendix A.2.5 by way of a nil rand: the same input gives the same token.
func TestSignWithoutRandomIsDeterministic(t *testing.T) {
	key := newKey(t, elliptic.P256())
	a, err := Sign(key, nil, []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Sign(key, nil, []byte("x"), nil)
	if err != nil || a != b {
		t.Errorf("%v: %s != %s", err, a, b)
	}
}

// Every length of r and s that DER can shorten comes out at full length.
func TestRawSignature(t *testing.T) {
	for _, size := range []int{32, 48, 66} {
		for shift := range 8 * size {
			r := new(big.Int).Lsh(big.NewInt(1), uint(shift))
			s := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*size-shift)), big.NewInt(1))
			want := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
			der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 2*size)
			if err := rawSignature(got, der); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d, %d: %x, %v", size, shift, got, err)
			}
			if back := appendDER(nil, got); !bytes.Equal(back, der) {
				t.Fatalf("%d, %d: %x is not %x", size, shift, back, der)
			}
		}
	}
}

func TestSignerIsUsedAgain(t *testing.T) {
	key := newKey(t, elliptic.P256())
	s, err := NewSigner(key, map[string]any{"typ": "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"", "a", "{}"} {
		token, err := s.Sign([]byte(payload), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(token)
		if err != nil || p.Verify(key.Public()) != nil || string(p.Payload) != payload || p.Header.Type != "x" {
			t.Errorf("%q: %v", payload, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	key := newKey(t, elliptic.P256())
	for name, c := range map[string]struct {
		signer crypto.Signer
		header map[string]any
		want   error
	}{
		"no signer":       {nil, nil, ErrKey},
		"other alg":       {key, map[string]any{"alg": "ES384"}, ErrKey},
		"alg none":        {key, map[string]any{"alg": "none"}, ErrKey},
		"crit":            {key, map[string]any{"crit": []string{"exp"}}, ErrUnsupported},
		"b64":             {key, map[string]any{"b64": false}, ErrUnsupported},
		"zip":             {key, map[string]any{"zip": "DEF"}, ErrUnsupported},
		"unmarshalable":   {key, map[string]any{"x": func() {}}, ErrMalformed},
		"too large":       {key, map[string]any{"x": strings.Repeat("x", maxHeader)}, ErrLimit},
		"P-224":           {newKey(t, elliptic.P224()), nil, ErrUnsupported},
		"lying signer":    {liar{key, []byte("signature")}, nil, ErrKey},
		"negative r":      {liar{key, []byte{0x30, 6, 2, 1, 0xff, 2, 1, 1}}, nil, ErrKey},
		"zero r":          {liar{key, []byte{0x30, 6, 2, 1, 0, 2, 1, 1}}, nil, ErrKey},
		"padded r":        {liar{key, []byte{0x30, 7, 2, 2, 0, 1, 2, 1, 1}}, nil, ErrKey},
		"long form":       {liar{key, []byte{0x30, 0x81, 6, 2, 1, 1, 2, 1, 1}}, nil, ErrKey},
		"one integer":     {liar{key, []byte{0x30, 3, 2, 1, 1}}, nil, ErrKey},
		"three integers":  {liar{key, []byte{0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1}}, nil, ErrKey},
		"short":           {liar{key, []byte{0x30, 9, 2, 1, 1}}, nil, ErrKey},
		"r too long":      {liar{key, append([]byte{0x30, 38, 2, 33, 1}, append(make([]byte, 32), 2, 1, 1)...)}, nil, ErrKey},
		"empty answer":    {liar{key, nil}, nil, ErrKey},
		"trailing in DER": {liar{key, []byte{0x30, 6, 2, 1, 1, 2, 1, 1, 0}}, nil, ErrKey},
	} {
		token, err := Sign(c.signer, c.header, nil, rand.Reader)
		if !errors.Is(err, c.want) || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
}

// liar is a signer that answers with fixed octets.
type liar struct {
	crypto.Signer
	answer []byte
}

func (l liar) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return l.answer, nil }

func TestParseLimit(t *testing.T) {
	token, err := Sign(newKey(t, elliptic.P256()), nil, make([]byte, 100), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(token, len(token)); err != nil {
		t.Error(err)
	}
	if s, err := Parse(token, len(token)-1); !errors.Is(err, ErrLimit) || s != nil {
		t.Errorf("one byte over: %v", err)
	}
}

// The digest of a token is that of its octets, and there is none of a token
// that does not verify or has another hash.
func TestVerifyWithDigest(t *testing.T) {
	for _, a := range algorithms {
		key := newKey(t, a.curve)
		token, err := Sign(key, map[string]any{"alg": a.name}, []byte(`{"sub":"x"}`), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		want, refused := sha256.Sum256([]byte(token)), a.hash != crypto.SHA256
		if got, err := s.VerifyWithDigest(key.Public()); (err != nil) != refused || !refused && got != want {
			t.Errorf("%s: %x, %v", a.name, got, err)
		}
		s.Signature[3] ^= 1
		if got, err := s.VerifyWithDigest(key.Public()); err == nil || got != [32]byte{} {
			t.Errorf("%s, a wrong signature: %x, %v", a.name, got, err)
		}
	}
}
