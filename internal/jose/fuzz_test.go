package jose

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oneKind fails unless err matches exactly one sentinel.
func oneKind(t *testing.T, err error) {
	t.Helper()
	n := 0
	for _, kind := range []error{ErrMalformed, ErrLimit, ErrUnsupported, ErrSignature, ErrKey, ErrDecrypt} {
		if errors.Is(err, kind) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%v matches %d sentinels", err, n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rfc7515Token)
	f.Add(rfc8037Token)
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json"} {
		for _, g := range readWycheproof(f, name).TestGroups {
			for _, v := range g.Tests {
				f.Add(compact(v.JWS))
			}
		}
	}
	key := newKey(f, elliptic.P256())
	f.Fuzz(func(t *testing.T, token string) {
		s, err := Parse(token)
		if err != nil {
			if s != nil {
				t.Error("refused with a result")
			}
			oneKind(t, err)
			return
		}
		again := EncodeBase64URL(s.Header.Raw) + "." + EncodeBase64URL(s.Payload) + "." + EncodeBase64URL(s.Signature)
		if again != token || !strings.HasPrefix(token, s.SigningInput+".") {
			t.Errorf("%q was accepted, its one spelling is %q", token, again)
		}
		// The library, were it asked, must see the algorithm that we saw.
		var h struct{ Alg string }
		if err := json.Unmarshal(s.Header.Raw, &h); err != nil || h.Alg != s.Header.Algorithm {
			t.Errorf("alg %q or %q: %v", s.Header.Algorithm, h.Alg, err)
		}
		if err := s.Verify(key.Public()); err == nil {
			t.Error("verifies with a key that never signed")
		} else {
			oneKind(t, err)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	files, _ := filepath.Glob("testdata/jsontestsuite/*.json")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil && len(data) < 4<<10 {
			f.Add(data)
		}
	}
	f.Add([]byte(`{"alg":"x","exp":1,"next":{"list":[{"any":1}]},"Alg":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if err := DecodeJSON(data, &v); err != nil {
			oneKind(t, err)
			if v != nil {
				t.Error("refused with a result")
			}
		} else {
			if !sameAsLibrary(data, v) {
				t.Errorf("encoding/json reads something else than %v", v)
			}
			if name := duplicate(json.NewDecoder(bytes.NewReader(data))); name != "" {
				t.Errorf("duplicate member %q", name)
			}
			if m, err := Members(data); err == nil {
				o, _ := v.(map[string]any)
				if len(m) != len(o) {
					t.Errorf("%d members, not %d", len(m), len(o))
				}
			}
		}
		// Into a struct: what we accept, the library accepts with the same result.
		var ours, theirs sample
		if err := DecodeJSON(data, &ours); err != nil {
			oneKind(t, err)
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&theirs); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(ours)
		b, _ := json.Marshal(theirs)
		if !bytes.Equal(a, b) {
			t.Errorf("%s is not %s", a, b)
		}
	})
}

// duplicate finds a name that an object has twice, by the library's own tokens.
func duplicate(d *json.Decoder) string {
	token, err := d.Token()
	if err != nil {
		return ""
	}
	switch token {
	case json.Delim('['):
		for d.More() {
			if name := duplicate(d); name != "" {
				return name
			}
		}
		d.Token()
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			name, _ := d.Token()
			text, _ := name.(string)
			if seen[text] {
				return text
			}
			seen[text] = true
			if name := duplicate(d); name != "" {
				return name
			}
		}
		d.Token()
	}
	return ""
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte(rfc7515Key))
	f.Add([]byte(rfc8037Key))
	for _, g := range readWycheproof(f, "json_web_signature_test.json").TestGroups {
		f.Add([]byte(g.Public))
		f.Add([]byte(g.Private))
	}
	f.Fuzz(func(t *testing.T, jwk []byte) {
		k, err := ParseKey(jwk)
		if err != nil {
			oneKind(t, err)
			if k != nil {
				t.Error("refused with a result")
			}
			return
		}
		text, err := MarshalPublicKey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePublicKey(text)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := Thumbprint(k.Public)
		b, _ := Thumbprint(again.Public)
		if len(a) != 32 || !bytes.Equal(a, b) {
			t.Errorf("thumbprints %x and %x", a, b)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	// Saved tokens of one key, because the fuzzer's processes must agree on them.
	_, vectors := readTokens(f)
	key, err := ParseKey(vectors[0].JWK)
	if err != nil {
		f.Fatal(err)
	}
	good := map[string]bool{}
	for _, v := range vectors {
		f.Add(v.Token)
		good[v.Token] = true
	}
	for _, g := range readWycheproof(f, "json_web_encryption_test.json").TestGroups {
		for _, v := range g.Tests {
			f.Add(compact(v.JWE))
		}
	}
	f.Fuzz(func(t *testing.T, token string) {
		text, h, err := Decrypt(token, func(string) *Key { return key })
		if err != nil {
			oneKind(t, err)
			if text != nil || h.Raw != nil {
				t.Error("refused with a result")
			}
			return
		}
		if !good[token] {
			t.Errorf("%q opens with a key for which it was not made", token)
		}
	})
}
