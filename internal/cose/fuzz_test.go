package cose

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vidimus/internal/cbor"
)

// seed adds the messages of the COSE working group.
func seed(f *testing.F) {
	files, err := filepath.Glob("testdata/cose-wg/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no examples")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var e example
		if err := json.Unmarshal(data, &e); err != nil {
			f.Fatal(err)
		}
		message, err := hex.DecodeString(e.Output.CBOR)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
}

// sentinel reports whether err matches one of the package's.
func sentinel(err error) bool {
	return errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrSignature) || errors.Is(err, ErrKey)
}

// invariants of a header that was accepted.
func checkHeader(t *testing.T, h Header, protected []byte) {
	if !bytes.Equal(h.Protected, protected) {
		t.Fatal("protected header is not as received")
	}
	if _, ok := h.UnprotectedByLabel[LabelAlgorithm]; ok {
		t.Fatal("alg unprotected")
	}
	for label := range h.UnprotectedByLabel {
		if _, both := h.ProtectedByLabel[label]; both {
			t.Fatalf("label %v in both headers", label)
		}
	}
	if len(h.X5Chain) > MaxChain || h.X5T != nil && len(h.X5Chain) > 0 && !h.X5T.Matches(h.X5Chain[0]) {
		t.Fatal("chain")
	}
}

// FuzzParseSign1: a refusal returns nothing and a sentinel; what is accepted
// keeps the received bytes, and in deterministic form is rebuilt from its parts.
func FuzzParseSign1(f *testing.F) {
	seed(f)
	key := signers(f)[ES256]
	for _, opt := range []SignOptions{
		{Tagged: true, Protected: map[any]any{16: "typ", 3: 42}},
		{Detached: true, Unprotected: map[any]any{33: [][]byte{{1}, {2}}, 4: []byte("k")}},
	} {
		data, err := SignSign1(key, []byte("payload"), opt, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSign1(data)
		if err != nil {
			if s != nil || !sentinel(err) {
				t.Fatalf("%v, %v", s, err)
			}
			return
		}
		checkHeader(t, s.Header, s.ProtectedBytes)
		if !s.Header.Algorithm.signature() {
			t.Fatalf("alg %v", s.Header.Algorithm)
		}
		if cbor.Lint(data) == nil {
			again := assemble(s.Tagged, tagSign1, s.ProtectedBytes, unprotectedOf(t, s.Header), s.Payload, s.Signature)
			if !bytes.Equal(again, data) {
				t.Fatalf("%x rebuilt as %x", data, again)
			}
		}
		if err := s.Verify(key.Public()); err != nil && !sentinel(err) {
			t.Fatal(err)
		}
	})
}

// FuzzParseMac0: likewise.
func FuzzParseMac0(f *testing.F) {
	seed(f)
	key := bytes.Repeat([]byte{7}, 32)
	data, err := Mac0Detached(key, []byte("payload"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMac0(data)
		if err != nil {
			if m != nil || !sentinel(err) {
				t.Fatalf("%v, %v", m, err)
			}
			return
		}
		checkHeader(t, m.Header, m.ProtectedBytes)
		if m.Header.Algorithm != HMAC256 {
			t.Fatalf("alg %v", m.Header.Algorithm)
		}
		if cbor.Lint(data) == nil {
			again := assemble(m.Tagged, tagMac0, m.ProtectedBytes, unprotectedOf(t, m.Header), m.Payload, m.MAC)
			if !bytes.Equal(again, data) {
				t.Fatalf("%x rebuilt as %x", data, again)
			}
		}
		if err := m.Verify(key); err != nil && !sentinel(err) {
			t.Fatal(err)
		}
	})
}

func unprotectedOf(t *testing.T, h Header) cbor.RawMessage {
	data, err := cbor.Marshal(h.UnprotectedByLabel)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzParseKey: an accepted key is written again with the same labels, agrees on
// a secret if it can, and reads back as itself.
func FuzzParseKey(f *testing.F) {
	for _, signer := range signers(f) {
		data, err := MarshalKey(signer.Public())
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(data))
		f.Add(append(bytes.Clone(data[:len(data)/2]), 0xf5))
	}
	f.Add(cbor.MustMarshal(map[int]any{1: 1, -1: 4, -2: make([]byte, 32)}))
	f.Add(cbor.MustMarshal(map[int]any{1: 2, -1: 1, -2: make([]byte, 32), -3: true, 2: []byte("kid")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ParseKey(data)
		if err != nil {
			if key != nil || !sentinel(err) {
				t.Fatalf("%v, %v", key, err)
			}
			return
		}
		again, err := MarshalKey(key.Public)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := cbor.MapEntries(data)
		if err != nil {
			t.Fatal(err)
		}
		if !key.Compressed && len(entries) <= 4 && cbor.Lint(data) == nil && len(again) == len(data) && !bytes.Equal(again, data) {
			t.Fatalf("%x written again as %x", data, again)
		}
		back, err := ParseKey(again)
		if err != nil {
			t.Fatal(err)
		}
		third, err := MarshalKey(back.Public)
		if err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%x, %v", third, err)
		}
		if _, err := key.ECDH(); err != nil && !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
	})
}
