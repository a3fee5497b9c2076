package cose

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

func TestKeyRoundTrip(t *testing.T) {
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		t.Run(name, func(t *testing.T) {
			// Some coordinates start with a zero byte: the width must not shrink.
			for range 40 {
				priv, err := ecdsa.GenerateKey(curve, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				data, err := MarshalKey(&priv.PublicKey)
				if err != nil {
					t.Fatal(err)
				}
				key, err := ParseKey(data)
				if err != nil {
					t.Fatal(err)
				}
				if !priv.PublicKey.Equal(key.Public) || key.Compressed {
					t.Fatalf("%x read as another key", data)
				}
				pub, err := key.ECDH()
				if err != nil {
					t.Fatal(err)
				}
				again, err := MarshalKey(pub)
				if err != nil || !bytes.Equal(again, data) {
					t.Fatalf("%x, %v", again, err)
				}
				if findings := cbor.Lint(data); findings != nil {
					t.Fatal(findings)
				}
				entries, err := cbor.MapEntries(data)
				if err != nil || len(entries) != 4 {
					t.Fatalf("%x", data)
				}
				y := byte(0xf4) + data[len(data)-1]&1
				compressed := append(bytes.Clone(data[:len(data)-len(entries[3].Value)]), y)
				key, err = ParseKey(compressed)
				if err != nil {
					t.Fatal(err)
				}
				if !priv.PublicKey.Equal(key.Public) || !key.Compressed {
					t.Fatalf("%x read as another key", compressed)
				}
			}
		})
	}
}

func TestOKPKeys(t *testing.T) {
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := MarshalKey(edwards)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(data)
	if err != nil {
		t.Fatal(err)
	}
	if !edwards.Equal(key.Public) {
		t.Error("other Ed25519 key")
	}
	if _, err := key.ECDH(); !errors.Is(err, ErrKey) {
		t.Errorf("Ed25519 key for agreement: %v", err)
	}
	montgomery, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = MarshalKey(montgomery.PublicKey()); err != nil {
		t.Fatal(err)
	}
	if key, err = ParseKey(data); err != nil {
		t.Fatal(err)
	}
	if pub, err := key.ECDH(); err != nil || !pub.Equal(montgomery.PublicKey()) {
		t.Errorf("other X25519 key, %v", err)
	}
	if _, err := AlgorithmFor(key.Public); !errors.Is(err, ErrUnsupported) {
		t.Errorf("algorithm of X25519: %v", err)
	}
}

func TestMarshalKeyRefuses(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key  any
		want error
	}{
		"P-224":   {&p224.PublicKey, ErrUnsupported},
		"private": {p256, ErrUnsupported},
		"value":   {p256.PublicKey, ErrUnsupported},
		"short":   {ed25519.PublicKey{1}, ErrKey},
		"nil":     {nil, ErrUnsupported},
	} {
		if data, err := MarshalKey(c.key); !errors.Is(err, c.want) || data != nil {
			t.Errorf("%s: %x, %v", name, data, err)
		}
	}
}

// Refusals name what is missing, so that an operator knows.
func TestUnsupportedIsNamed(t *testing.T) {
	for name, data := range map[string][]byte{
		"brainpoolP256r1": cbor.MustMarshal(map[int]any{1: 2, -1: 256, -2: make([]byte, 32), -3: make([]byte, 32)}),
		"Ed448":           cbor.MustMarshal(map[int]any{1: 1, -1: 7, -2: make([]byte, 57)}),
	} {
		if _, err := ParseKey(data); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	message := cbor.MustMarshal([]any{cbor.MustMarshal(map[int]int{1: -265}), map[int]int{}, []byte{}, []byte{}})
	if _, err := ParseSign1(message); err == nil || !strings.Contains(err.Error(), "brainpoolP256r1") {
		t.Errorf("%v does not name the curve", err)
	}
}
