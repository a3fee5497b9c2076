package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"testing"
)

var benchPayload = []byte(`{"aud":"https://issuer.example.com/pid","iat":1781517600,"nonce":"AZ8mXK1EalYznwHLC1fBAo4LjpzsPENeOgxU"}`)

func benchKey(b *testing.B) *ecdsa.PrivateKey {
	return newKey(b, elliptic.P256()).(*ecdsa.PrivateKey)
}

func BenchmarkVerify(b *testing.B) {
	key := benchKey(b)
	jwk, _ := MarshalPublicKey(key.Public())
	token, err := Sign(key, map[string]any{"typ": "openid4vci-proof+jwt", "jwk": json.RawMessage(jwk)}, benchPayload, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare ecdsa", func(b *testing.B) {
		sum := sha256.Sum256(benchPayload)
		sig, _ := ecdsa.SignASN1(rand.Reader, key, sum[:])
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.VerifyASN1(&key.PublicKey, sum[:], sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Parse and Verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := Parse(token)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Verify(s.Header.JWK.Public); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	key := benchKey(b)
	b.Run("bare ecdsa", func(b *testing.B) {
		sum := sha256.Sum256(benchPayload)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ecdsa.SignASN1(rand.Reader, key, sum[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Signer", func(b *testing.B) {
		s, err := NewSigner(key, map[string]any{"typ": "x"})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Sign(benchPayload, rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Sign(key, map[string]any{"typ": "x"}, benchPayload, rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkJWE(b *testing.B) {
	key := encryptionKey(b, elliptic.P256(), "1")
	token, err := Encrypt(key, "A128GCM", nil, make([]byte, 4<<10), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Encrypt", func(b *testing.B) {
		for b.Loop() {
			if _, err := Encrypt(key, "A128GCM", nil, make([]byte, 4<<10), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Decrypt", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Decrypt(token, func(string) *Key { return key }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeJSON(b *testing.B) {
	var v struct {
		Aud   string `json:"aud"`
		Iat   int64  `json:"iat"`
		Nonce string `json:"nonce"`
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeJSON(benchPayload, &v); err != nil {
			b.Fatal(err)
		}
	}
}
