package jose

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// The rule for every Wycheproof file of this test: a vector that is valid with
// an algorithm or key type outside our list (alg of the token, alg or kty of
// its JWK) must be refused with ErrUnsupported; every other one must come out
// as the vector says.

type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Comment   string          `json:"comment"`
		Public    json.RawMessage `json:"public"`
		Private   json.RawMessage `json:"private"`
		PublicJWK json.RawMessage `json:"publicKeyJwk"`
		Tests     []struct {
			ID      int             `json:"tcId"`
			Comment string          `json:"comment"`
			Result  string          `json:"result"`
			Flags   []string        `json:"flags"`
			JWS     json.RawMessage `json:"jws"`
			JWE     json.RawMessage `json:"jwe"`
			PT      string          `json:"pt"`
			Msg     string          `json:"msg"`
			Sig     string          `json:"sig"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func readWycheproof(t testing.TB, name string) *wycheproof {
	t.Helper()
	data, err := os.ReadFile("../../testdata/wycheproof/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var w wycheproof
	if err := json.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range w.TestGroups {
		n += len(g.Tests)
	}
	if n == 0 || n != w.NumberOfTests {
		t.Fatalf("%s: %d tests, it says %d", name, n, w.NumberOfTests)
	}
	return &w
}

// compact gives the token, and the JSON text itself for the vectors in JSON
// serialization, which is what a confused caller would hand us.
func compact(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

// ours says whether alg and key of the vector are on our list.
func ours(token string, jwk json.RawMessage) bool {
	var k struct{ Kty, Crv, Alg string }
	if json.Unmarshal(jwk, &k) != nil {
		return false
	}
	known := map[string]bool{"": true, "ES256": true, "ES384": true, "ES512": true, "EdDSA": true, "Ed25519": true, "ECDH-ES": true}
	var h struct {
		Alg, Enc string
		Zip      any
	}
	head, _, _ := bytes.Cut([]byte(token), []byte("."))
	text, err := DecodeBase64URL(string(head))
	if err != nil || json.Unmarshal(text, &h) != nil {
		return false
	}
	encOK := h.Enc == "" || h.Enc == "A128GCM" || h.Enc == "A256GCM"
	return (k.Kty == "EC" || k.Kty == "OKP") && known[k.Alg] && known[h.Alg] && h.Alg != "" && encOK && h.Zip == nil
}

type tally struct{ accepted, refused, unsupported int }

// judge holds the outcome of a vector against the rule above.
func (c *tally) judge(t *testing.T, id int, comment, result string, supported bool, err error) {
	t.Helper()
	switch {
	case result == "valid" && supported:
		c.accepted++
		if err != nil {
			t.Errorf("%d %s: valid, yet %v", id, comment, err)
		}
	case result == "valid":
		c.unsupported++
		if !errors.Is(err, ErrUnsupported) {
			t.Errorf("%d %s: outside the list, yet %v", id, comment, err)
		}
	default:
		c.refused++
		if err == nil {
			t.Errorf("%d %s: accepted", id, comment)
		}
	}
}

func (c *tally) report(t *testing.T, name string, want tally) {
	t.Logf("%s: %d as the vector says (%d accepted, %d refused), %d valid ones refused as unsupported",
		name, c.accepted+c.refused, c.accepted, c.refused, c.unsupported)
	if *c != want {
		t.Errorf("%s: %+v, want %+v", name, *c, want)
	}
}

// verifyWith is what a caller with one JWK, or a set of them, does.
func verifyWith(token string, jwk json.RawMessage) error {
	if bytes.Contains(jwk, []byte(`"keys"`)) {
		_, err := ParseKeySet(jwk)
		return err // no set of these files has a key of ours alone
	}
	k, err := ParseKey(jwk)
	if err != nil {
		return err
	}
	s, err := Parse(token)
	if err != nil {
		return err
	}
	return s.VerifyKey(k)
}

func TestWycheproofJWS(t *testing.T) {
	var c tally
	for _, g := range readWycheproof(t, "json_web_signature_test.json").TestGroups {
		jwk := g.Public
		if jwk == nil {
			jwk = g.Private
		}
		for _, v := range g.Tests {
			token := compact(v.JWS)
			c.judge(t, v.ID, v.Comment, v.Result, ours(token, jwk), verifyWith(token, jwk))
		}
	}
	c.report(t, "JWS", tally{accepted: 2, refused: 355, unsupported: 44})
}

func TestWycheproofJWK(t *testing.T) {
	var c tally
	for _, g := range readWycheproof(t, "json_web_key_test.json").TestGroups {
		set := g.Public
		if set == nil {
			set = g.Private
		}
		for _, v := range g.Tests {
			err := func() error {
				keys, err := ParseKeySet(set)
				if err != nil {
					return err
				}
				s, err := Parse(compact(v.JWS))
				if err != nil {
					return err
				}
				for _, k := range keys {
					if k.KeyID == s.Header.KeyID {
						return s.VerifyKey(k)
					}
				}
				return ErrKey
			}()
			c.judge(t, v.ID, v.Comment, v.Result, false, err) // each valid one is RSA or oct
		}
	}
	c.report(t, "JWK", tally{refused: 21, unsupported: 5})
}

func TestWycheproofJWE(t *testing.T) {
	var c tally
	for _, g := range readWycheproof(t, "json_web_encryption_test.json").TestGroups {
		for _, v := range g.Tests {
			token := compact(v.JWE)
			k, err := ParseKey(g.Private)
			var got []byte
			// A token of a kind that we do not do is refused before its key matters.
			got, _, derr := Decrypt(token, func(string) *Key { return k })
			if err == nil {
				err = derr
			}
			supported := ours(token, g.Private)
			c.judge(t, v.ID, v.Comment, v.Result, supported, err)
			if want, _ := hex.DecodeString(v.PT); supported && v.Result == "valid" && !bytes.Equal(got, want) {
				t.Errorf("%d %s: plaintext %x, want %x", v.ID, v.Comment, got, want)
			}
			if v.Result == "valid" && !supported && !errors.Is(derr, ErrUnsupported) {
				t.Errorf("%d %s: the token alone must be refused as unsupported: %v", v.ID, v.Comment, derr)
			}
			if derr != nil && got != nil {
				t.Errorf("%d %s: refused with a plaintext", v.ID, v.Comment)
			}
		}
	}
	c.report(t, "JWE", tally{accepted: 2, refused: 74, unsupported: 63})
}

// The mixed file: keys and tokens of both kinds.
func TestWycheproofCrypto(t *testing.T) {
	var c tally
	for _, g := range readWycheproof(t, "json_web_crypto_test.json").TestGroups {
		for _, v := range g.Tests {
			jwk := g.Public
			if jwk == nil || v.JWE != nil {
				jwk = g.Private
			}
			var err error
			token := compact(v.JWS)
			if v.JWE != nil {
				token = compact(v.JWE)
				k, kerr := ParseKey(jwk)
				if _, _, err = Decrypt(token, func(string) *Key { return k }); kerr != nil {
					err = kerr
				}
			} else {
				err = verifyWith(token, jwk)
			}
			c.judge(t, v.ID, v.Comment, v.Result, ours(token, jwk), err)
		}
	}
	c.report(t, "JOSE mixed", tally{accepted: 1, refused: 77, unsupported: 5})
}

// The raw r||s vectors reach every edge of the DER that is built from them.
func TestWycheproofRawSignatures(t *testing.T) {
	for name, want := range map[string]string{
		"ecdsa_secp256r1_sha256_p1363_test.json": "ES256",
		"ecdsa_secp384r1_sha384_p1363_test.json": "ES384",
		"ecdsa_secp521r1_sha512_p1363_test.json": "ES512",
		"ed25519_test.json":                      "EdDSA",
	} {
		var c tally
		for _, g := range readWycheproof(t, name).TestGroups {
			k, err := ParsePublicKey(g.PublicJWK)
			if err != nil && g.PublicJWK != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if k == nil {
				continue // a group without JWK
			}
			for _, v := range g.Tests {
				msg, _ := hex.DecodeString(v.Msg)
				sig, err := hex.DecodeString(v.Sig)
				if err != nil {
					t.Fatal(err)
				}
				s := &Signed{Header: Header{Algorithm: want}, SigningInput: string(msg), Signature: sig}
				c.judge(t, v.ID, v.Comment, v.Result, true, s.Verify(k.Public))
			}
		}
		t.Logf("%s: %d accepted, %d refused", name, c.accepted, c.refused)
		if c.accepted < 50 || c.refused < 50 {
			t.Errorf("%s: %+v: hardly a vector ran", name, c)
		}
	}
}
