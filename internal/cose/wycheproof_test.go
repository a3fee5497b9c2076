package cose

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"vidimus/internal/cbor"
)

// bytesHex is hexadecimal text in the files of Project Wycheproof.
type bytesHex []byte

func (b *bytesHex) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	decoded, err := hex.DecodeString(text)
	*b = decoded
	return err
}

// wycheproof reads a file of testdata/wycheproof; G is the type of its groups.
func wycheproof[G any](t testing.TB, name string) []G {
	t.Helper()
	data, err := os.ReadFile("../../testdata/wycheproof/" + name + "_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []G `json:"testGroups"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.TestGroups) == 0 {
		t.Fatalf("%s: no groups", name)
	}
	return file.TestGroups
}

type signatureGroup struct {
	PublicKey struct {
		Uncompressed bytesHex `json:"uncompressed"`
		PK           bytesHex `json:"pk"`
	} `json:"publicKey"`
	Tests []struct {
		ID      int      `json:"tcId"`
		Comment string   `json:"comment"`
		Msg     bytesHex `json:"msg"`
		Sig     bytesHex `json:"sig"`
		Result  string   `json:"result"`
	} `json:"tests"`
}

// Signatures in the form of COSE, r || s, through ParseKey and verify.
func TestWycheproofSignatures(t *testing.T) {
	for _, file := range []struct {
		name  string
		alg   Algorithm
		crv   int
		tests int
	}{
		{"ecdsa_secp256r1_sha256_p1363", ES256, 1, 262},
		{"ecdsa_secp384r1_sha384_p1363", ES384, 2, 280},
		{"ecdsa_secp521r1_sha512_p1363", ES512, 3, 318},
		{"ed25519", EdDSA, 6, 151},
	} {
		t.Run(file.name, func(t *testing.T) {
			ran := 0
			for _, group := range wycheproof[signatureGroup](t, file.name) {
				var encoded []byte
				if file.crv == crvEd25519 {
					encoded = cbor.MustMarshal(map[int]any{1: 1, -1: file.crv, -2: []byte(group.PublicKey.PK)})
				} else {
					encoded = ec2(file.crv, group.PublicKey.Uncompressed)
				}
				key, err := ParseKey(encoded)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range group.Tests {
					ran++
					err := verify(file.alg, key.Public, c.Msg, c.Sig)
					if (err == nil) != (c.Result == "valid") || err != nil && !errors.Is(err, ErrSignature) {
						t.Errorf("%d %s: %v, want %s", c.ID, c.Comment, err, c.Result)
					}
				}
			}
			if ran != file.tests {
				t.Errorf("%d tests, want %d", ran, file.tests)
			}
		})
	}
}

// ec2 gives the COSE_Key of a point as SEC 1 encodes it: 04 || x || y, or
// compressed, 02 or 03 || x.
func ec2(crv int, point []byte) []byte {
	labels := map[int]any{1: 2, -1: crv}
	switch {
	case len(point) == 0:
	case point[0] == 4:
		labels[-2], labels[-3] = point[1:1+len(point)/2], point[1+len(point)/2:]
	default:
		labels[-2], labels[-3] = point[1:], point[0] == 3
	}
	return cbor.MustMarshal(labels)
}

type ecdhGroup struct {
	Tests []struct {
		ID      int      `json:"tcId"`
		Comment string   `json:"comment"`
		Public  bytesHex `json:"public"`
		Private bytesHex `json:"private"`
		Shared  bytesHex `json:"shared"`
		Flags   []string `json:"flags"`
		Result  string   `json:"result"`
	} `json:"tests"`
}

// Key agreement through ParseKey and Key.ECDH.
func TestWycheproofECDH(t *testing.T) {
	for _, file := range []struct {
		name  string
		curve ecdh.Curve
		crv   int
		tests int
	}{
		{"ecdh_secp256r1_ecpoint", ecdh.P256(), 1, 355},
		{"ecdh_secp384r1_ecpoint", ecdh.P384(), 2, 790},
		{"ecdh_secp521r1_ecpoint", ecdh.P521(), 3, 661},
		{"x25519", ecdh.X25519(), 4, 518},
	} {
		t.Run(file.name, func(t *testing.T) {
			ran := 0
			for _, group := range wycheproof[ecdhGroup](t, file.name) {
				for _, c := range group.Tests {
					ran++
					encoded := ec2(file.crv, c.Public)
					if file.crv == crvX25519 {
						encoded = cbor.MustMarshal(map[int]any{1: 1, -1: file.crv, -2: []byte(c.Public)})
					}
					shared, err := agree(file.curve, c.Private, encoded)
					// A compressed point and a twist or non-canonical X25519 key are
					// acceptable and accepted; an all-zero secret of X25519 is acceptable and
					// refused (RFC 7748, 6.1: MAY check).
					zero := file.crv == crvX25519 && bytes.Equal(c.Shared, make([]byte, 32))
					valid := c.Result != "invalid" && !zero
					if valid && (err != nil || !bytes.Equal(shared, c.Shared)) || !valid && err == nil {
						t.Errorf("%d %s: %x, %v, want %s", c.ID, c.Comment, shared, err, c.Result)
					}
				}
			}
			if ran != file.tests {
				t.Errorf("%d tests, want %d", ran, file.tests)
			}
		})
	}
}

func agree(curve ecdh.Curve, private, encoded []byte) ([]byte, error) {
	key, err := ParseKey(encoded)
	if err != nil {
		return nil, err
	}
	pub, err := key.ECDH()
	if err != nil {
		return nil, err
	}
	// The files pad scalars to another width.
	size := map[ecdh.Curve]int{ecdh.P256(): 32, ecdh.P384(): 48, ecdh.P521(): 66, ecdh.X25519(): 32}[curve]
	for len(private) > size && private[0] == 0 {
		private = private[1:]
	}
	priv, err := curve.NewPrivateKey(append(make([]byte, max(0, size-len(private))), private...))
	if err != nil {
		return nil, fmt.Errorf("private key of the test: %w", err)
	}
	return priv.ECDH(pub)
}

type webcryptoGroup struct {
	Tests []struct {
		ID      int    `json:"tcId"`
		Comment string `json:"comment"`
		Public  struct {
			Crv string `json:"crv"`
			X   string `json:"x"`
			Y   string `json:"y"`
		} `json:"public"`
		Private struct {
			D string `json:"d"`
		} `json:"private"`
		Shared bytesHex `json:"shared"`
		Result string   `json:"result"`
	} `json:"tests"`
}

// Keys that name their curve, some of them another one.
func TestWycheproofWebcrypto(t *testing.T) {
	crvs := map[string]int{"P-256": 1, "P-384": 2, "P-521": 3, "P-256K": 8}
	ran := 0
	for _, group := range wycheproof[webcryptoGroup](t, "ecdh_secp256r1_webcrypto") {
		for _, c := range group.Tests {
			ran++
			crv, ok := crvs[c.Public.Crv]
			if !ok {
				t.Fatalf("curve %s", c.Public.Crv)
			}
			encoded := cbor.MustMarshal(map[int]any{1: 2, -1: crv, -2: part(t, c.Public.X, ""), -3: part(t, c.Public.Y, "")})
			shared, err := agree(ecdh.P256(), part(t, c.Private.D, ""), encoded)
			if valid := c.Result == "valid"; valid && (err != nil || !bytes.Equal(shared, c.Shared)) || !valid && err == nil {
				t.Errorf("%d %s: %x, %v, want %s", c.ID, c.Comment, shared, err, c.Result)
			}
			if crv == 8 && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%d %s: %v, want ErrUnsupported", c.ID, c.Comment, err)
			}
		}
	}
	if ran != 353 {
		t.Errorf("%d tests, want 353", ran)
	}
}

type macGroup struct {
	TagSize int `json:"tagSize"`
	Tests   []struct {
		ID      int      `json:"tcId"`
		Comment string   `json:"comment"`
		Key     bytesHex `json:"key"`
		Msg     bytesHex `json:"msg"`
		Tag     bytesHex `json:"tag"`
		Result  string   `json:"result"`
	} `json:"tests"`
}

// HMAC with tags of full length; HMAC 256/256 knows no truncation.
func TestWycheproofHMAC(t *testing.T) {
	ran := 0
	for _, group := range wycheproof[macGroup](t, "hmac_sha256") {
		for _, c := range group.Tests {
			mac := hmac256(c.Key, c.Msg)
			if group.TagSize != 256 {
				if hmac.Equal(mac, c.Tag) {
					t.Errorf("%d %s: truncated tag accepted", c.ID, c.Comment)
				}
				continue
			}
			ran++
			if hmac.Equal(mac, c.Tag) != (c.Result == "valid") {
				t.Errorf("%d %s: want %s", c.ID, c.Comment, c.Result)
			}
		}
	}
	if ran != 87 {
		t.Errorf("%d tests with full tags, want 87", ran)
	}
}
