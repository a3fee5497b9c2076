package main

import (
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"crypto/ecdsa"
	"crypto/elliptic"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/jose"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"verifier": func() { os.Exit(program.Main()) }})
}

// The scripts run the program as a user does, on the worked example of ISO/IEC
// 18013-5 Annex D and on a real VICAL.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: annexD})
}

func annexD(env *testscript.Env) error {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "annex-d", "annex-d.json"))
	if err != nil {
		return err
	}
	var v struct {
		Vectors map[string]struct{ Hex string }
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	der, err := hex.DecodeString(v.Vectors["iaca_certificate"].Hex)
	if err != nil {
		return err
	}
	d, ok := new(big.Int).SetString(v.Vectors["ephemeral_reader_key_d"].Hex, 16)
	if !ok {
		return os.ErrInvalid
	}
	key := &ecdsa.PrivateKey{D: d}
	key.Curve = elliptic.P256()
	key.X, key.Y = key.Curve.ScalarBaseMult(d.Bytes()) //nolint:staticcheck // a fixed key from a standard
	jwk, err := jose.MarshalPrivateKey(key)
	if err != nil {
		return err
	}
	response := v.Vectors["device_response"].Hex
	raw, err := hex.DecodeString(response)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"anchors/iaca.pem":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"response.hex":      []byte(response + "\n"),
		"response.cbor":     raw,
		"response.b64u":     []byte(jose.EncodeBase64URL(raw)),
		"transcript.hex":    []byte(v.Vectors["session_transcript_bytes"].Hex),
		"request.hex":       []byte(v.Vectors["device_request"].Hex),
		"reader.jwk":        jwk,
		"engagement.hex":    []byte(v.Vectors["device_engagement_qr"].Hex),
		"issuer-auth.hex":   []byte(v.Vectors["issuer_auth"].Hex),
		"forged.hex":        []byte(response[:1400] + flip(response[1400:1402]) + response[1402:]),
		"truncated.hex":     []byte(response[:2000]),
		"no-status.yaml":    []byte("status: {required: false}\n"),
		"wrong-policy.yaml": []byte("statuss: {}\n"),
		"empty":             nil,
	}
	for name, content := range files {
		path := filepath.Join(env.WorkDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func flip(two string) string {
	if two == "00" {
		return "01"
	}
	return "00"
}
