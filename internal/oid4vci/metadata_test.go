package oid4vci

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
)

// goodMetadata is a document as an issuer of PID and mDL serves it.
const goodMetadata = `{
  "credential_issuer": "https://issuer.example.com/pid",
  "authorization_servers": ["https://as.example.com"],
  "credential_endpoint": "https://issuer.example.com/pid/credential",
  "nonce_endpoint": "https://issuer.example.com/pid/nonce",
  "deferred_credential_endpoint": "https://issuer.example.com/pid/deferred",
  "notification_endpoint": "https://issuer.example.com/pid/notification",
  "batch_credential_issuance": {"batch_size": 10},
  "credential_request_encryption": {
    "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": "enc-2026-1",
      "x": "I3HWm_0Ds1dPMI-IWmf4mBmH-YaeAVbPVu7vB27CxXo", "y": "6N_d5Elj9bs1htgV3okJKIdbHEpkgTmAluYKJemzn1M"}]},
    "enc_values_supported": ["A128GCM", "A256GCM"],
    "encryption_required": false
  },
  "credential_response_encryption": {"alg_values_supported": ["ECDH-ES"], "enc_values_supported": ["A128GCM", "A256GCM"], "encryption_required": false},
  "display": [{"name": "Example", "locale": "en"}, {"name": "Beispill", "locale": "lb"}],
  "issuer_info": [{"format": "registration_cert", "data": "x"}],
  "credential_configurations_supported": {
    "pid-sd-jwt": {
      "format": "dc+sd-jwt", "vct": "urn:eudi:pid:1", "scope": "pid.sdjwt",
      "credential_signing_alg_values_supported": ["ES256"],
      "cryptographic_binding_methods_supported": ["jwk"],
      "proof_types_supported": {
        "jwt": {"proof_signing_alg_values_supported": ["ES256"], "key_attestations_required": {}},
        "attestation": {"proof_signing_alg_values_supported": ["ES256"], "key_attestations_required": {"key_storage": ["iso_18045_high"]}}
      },
      "credential_metadata": {
        "display": [{"name": "PID", "locale": "en", "background_color": "#123456", "logo": {"uri": "data:image/png;base64,AA=="}}],
        "claims": [
          {"path": ["family_name"], "mandatory": true, "display": [{"name": "Family name", "locale": "en"}]},
          {"path": ["nationalities", null]},
          {"path": ["address", "locality"]},
          {"path": ["address", "street_address"]}
        ]
      }
    },
    "mdl": {
      "format": "mso_mdoc", "doctype": "org.iso.18013.5.1.mDL", "scope": "mdl",
      "credential_signing_alg_values_supported": [-7, -9],
      "cryptographic_binding_methods_supported": ["cose_key"],
      "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
      "credential_metadata": {"claims": [
        {"path": ["org.iso.18013.5.1", "family_name"], "mandatory": true},
        {"path": ["org.iso.18013.5.1", "driving_privileges", 0, "vehicle_category_code"]}
      ]}
    },
    "w3c": {"format": "jwt_vc_json", "credential_definition": {"type": ["X"]}, "credential_signing_alg_values_supported": ["ES256"]}
  }
}`

func TestIssuerMetadata(t *testing.T) {
	m, err := ParseIssuerMetadata([]byte(goodMetadata), issuer)
	if err != nil {
		t.Fatal(err)
	}
	mdl := m.Configurations["mdl"]
	if !reflect.DeepEqual(mdl.Algorithms, []any{-7, -9}) || !reflect.DeepEqual(mdl.Metadata.Claims[1].Path, Path{"org.iso.18013.5.1", "driving_privileges", 0, "vehicle_category_code"}) {
		t.Errorf("%+v", mdl)
	}
	pid := m.Configurations["pid-sd-jwt"]
	if pid.ProofTypes["jwt"].Required == nil || pid.ProofTypes["jwt"].Required.KeyStorage != nil || mdl.ProofTypes["jwt"].Required != nil {
		t.Errorf("an empty key_attestations_required is not an absent one: %+v", pid.ProofTypes)
	}
	if !reflect.DeepEqual(pid.Metadata.Claims[1].Path, Path{"nationalities", nil}) {
		t.Errorf("%+v", pid.Metadata.Claims)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseIssuerMetadata(text, issuer)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(again)
	if string(a) != string(text) {
		t.Errorf("%s\n%s", a, text)
	}
	for _, want := range []string{`"credential_signing_alg_values_supported":[-7,-9]`, `"key_attestations_required":{}`, `"path":["nationalities",null]`, `"encryption_required":false`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not written", want)
		}
	}
	if f := m.HAIP(); len(f) != 2 || !strings.Contains(f[0], "w3c has no scope") {
		t.Errorf("findings: %q", f)
	}
	m.NonceEndpoint = ""
	if f := m.HAIP(); len(f) != 3 {
		t.Errorf("findings: %q", f)
	}
	delete(m.Configurations, "w3c")
	m.NonceEndpoint = "https://issuer.example.com/pid/nonce"
	if f := m.HAIP(); f != nil {
		t.Errorf("findings: %q", f)
	}
}

func TestIssuerMetadataRefuses(t *testing.T) {
	for name, c := range map[string][2]string{
		"other issuer":            {`"credential_issuer": "https://issuer.example.com/pid"`, `"credential_issuer": "https://issuer.example.com/pid/"`},
		"issuer twice":            {`"display": [`, `"credential_issuer": "https://evil.example", "display": [`},
		"http endpoint":           {`https://issuer.example.com/pid/credential`, `http://issuer.example.com/pid/credential`},
		"no credential endpoint":  {`"credential_endpoint"`, `"credential_endpoint_"`},
		"relative nonce endpoint": {`https://issuer.example.com/pid/nonce`, `/nonce`},
		"empty servers":           {`["https://as.example.com"]`, `[]`},
		"server with query":       {`https://as.example.com`, `https://as.example.com?x`},
		"batch of 1":              {`"batch_size": 10`, `"batch_size": 1`},
		"batch fraction":          {`"batch_size": 10`, `"batch_size": 10.5`},
		"locale twice":            {`"locale": "lb"`, `"locale": "en"`},
		"mdoc algorithm as text":  {`[-7, -9]`, `["ES256"]`},
		"mdoc number as text":     {`[-7, -9]`, `["-7"]`},
		"mdoc fraction":           {`[-7, -9]`, `[-7.5]`},
		"sd-jwt algorithm number": {`"urn:eudi:pid:1", "scope": "pid.sdjwt",` + "\n" + `      "credential_signing_alg_values_supported": ["ES256"]`, `"urn:eudi:pid:1", "credential_signing_alg_values_supported": [-7]`},
		"no doctype":              {`"doctype"`, `"docType_"`},
		"no vct":                  {`"vct"`, `"vct_"`},
		"no format":               {`"format": "mso_mdoc"`, `"format_": "mso_mdoc"`},
		"binding without proof":   {`"proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},`, ``},
		"proof without binding":   {`"cryptographic_binding_methods_supported": ["cose_key"],`, ``},
		"no proof algorithm":      {`{"jwt": {"proof_signing_alg_values_supported": ["ES256"]}}`, `{"jwt": {}}`},
		"attestations null":       {`"key_attestations_required": {}`, `"key_attestations_required": null`},
		"claims in configuration": {`"path": ["family_name"]`, `"path": []`},
		"path negative":           {`"path": ["family_name"]`, `"path": ["a", -1]`},
		"path fraction":           {`"path": ["family_name"]`, `"path": ["a", 1.5]`},
		"path boolean":            {`"path": ["family_name"]`, `"path": [true]`},
		"path text":               {`"path": ["family_name"]`, `"path": "family_name"`},
		"path null":               {`"path": ["family_name"]`, `"path": null`},
		"path missing":            {`"path": ["family_name"]`, `"x": 1`},
		"claim twice":             {`"path": ["family_name"]`, `"path": ["address", "locality"]`},
		"object and array":        {`"path": ["family_name"]`, `"path": ["address", 0]`},
		"null and index":          {`"path": ["family_name"]`, `"path": ["nationalities", 0]`},
		"mdoc path of one":        {`"path": ["org.iso.18013.5.1", "family_name"]`, `"path": ["family_name"]`},
		"mdoc path index":         {`"path": ["org.iso.18013.5.1", "family_name"]`, `"path": ["org.iso.18013.5.1", 1]`},
		"display without name":    {`"name": "PID"`, `"name_": "PID"`},
		"key without kid":         {`"kid": "enc-2026-1",`, ``},
		"private key":             {`"kid": "enc-2026-1",`, `"kid": "1", "d": "AAAA",`},
		"no enc":                  {`"enc_values_supported": ["A128GCM", "A256GCM"],` + "\n" + `    "encryption_required": false` + "\n  }", `"encryption_required": false }`},
		"no response alg":         {`"alg_values_supported": ["ECDH-ES"],`, ``},
		"no configurations":       {`"credential_configurations_supported"`, `"credentials_supported"`},
	} {
		text := strings.Replace(goodMetadata, c[0], c[1], 1)
		if text == goodMetadata {
			t.Fatalf("%s: changes nothing", name)
		}
		if m, err := ParseIssuerMetadata([]byte(text), issuer); err == nil || m != nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := ParseIssuerMetadata([]byte(`{"credential_issuer":"`+issuer+`","x":"`+strings.Repeat("x", maxMetadata)+`"}`), issuer); err == nil {
		t.Error("a document over the limit")
	}
	local := strings.NewReplacer("https://issuer.example.com/pid", "http://127.0.0.1:8080").Replace(goodMetadata)
	if _, err := ParseIssuerMetadata([]byte(local), "http://127.0.0.1:8080"); err == nil {
		t.Error("http without leave")
	}
	if _, err := ParseIssuerMetadata([]byte(local), "http://127.0.0.1:8080", true); err != nil {
		t.Error(err)
	}
}

func TestSignedMetadata(t *testing.T) {
	key, other := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	m, err := ParseIssuerMetadata([]byte(goodMetadata), issuer)
	if err != nil {
		t.Fatal(err)
	}
	chain := func([][]byte) (crypto.PublicKey, error) { return key.Public(), nil }
	token, err := SignMetadata(m, key, [][]byte{{0x30}}, now, now.Add(time.Hour), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseSignedMetadata(token, issuer, chain, now)
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(m)
	if err != nil || string(a) != string(b) {
		t.Errorf("%v\n%s\n%s", err, a, b)
	}
	if s, err := jose.Parse(token); err != nil || s.Header.Type != "openidvci-issuer-metadata+jwt" || !strings.Contains(string(s.Payload), `"sub":"`+issuer+`"`) {
		t.Errorf("%v: %s", err, s.Payload)
	}
	for name, c := range map[string]struct {
		issuer string
		chain  func([][]byte) (crypto.PublicKey, error)
		now    time.Time
	}{
		"other issuer": {"https://other.example", chain, now},
		"other key":    {issuer, func([][]byte) (crypto.PublicKey, error) { return other.Public(), nil }, now},
		"untrusted":    {issuer, func([][]byte) (crypto.PublicKey, error) { return nil, errUntrusted }, now},
		"expired":      {issuer, chain, now.Add(time.Hour)},
		"of tomorrow":  {issuer, chain, now.Add(-time.Hour)},
	} {
		if m, err := ParseSignedMetadata(token, c.issuer, c.chain, c.now); err == nil || m != nil {
			t.Errorf("%s passes", name)
		}
	}
	for name, header := range map[string]map[string]any{"typ": {"typ": "JWT", "x5c": [][]byte{{0x30}}}, "x5c": {"typ": typeMetadata}} {
		s, _ := jose.Parse(token)
		bad, err := jose.Sign(key, header, s.Payload, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSignedMetadata(bad, issuer, chain, now); err == nil {
			t.Errorf("wrong %s passes", name)
		}
	}
}

func TestServerMetadata(t *testing.T) {
	const as = "https://as.example.com"
	m := &ServerMetadata{
		Issuer: as, TokenEndpoint: as + "/token", ChallengeEndpoint: as + "/challenge", GrantTypesSupported: []string{GrantPreAuthorized},
		DPoPAlgorithms: []string{"ES256"}, PreAuthorizedAnonymousAccess: true,
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseServerMetadata(text, as)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%s: %+v, %v", text, got, err)
	}
	for name, bad := range map[string]string{
		"other issuer":   strings.Replace(string(text), as+`"`, as+`/"`, 1),
		"no endpoint":    strings.Replace(string(text), `"token_endpoint"`, `"t"`, 1),
		"http endpoint":  strings.Replace(string(text), as+"/token", "http://as.example.com/token", 1),
		"http challenge": strings.Replace(string(text), as+"/challenge", "http://as.example.com/challenge", 1),
		"case variant":   strings.Replace(string(text), `"token_endpoint"`, `"Token_Endpoint"`, 1),
		"not JSON":       "<html>",
	} {
		if m, err := ParseServerMetadata([]byte(bad), as); err == nil || m != nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestAuthorizationDetails(t *testing.T) {
	got, err := ParseAuthorizationDetails([]byte(`[{"type":"openid_credential","credential_configuration_id":"a","locations":["https://i.example"],"claims":[{"path":["x"],"mandatory":true}],"more":1,"credential_identifiers":["forged"]}]`))
	if err != nil || len(got) != 1 || got[0].CredentialConfigurationID != "a" || got[0].CredentialIdentifiers != nil || !got[0].Claims[0].Mandatory {
		t.Errorf("%+v, %v", got, err)
	}
	one := `{"type":"openid_credential","credential_configuration_id":"a"}`
	for name, text := range map[string]string{
		"B27/1000":          "[" + strings.Repeat(one+",", 999) + one + "]",
		"B27/unknown_type":  `[{"type":"payment","credential_configuration_id":"a"}]`,
		"B27/no_type":       `[{"credential_configuration_id":"a"}]`,
		"B27/no_id":         `[{"type":"openid_credential"}]`,
		"B27/format":        `[{"type":"openid_credential","format":"mso_mdoc","doctype":"x"}]`,
		"B27/empty":         `[]`,
		"B27/object":        one,
		"B27/empty_claims":  `[{"type":"openid_credential","credential_configuration_id":"a","claims":[]}]`,
		"B27/bad_claims":    `[{"type":"openid_credential","credential_configuration_id":"a","claims":[{"path":["x"]},{"path":["x"]}]}]`,
		"B27/deep":          strings.Repeat("[", 20_000),
		"B27/not_JSON":      `openid_credential`,
		"B27/duplicate_key": `[{"type":"openid_credential","credential_configuration_id":"a","credential_configuration_id":"b"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseAuthorizationDetails([]byte(text))
			if got != nil || !strings.Contains(errText(err), "invalid_authorization_details") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzParseIssuerMetadata(f *testing.F) {
	f.Add([]byte(goodMetadata))
	f.Add([]byte(`{"credential_issuer":"https://issuer.example.com/pid","credential_endpoint":"https://x","credential_configurations_supported":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseIssuerMetadata(data, issuer)
		if err != nil {
			if m != nil {
				t.Error("refused with a result")
			}
			return
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseIssuerMetadata(text, issuer); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	})
}
