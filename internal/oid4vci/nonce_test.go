package oid4vci

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

var nonceKey = bytes.Repeat([]byte{7}, 32)

func codec(t testing.TB, scope string, keys ...[]byte) *NonceCodec {
	t.Helper()
	c, err := NewNonceCodec(scope, 5*time.Minute, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNonceCodec(t *testing.T) {
	c := codec(t, issuer, nonceKey)
	seen := map[string]bool{}
	for range 100 {
		n, err := c.New(now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		id, expires, err := c.Check(n, now)
		if err != nil || len(id) != 16 || !expires.Equal(now.Add(5*time.Minute)) || seen[n] || seen[string(id)] {
			t.Fatalf("%s: %x, %v, %v", n, id, expires, err)
		}
		seen[n], seen[string(id)] = true, true
	}
	// A fixed source gives a fixed nonce: the form must not change under nonces that are out there.
	n, err := c.New(now, bytes.NewReader(make([]byte, 16)))
	if err != nil || len(n) != nonceText {
		t.Fatal(err)
	}
	const want = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAai_OTNp2hytyWa_d94sdYcnHPLk"
	if n != want {
		t.Errorf("nonce = %s", n)
	}
	if _, err := c.New(now, bytes.NewReader(nil)); err == nil {
		t.Error("a nonce without randomness")
	}
	for name, make := range map[string]func() (*NonceCodec, error){
		"no key":      func() (*NonceCodec, error) { return NewNonceCodec(issuer, time.Minute) },
		"short key":   func() (*NonceCodec, error) { return NewNonceCodec(issuer, time.Minute, nonceKey[:31]) },
		"no lifetime": func() (*NonceCodec, error) { return NewNonceCodec(issuer, 0, nonceKey) },
	} {
		if c, err := make(); err == nil || c != nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestBadInputsNonce(t *testing.T) {
	c := codec(t, issuer, nonceKey)
	good, err := c.New(now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := jose.DecodeBase64URL(good)
	flipped := func(i int) string {
		b := bytes.Clone(raw)
		b[i] ^= 1
		return jose.EncodeBase64URL(b)
	}
	foreign, _ := codec(t, "https://issuer.example.com/other", nonceKey).New(now, rand.Reader)
	otherKey, _ := codec(t, issuer, bytes.Repeat([]byte{8}, 32)).New(now, rand.Reader)
	cases := map[string]string{
		"C02/other_issuer":   foreign,
		"C02/other_key":      otherKey,
		"C02/truncated":      good[:len(good)-1],
		"C02/truncated_MAC":  jose.EncodeBase64URL(raw[:nonceBody]),
		"C02/longer":         good + "A",
		"C02/padded":         good + "=",
		"C02/empty":          "",
		"C02/1_MiB":          strings.Repeat("A", 1<<20),
		"C02/right_length":   strings.Repeat("A", nonceText),
		"C02/newline":        good[:nonceText-1] + "\n",
		"C02/not_base64url":  strings.Repeat("+", nonceText),
		"C02/other_version":  flipped(0),
		"C02/later_expiry":   flipped(nonceBody - 4),
		"C02/random_flipped": flipped(1),
		"C02/MAC_flipped":    flipped(nonceSize - 1),
	}
	for id, nonce := range cases {
		t.Run(id, func(t *testing.T) {
			got, expires, err := c.Check(nonce, now)
			if !errors.Is(err, &problem.Error{Kind: problem.InvalidNonce}) || got != nil || !expires.IsZero() {
				t.Errorf("%x, %v, %v", got, expires, err)
			}
		})
	}
	t.Run("C02/every_bit", func(t *testing.T) {
		for i := range raw {
			if _, _, err := c.Check(flipped(i), now); err == nil {
				t.Errorf("octet %d may change", i)
			}
		}
	})
	t.Run("C02/expired", func(t *testing.T) {
		for offset, fine := range map[time.Duration]bool{0: true, 299 * time.Second: true, 300 * time.Second: false, 301 * time.Second: false} {
			if _, _, err := c.Check(good, now.Add(offset)); (err == nil) != fine {
				t.Errorf("%v: %v", offset, err)
			}
		}
	})
	t.Run("C03/after_a_restart", func(t *testing.T) {
		// Another codec with the same key is what a restart leaves.
		if _, _, err := codec(t, issuer, nonceKey).Check(good, now); err != nil {
			t.Error(err)
		}
		rotated := codec(t, issuer, bytes.Repeat([]byte{9}, 32), nonceKey)
		if _, _, err := rotated.Check(good, now); err != nil {
			t.Errorf("after a change of key: %v", err)
		}
		young, _ := rotated.New(now, rand.Reader)
		if _, _, err := c.Check(young, now); err == nil {
			t.Error("the new key does not make the nonces")
		}
	})
	t.Run("C04/no_state", func(t *testing.T) {
		before := *c
		for range 1000 {
			if _, err := c.New(now, rand.Reader); err != nil {
				t.Fatal(err)
			}
		}
		if c.scope != before.scope || len(c.keys) != len(before.keys) {
			t.Error("making nonces changes the codec")
		}
	})
}

func FuzzNonceCheck(f *testing.F) {
	c := codec(f, issuer, nonceKey)
	// Fixed, because the fuzzer's processes must agree on it.
	good, err := c.New(now, bytes.NewReader(make([]byte, nonceRandom)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, nonce string) {
		if id, _, err := c.Check(nonce, now); err == nil && nonce != good {
			t.Errorf("forged: %x", id)
		}
	})
}

func BenchmarkNonce(b *testing.B) {
	c := codec(b, issuer, nonceKey)
	n, _ := c.New(now, rand.Reader)
	b.Run("New", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.New(now, rand.Reader)
		}
	})
	b.Run("Check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := c.Check(n, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}
