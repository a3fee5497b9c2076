package cose

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"
)

// payloads have the size of a MobileSecurityObject with 30 digests.
const benchPayload = 2000

// BenchmarkVerify stands beside BenchmarkBareVerify, BenchmarkSign beside
// BenchmarkBareSign: the difference is the price of the envelope.
func BenchmarkVerify(b *testing.B) {
	key := signers(b)[ES256]
	data, err := SignSign1(key, make([]byte, benchPayload), SignOptions{Unprotected: map[any]any{33: make([]byte, 700)}}, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := ParseSign1(data)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(key.Public()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareVerify(b *testing.B) {
	key := signers(b)[ES256].(*ecdsa.PrivateKey)
	message := make([]byte, benchPayload)
	digest := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(message)
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParseSign1(b *testing.B) {
	key := signers(b)[ES256]
	data, err := SignSign1(key, make([]byte, benchPayload), SignOptions{Unprotected: map[any]any{33: make([]byte, 700)}}, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSign1(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	key := signers(b)[ES256]
	opt := SignOptions{Unprotected: map[any]any{33: make([]byte, 700)}}
	payload := make([]byte, benchPayload)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SignSign1(key, payload, opt, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareSign(b *testing.B) {
	key := signers(b)[ES256].(*ecdsa.PrivateKey)
	message := make([]byte, benchPayload)
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(message)
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseKey(b *testing.B) {
	data, err := MarshalKey(signers(b)[ES256].Public())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKey(data); err != nil {
			b.Fatal(err)
		}
	}
}
