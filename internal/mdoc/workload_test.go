package mdoc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/pki/pkitest"
)

// testNow is the instant of every test here.
var testNow = pkitest.Now

// readJSON reads a file of the repository's testdata.
func readJSON(tb testing.TB, path string, v any) {
	tb.Helper()
	data, err := os.ReadFile("../../testdata/" + path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		tb.Fatal(err)
	}
}

// mdl30 is the benchmark's licence: 30 elements, a portrait of 20 KiB.
func mdl30(tb testing.TB) (docType string, elements NamespaceElements) {
	tb.Helper()
	var file struct {
		DocType   string
		Namespace string
		Elements  [][3]any
	}
	readJSON(tb, "workload/mdl30.json", &file)
	elements.NameSpace = file.Namespace
	for _, e := range file.Elements {
		elements.Elements = append(elements.Elements, Element{e[0].(string), workloadValue(tb, e[1].(string), e[2])})
	}
	return file.DocType, elements
}

func workloadValue(tb testing.TB, kind string, v any) any {
	switch kind {
	case "tstr", "bool":
		return v
	case "uint":
		return uint64(v.(float64))
	case "full-date":
		return cbor.FullDate(v.(string))
	case "tdate":
		t, err := time.Parse(time.RFC3339, v.(string))
		if err != nil {
			tb.Fatal(err)
		}
		return cbor.NewDateTime(t)
	case "bstr":
		b, err := base64.StdEncoding.DecodeString(v.(string))
		if err != nil {
			tb.Fatal(err)
		}
		return b
	case "any":
		return nested(v)
	}
	tb.Fatalf("element of kind %q", kind)
	return nil
}

// nested turns {"full-date": "..."} into a date, at any depth.
func nested(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = nested(v[i])
		}
		return list
	case map[string]any:
		if date, ok := v["full-date"].(string); ok {
			return cbor.FullDate(date)
		}
		m := map[string]any{}
		for k, each := range v {
			m[k] = nested(each)
		}
		return m
	}
	return v
}

// world is the PKI of every test here: making one takes a while.
var world = sync.OnceValues(func() (*pkitest.World, error) { return pkitest.New(testNow) })

func testWorld(tb testing.TB) *pkitest.World {
	tb.Helper()
	w, err := world()
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// fortnight is the validity of the copies issued in tests.
func fortnight() ValidityInfo {
	day := testNow.Truncate(24 * time.Hour)
	return NewValidityInfo(day, day, day.AddDate(0, 0, 14))
}

// workloadResponse is a DeviceResponse over OpenID4VP that another
// implementation made, with its transcript.
func workloadResponse(tb testing.TB) ([]byte, SessionTranscript) {
	tb.Helper()
	var file struct {
		B64U          string `json:"b64u"`
		ClientID      string `json:"clientId"`
		Nonce         string `json:"nonce"`
		JWKThumbprint string `json:"jwkThumbprint_hex"`
		ResponseURI   string `json:"responseUri"`
	}
	readJSON(tb, "workload/device-response-4.json", &file)
	raw, err := base64.RawURLEncoding.DecodeString(file.B64U)
	if err != nil {
		tb.Fatal(err)
	}
	transcript, err := OpenID4VPTranscript(file.ClientID, file.Nonce, unhex(tb, file.JWKThumbprint), file.ResponseURI)
	if err != nil {
		tb.Fatal(err)
	}
	return raw, transcript
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
