package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// RFC 7518 appendix C: the whole way from two keys to the derived one.
func TestConcatKDF(t *testing.T) {
	alice, err := ParseKey([]byte(`{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps","d":"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"}`))
	if err != nil {
		t.Fatal(err)
	}
	bob, err := ParsePublicKey([]byte(`{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}`))
	if err != nil {
		t.Fatal(err)
	}
	private, err := alice.Private.(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	public, err := bob.agreement("")
	if err != nil {
		t.Fatal(err)
	}
	z, err := private.ECDH(public)
	if err != nil {
		t.Fatal(err)
	}
	if got := EncodeBase64URL(concatKDF(z, "A128GCM", []byte("Alice"), []byte("Bob"), 16)); got != "VqqN6vgjbSBcIijNcacQGg" {
		t.Errorf("derived key = %s", got)
	}
}

type foreignToken struct {
	Alg, Enc, Token, Text, Thumbprint string
	JWK                               json.RawMessage
}

func readTokens(t testing.TB) (jws, jwe []foreignToken) {
	t.Helper()
	data, err := os.ReadFile("testdata/jwx/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ JWS, JWE []foreignToken }
	if err := json.Unmarshal(data, &v); err != nil || len(v.JWS) != 12 || len(v.JWE) != 12 {
		t.Fatalf("%d and %d vectors, %v", len(v.JWS), len(v.JWE), err)
	}
	return v.JWS, v.JWE
}

// Tokens of another library, so that two mistakes of ours cannot cancel out.
func TestTokensOfAnotherLibrary(t *testing.T) {
	jws, jwe := readTokens(t)
	for _, c := range jws {
		k, err := ParseKey(c.JWK)
		if err != nil {
			t.Fatal(err)
		}
		if tp, err := Thumbprint(k.Public); err != nil || hex.EncodeToString(tp) != c.Thumbprint {
			t.Errorf("%s: thumbprint %x, %v", c.Alg, tp, err)
		}
		s, err := Parse(c.Token)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyKey(k, c.Alg); err != nil || string(s.Payload) != c.Text {
			t.Errorf("%s: %v, %s", c.Alg, err, s.Payload)
		}
	}
	for _, c := range jwe {
		k, err := ParseKey(c.JWK)
		if err != nil {
			t.Fatal(err)
		}
		text, h, err := Decrypt(c.Token, func(kid string) *Key {
			if kid != "k1" {
				t.Errorf("kid = %q", kid)
			}
			return k
		}, c.Enc)
		if err != nil || string(text) != c.Text || h.Algorithm != c.Alg {
			t.Errorf("%s: %v, %s", c.Enc, err, text)
		}
	}
}

func encryptionKey(t testing.TB, curve elliptic.Curve, kid string) *Key {
	t.Helper()
	private := newKey(t, curve).(*ecdsa.PrivateKey)
	return &Key{Public: &private.PublicKey, Private: private, KeyID: kid, Use: "enc", Algorithm: algECDHES}
}

func TestEncryptAndDecrypt(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		for enc := range contentKeySize {
			key := encryptionKey(t, curve, "key 1")
			token, err := Encrypt(key, enc, map[string]any{"cty": "json", "apu": "QUI", "apv": ""}, []byte(`{"a":1}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, h, err := Decrypt(token, func(kid string) *Key { return map[string]*Key{"key 1": key}[kid] })
			if err != nil || string(text) != `{"a":1}` || h.KeyID != "key 1" || h.ContentType != "json" {
				t.Errorf("%s: %q, %+v, %v", enc, text, h, err)
			}
			other := encryptionKey(t, curve, "key 1")
			if text, _, err := Decrypt(token, func(string) *Key { return other }); !errors.Is(err, ErrDecrypt) || text != nil {
				t.Errorf("%s: another key: %v", enc, err)
			}
			again, err := Encrypt(key, enc, nil, nil, nil)
			if err != nil || again == token {
				t.Errorf("empty text: %v", err)
			}
			if text, _, err := Decrypt(again, func(string) *Key { return key }); err != nil || len(text) != 0 {
				t.Errorf("empty text: %q, %v", text, err)
			}
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	key := encryptionKey(t, elliptic.P256(), "")
	signing := *key
	signing.Use, signing.Algorithm = "sig", "ES256"
	for name, c := range map[string]struct {
		key    *Key
		enc    string
		header map[string]any
		want   error
	}{
		"no key":          {nil, "A128GCM", nil, ErrKey},
		"enc":             {key, "A128CBC-HS256", nil, ErrUnsupported},
		"zip":             {key, "A128GCM", map[string]any{"zip": "DEF"}, ErrUnsupported},
		"signature key":   {&signing, "A128GCM", nil, ErrKey},
		"Ed25519":         {&Key{Public: newKey(t, nil).Public()}, "A128GCM", nil, ErrUnsupported},
		"apu not base64":  {key, "A128GCM", map[string]any{"apu": "="}, ErrMalformed},
		"apv too long":    {key, "A128GCM", map[string]any{"apv": strings.Repeat("A", 4*maxPartyInfo)}, ErrLimit},
		"header too long": {key, "A128GCM", map[string]any{"x": strings.Repeat("A", maxJWEHeader)}, ErrLimit},
	} {
		if token, err := Encrypt(c.key, c.enc, c.header, nil, nil); !errors.Is(err, c.want) || token != "" {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
