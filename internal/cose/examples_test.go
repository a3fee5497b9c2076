package cose

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// outcome is what an example of the COSE working group must come to.
type outcome struct {
	verify bool   // verifies
	parse  error  // refused by the parser with this
	check  error  // parsed, refused by the verification with this
	key    error  // its key is refused with this
	reason string // why an example that is right by the RFC is refused here
}

var (
	verifies    = outcome{verify: true}
	forged      = outcome{check: ErrSignature}
	notSign     = outcome{parse: ErrMalformed, reason: "COSE_Sign, several signers: no format here uses it"}
	notMac      = outcome{parse: ErrMalformed, reason: "COSE_Mac, recipients: no format here uses it"}
	encrypted   = outcome{parse: ErrMalformed, reason: "COSE_Encrypt and COSE_Encrypt0: no format here uses them"}
	algElse     = outcome{parse: ErrUnsupported, reason: "algorithm that no format here allows"}
	external    = outcome{check: ErrSignature, reason: "external data, which ISO/IEC 18013-5 leaves empty"}
	unprotected = outcome{parse: ErrMalformed, reason: "alg in the unprotected header"}
)

// examples is every file of testdata/cose-wg.
var examples = map[string]outcome{
	"sign1-tests/sign-fail-01.json":    {parse: ErrMalformed},
	"sign1-tests/sign-fail-02.json":    forged,
	"sign1-tests/sign-fail-03.json":    {parse: ErrUnsupported},
	"sign1-tests/sign-fail-04.json":    {parse: ErrUnsupported},
	"sign1-tests/sign-fail-06.json":    forged,
	"sign1-tests/sign-fail-07.json":    forged,
	"sign1-tests/sign-pass-01.json":    unprotected,
	"sign1-tests/sign-pass-02.json":    external,
	"sign1-tests/sign-pass-03.json":    verifies,
	"ecdsa-examples/ecdsa-01.json":     notSign,
	"ecdsa-examples/ecdsa-02.json":     notSign,
	"ecdsa-examples/ecdsa-03.json":     notSign,
	"ecdsa-examples/ecdsa-04.json":     notSign,
	"ecdsa-examples/ecdsa-sig-01.json": verifies,
	"ecdsa-examples/ecdsa-sig-02.json": verifies,
	"ecdsa-examples/ecdsa-sig-03.json": verifies,
	"ecdsa-examples/ecdsa-sig-04.json": {check: ErrKey, reason: "ES512 with P-256, which ISO/IEC 18013-5, 9.1.2.4 does not allow"},
	"eddsa-examples/eddsa-01.json":     notSign,
	"eddsa-examples/eddsa-02.json":     notSign,
	"eddsa-examples/eddsa-sig-01.json": verifies,
	"eddsa-examples/eddsa-sig-02.json": {key: ErrUnsupported, reason: "Ed448, which the standard library lacks"},
	"mac0-tests/HMac-01.json":          verifies,
	"mac0-tests/mac-fail-01.json":      {parse: ErrMalformed},
	"mac0-tests/mac-fail-02.json":      forged,
	"mac0-tests/mac-fail-03.json":      {parse: ErrUnsupported},
	"mac0-tests/mac-fail-04.json":      {parse: ErrUnsupported},
	"mac0-tests/mac-fail-06.json":      forged,
	"mac0-tests/mac-fail-07.json":      forged,
	"mac0-tests/mac-pass-01.json":      unprotected,
	"mac0-tests/mac-pass-02.json":      unprotected,
	"mac0-tests/mac-pass-03.json":      unprotected,
	"hmac-examples/HMac-01.json":       notMac,
	"hmac-examples/HMac-02.json":       notMac,
	"hmac-examples/HMac-03.json":       notMac,
	"hmac-examples/HMac-04.json":       notMac,
	"hmac-examples/HMac-05.json":       notMac,
	"hmac-examples/HMac-enc-01.json":   verifies,
	"hmac-examples/HMac-enc-02.json":   algElse,
	"hmac-examples/HMac-enc-03.json":   algElse,
	"hmac-examples/HMac-enc-04.json":   forged,
	"hmac-examples/HMac-enc-05.json":   algElse,
	"RFC8152/Appendix_B.json":          encrypted,
	"RFC8152/Appendix_C_1_1.json":      notSign,
	"RFC8152/Appendix_C_1_2.json":      notSign,
	"RFC8152/Appendix_C_1_3.json":      notSign,
	"RFC8152/Appendix_C_1_4.json":      notSign,
	"RFC8152/Appendix_C_2_1.json":      verifies,
	"RFC8152/Appendix_C_3_1.json":      encrypted,
	"RFC8152/Appendix_C_3_2.json":      encrypted,
	"RFC8152/Appendix_C_3_3.json":      encrypted,
	"RFC8152/Appendix_C_3_4.json":      encrypted,
	"RFC8152/Appendix_C_4_1.json":      encrypted,
	"RFC8152/Appendix_C_4_2.json":      encrypted,
	"RFC8152/Appendix_C_5_1.json":      notMac,
	"RFC8152/Appendix_C_5_2.json":      notMac,
	"RFC8152/Appendix_C_5_3.json":      notMac,
	"RFC8152/Appendix_C_5_4.json":      notMac,
	"RFC8152/Appendix_C_6_1.json":      algElse,
}

// example is a file of the working group.
type example struct {
	Title string `json:"title"`
	Fail  bool   `json:"fail"`
	Input struct {
		Plaintext string `json:"plaintext"`
		Sign0     *struct {
			Key      exampleKey `json:"key"`
			External string     `json:"external"`
		} `json:"sign0"`
		Mac0 *struct {
			Recipients []struct {
				Key exampleKey `json:"key"`
			} `json:"recipients"`
		} `json:"mac0"`
	} `json:"input"`
	Intermediates struct {
		ToBeSigned string `json:"ToBeSign_hex"`
		ToMAC      string `json:"ToMac_hex"`
	} `json:"intermediates"`
	Output struct {
		CBOR string `json:"cbor"`
	} `json:"output"`
}

type exampleKey struct {
	Kty  string `json:"kty"`
	Crv  string `json:"crv"`
	X    string `json:"x"`
	Y    string `json:"y"`
	XHex string `json:"x_hex"`
	YHex string `json:"y_hex"`
	K    string `json:"k"`
}

func part(t testing.TB, base64url, hexadecimal string) []byte {
	t.Helper()
	if hexadecimal != "" {
		b, err := hex.DecodeString(hexadecimal)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, err := jose.DecodeBase64URL(base64url)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encode gives the COSE_Key of an example.
func (k exampleKey) encode(t testing.TB) []byte {
	t.Helper()
	labels := map[int]any{-2: part(t, k.X, k.XHex)}
	switch k.Kty {
	case "EC":
		labels[1], labels[-3] = 2, part(t, k.Y, k.YHex)
	case "OKP":
		labels[1] = 1
	default:
		t.Fatalf("key type %s", k.Kty)
	}
	crv, ok := map[string]int{"P-256": 1, "P-384": 2, "P-521": 3, "Ed25519": 6, "Ed448": 7}[k.Crv]
	if !ok {
		t.Fatalf("curve %s", k.Crv)
	}
	labels[-1] = crv
	return cbor.MustMarshal(labels)
}

func TestWorkingGroupExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/cose-wg/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), "testdata/cose-wg/")
		t.Run(name, func(t *testing.T) {
			want, ok := examples[name]
			if !ok {
				t.Fatal("file without a decision: neither read nor out of scope")
			}
			seen++
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var e example
			if err := json.Unmarshal(data, &e); err != nil {
				t.Fatal(err)
			}
			if want.verify && e.Fail || !want.verify && !e.Fail && want.reason == "" {
				t.Fatalf("the table contradicts the file (fail: %v) and gives no reason", e.Fail)
			}
			e.run(t, want)
		})
	}
	if seen != len(examples) {
		t.Errorf("%d files, the table has %d", seen, len(examples))
	}
}

func (e example) run(t *testing.T, want outcome) {
	message := part(t, "", e.Output.CBOR)
	switch {
	case e.Input.Sign0 != nil:
		s, err := ParseSign1(message)
		if want.parse != nil {
			if !errors.Is(err, want.parse) || s != nil {
				t.Errorf("parsed %v, %v, want %v", s, err, want.parse)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParseKey(e.Input.Sign0.Key.encode(t))
		if want.key != nil {
			if !errors.Is(err, want.key) {
				t.Errorf("key: %v, want %v", err, want.key)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !e.Fail && e.Input.Sign0.External == "" && !bytes.Equal(structure("Signature1", s.ProtectedBytes, s.Payload), part(t, "", e.Intermediates.ToBeSigned)) {
			t.Error("other Sig_structure")
		}
		want.verdict(t, s.Verify(key.Public))
	case e.Input.Mac0 != nil:
		m, err := ParseMac0(message)
		if want.parse != nil {
			if !errors.Is(err, want.parse) || m != nil {
				t.Errorf("parsed %v, %v, want %v", m, err, want.parse)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !e.Fail && !bytes.Equal(structure("MAC0", m.ProtectedBytes, m.Payload), part(t, "", e.Intermediates.ToMAC)) {
			t.Error("other MAC_structure")
		}
		want.verdict(t, m.Verify(part(t, e.Input.Mac0.Recipients[0].Key.K, "")))
	default:
		if want.parse == nil {
			t.Fatal("a message of another kind")
		}
		if s, err := ParseSign1(message); !errors.Is(err, want.parse) || s != nil {
			t.Errorf("as COSE_Sign1: %v, %v", s, err)
		}
		if m, err := ParseMac0(message); !errors.Is(err, want.parse) || m != nil {
			t.Errorf("as COSE_Mac0: %v, %v", m, err)
		}
	}
}

func (o outcome) verdict(t *testing.T, err error) {
	t.Helper()
	if o.verify && err != nil || !o.verify && !errors.Is(err, o.check) {
		t.Errorf("verification: %v, want %v", err, o.check)
	}
}
