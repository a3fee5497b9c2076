package oid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const responseJWK = `{"kty":"EC","crv":"P-256","alg":"ECDH-ES","use":"enc","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}`

func TestParseCredentialRequest(t *testing.T) {
	r, err := ParseCredentialRequest([]byte(`{"credential_configuration_id":"pid-sd-jwt","proofs":{"jwt":["a.b.c","d.e.f"]},"more":{"x":[1]},"credential_response_encryption":{"jwk":` + responseJWK + `,"enc":"A256GCM","more":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.ConfigurationID != "pid-sd-jwt" || r.Identifier != "" || len(r.Proofs.JWT) != 2 || r.Proofs.Attestation != nil || r.ResponseEncryption.Enc != "A256GCM" || r.ResponseEncryption.Key.Algorithm != "ECDH-ES" {
		t.Errorf("%+v", r)
	}
	r, err = ParseCredentialRequest([]byte(`{"credential_identifier":"pid-4711","proofs":{"attestation":["a.b.c"]}}`))
	if err != nil || r.Identifier != "pid-4711" || len(r.Proofs.Attestation) != 1 || r.ResponseEncryption != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = ParseCredentialRequest([]byte(`{"credential_identifier":"x"}`)); err != nil || len(r.Proofs.JWT)+len(r.Proofs.Attestation) != 0 {
		t.Errorf("a credential bound to no key needs no proofs: %+v, %v", r, err)
	}
}

func TestCredentialRequestRoundTrip(t *testing.T) {
	key, err := jose.ParsePublicKey([]byte(responseJWK))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []CredentialRequest{
		{ConfigurationID: "a", Proofs: Proofs{JWT: []string{"x"}}},
		{Identifier: "b", Proofs: Proofs{Attestation: []string{"y"}}},
		{Identifier: "b", ResponseEncryption: &ResponseEncryptionParameters{Key: key, Enc: "A128GCM"}},
	} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseCredentialRequest(text)
		if err != nil || !reflect.DeepEqual(back.Proofs, r.Proofs) || back.ConfigurationID != r.ConfigurationID || back.Identifier != r.Identifier {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
		if e := r.ResponseEncryption; e != nil && !e.Key.Public.(*ecdsa.PublicKey).Equal(back.ResponseEncryption.Key.Public) {
			t.Errorf("%s: key lost", text)
		}
	}
}

func TestBadInputsRequest(t *testing.T) {
	body := func(members string) string { return `{"credential_configuration_id":"a"` + members + `}` }
	encryption := func(jwk, more string) string {
		return body(`,"credential_response_encryption":{"jwk":` + jwk + more + `}`)
	}
	const enc = `,"enc":"A128GCM"`
	edit := func(old, new string) string { return strings.Replace(responseJWK, old, new, 1) }
	for id, c := range map[string]struct {
		body string
		want problem.Kind
	}{
		"C05/empty_object":       {body(`,"proofs":{}`), problem.InvalidProof},
		"C05/empty_array":        {body(`,"proofs":{"jwt":[]}`), problem.InvalidProof},
		"C05/two_types":          {body(`,"proofs":{"jwt":["x"],"attestation":["y"]}`), problem.InvalidCredentialRequest},
		"C05/proof":              {body(`,"proof":{"proof_type":"jwt","jwt":"x"}`), problem.InvalidCredentialRequest},
		"C05/proof_and_proofs":   {body(`,"proof":{},"proofs":{"jwt":["x"]}`), problem.InvalidCredentialRequest},
		"C05/unknown_type":       {body(`,"proofs":{"cwt":["x"]}`), problem.InvalidProof},
		"C05/di_vp":              {body(`,"proofs":{"di_vp":[{}]}`), problem.InvalidProof},
		"C05/not_an_array":       {body(`,"proofs":{"jwt":"x"}`), problem.InvalidProof},
		"C05/numbers":            {body(`,"proofs":{"jwt":[1]}`), problem.InvalidProof},
		"C05/null":               {body(`,"proofs":null`), problem.InvalidCredentialRequest},
		"C05/null_proof":         {body(`,"proofs":{"jwt":[null]}`), problem.InvalidProof},
		"C05/array":              {body(`,"proofs":["x"]`), problem.InvalidCredentialRequest},
		"C05/case":               {body(`,"Proofs":{"jwt":["x"]}`), problem.InvalidCredentialRequest},
		"C15/both":               {body(`,"credential_identifier":"b"`), problem.InvalidCredentialRequest},
		"C15/neither":            {`{"proofs":{"jwt":["x"]}}`, problem.InvalidCredentialRequest},
		"C15/empty":              {`{"credential_configuration_id":""}`, problem.InvalidCredentialRequest},
		"C15/number":             {`{"credential_configuration_id":1}`, problem.InvalidCredentialRequest},
		"C15/twice":              {body(`,"credential_configuration_id":"b"`), problem.InvalidCredentialRequest},
		"C15/format_instead":     {`{"format":"mso_mdoc","doctype":"org.iso.18013.5.1.mDL"}`, problem.InvalidCredentialRequest},
		"C15/long":               {`{"credential_identifier":"` + strings.Repeat("x", maxIdentifier+1) + `"}`, problem.InvalidCredentialRequest},
		"C18/enc":                {encryption(responseJWK, `,"enc":"A128CBC-HS256"`), problem.InvalidEncryptionParameters},
		"C18/A192GCM":            {encryption(responseJWK, `,"enc":"A192GCM"`), problem.InvalidEncryptionParameters},
		"C18/no_enc":             {encryption(responseJWK, ``), problem.InvalidEncryptionParameters},
		"C18/RSA1_5":             {encryption(`{"kty":"RSA","alg":"RSA1_5","n":"AQAB","e":"AQAB"}`, enc), problem.InvalidEncryptionParameters},
		"C18/dir":                {encryption(`{"kty":"oct","alg":"dir","k":"AAAA"}`, enc), problem.InvalidEncryptionParameters},
		"C18/PBES2":              {encryption(edit("ECDH-ES", "PBES2-HS256+A128KW"), `,"p2c":2147483648`+enc), problem.InvalidEncryptionParameters},
		"C18/A128KW":             {encryption(edit("ECDH-ES", "ECDH-ES+A128KW"), enc), problem.InvalidEncryptionParameters},
		"C18/no_alg":             {encryption(edit(`"alg":"ECDH-ES",`, ``), enc), problem.InvalidEncryptionParameters},
		"C18/alg_outside_jwk":    {encryption(edit(`"alg":"ECDH-ES",`, ``), `,"alg":"ECDH-ES"`+enc), problem.InvalidEncryptionParameters},
		"C18/alg_mismatch":       {encryption(edit(`"alg":"ECDH-ES","use":"enc"`, `"alg":"ES256"`), enc), problem.InvalidEncryptionParameters},
		"C18/use_sig":            {encryption(edit(`"use":"enc"`, `"use":"sig"`), enc), problem.InvalidEncryptionParameters},
		"C18/key_ops":            {encryption(edit(`"use":"enc"`, `"key_ops":["encrypt"]`), enc), problem.InvalidEncryptionParameters},
		"C18/private":            {encryption(edit(`"x":`, `"d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw","x":`), enc), problem.InvalidEncryptionParameters},
		"C18/not_on_curve":       {encryption(edit("weNJ", "weNK"), enc), problem.InvalidEncryptionParameters},
		"C18/zip":                {encryption(responseJWK, enc+`,"zip":"GZ"`), problem.InvalidEncryptionParameters},
		"C18/zip_empty":          {encryption(responseJWK, enc+`,"zip":""`), problem.InvalidEncryptionParameters},
		"C18/zip_number":         {encryption(responseJWK, enc+`,"zip":1`), problem.InvalidEncryptionParameters},
		"C18/Ed25519":            {encryption(`{"kty":"OKP","crv":"Ed25519","alg":"ECDH-ES","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, enc), problem.InvalidEncryptionParameters},
		"C18/no_jwk":             {body(`,"credential_response_encryption":{"enc":"A128GCM"}`), problem.InvalidEncryptionParameters},
		"C18/null":               {body(`,"credential_response_encryption":null`), problem.InvalidEncryptionParameters},
		"C18/array":              {body(`,"credential_response_encryption":[]`), problem.InvalidEncryptionParameters},
		"C21/deep_array":         {strings.Repeat("[", 20_000), problem.InvalidCredentialRequest},
		"C21/deep_object":        {strings.Repeat(`{"x":`, 20_000), problem.InvalidCredentialRequest},
		"C21/same_key_1e6":       {`{` + strings.Repeat(`"a":1,`, 80_000) + `"a":1}`, problem.InvalidCredentialRequest},
		"C21/too_large":          {`{` + strings.Repeat(`"a":1,`, 1_000_000) + `"a":1}`, problem.InvalidCredentialRequest},
		"C21/distinct_keys":      {body("," + distinct(40_000)), problem.InvalidCredentialRequest},
		"C21/huge_number":        {body(`,"x":1e999999`), problem.InvalidCredentialRequest},
		"C21/long_number":        {body(`,"x":` + strings.Repeat("9", 100_000)), problem.InvalidCredentialRequest},
		"C21/truncated":          {`{"credential_configuration_id":"a"`, problem.InvalidCredentialRequest},
		"C21/trailing":           {body(``) + `{}`, problem.InvalidCredentialRequest},
		"C21/empty":              {``, problem.InvalidCredentialRequest},
		"C21/not_an_object":      {`"x"`, problem.InvalidCredentialRequest},
		"C21/BOM":                {"\xef\xbb\xbf" + body(``), problem.InvalidCredentialRequest},
		"C21/lone_surrogate":     {body(`,"x":"\ud800"`), problem.InvalidCredentialRequest},
		"C21/encrypted_as_plain": {"eyJhbGciOiJFQ0RILUVTIn0..AAAA.AAAA.AAAA", problem.InvalidCredentialRequest},
	} {
		t.Run(id, func(t *testing.T) {
			// The quickest of five: a busy machine may keep one waiting, a reader that
			// takes long takes long each time.
			quickest, err := time.Hour, error(nil)
			for range 5 {
				start := time.Now()
				var r *CredentialRequest
				r, err = ParseCredentialRequest([]byte(c.body))
				quickest = min(quickest, time.Since(start))
				if problem.KindOf(err) != c.want || r != nil {
					t.Fatalf("%v, want %s", err, c.want)
				}
			}
			if strings.HasPrefix(id, "C21") && quickest > 250*time.Millisecond {
				t.Errorf("took %v", quickest) // 10 ms on a quiet machine
			}
			if d := problem.Detail(err); d == "" || strings.ContainsAny(d, "\"\\\n") || strings.Contains(d, "VEmDZpDX") || strings.Contains(err.Error(), "VEmDZpDX") {
				t.Errorf("detail %q", d)
			}
		})
	}
	if _, err := ParseCredentialRequest([]byte(body(`,"proof":{"proof_type":"jwt"}`))); !strings.Contains(problem.Detail(err), "proofs") {
		t.Errorf("an old wallet is not told what to use: %v", err)
	}
}

func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		text, _ := json.Marshal(i)
		b.WriteString(`"` + string(text) + `":1`)
	}
	return b.String()
}

func TestEncryptedExchange(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := &jose.Key{Public: &private.PublicKey, Private: private, KeyID: "enc-1", Use: "enc", Algorithm: "ECDH-ES"}
	find := func(kid string) *jose.Key { return map[string]*jose.Key{"enc-1": own}[kid] }
	request, err := jose.Encrypt(own, "A128GCM", nil, []byte(`{"credential_identifier":"x"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := DecryptRequest(request, find); err != nil || string(body) != `{"credential_identifier":"x"}` {
		t.Errorf("%s, %v", body, err)
	}
	// C20: the retired key is not found any more.
	if body, err := DecryptRequest(request, func(string) *jose.Key { return nil }); problem.KindOf(err) != problem.InvalidEncryptionParameters || body != nil {
		t.Errorf("C20/retired_key: %v", err)
	}
	if body, err := DecryptRequest(request[:len(request)-2], find); problem.KindOf(err) != problem.InvalidEncryptionParameters || body != nil {
		t.Errorf("C19/truncated: %v", err)
	}
	p := &ResponseEncryptionParameters{Key: own, Enc: "A256GCM"}
	token, err := p.Encrypt([]byte(`{}`), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if text, h, err := jose.Decrypt(token, find); err != nil || string(text) != `{}` || h.KeyID != "enc-1" {
		t.Errorf("%s, %+v, %v", text, h, err)
	}
	if _, err := (&ResponseEncryptionParameters{Key: own, Enc: "x"}).Encrypt(nil, nil); problem.KindOf(err) != problem.InvalidEncryptionParameters {
		t.Error(err)
	}
	for id, c := range map[string]struct {
		p                            *ResponseEncryptionParameters
		encrypted, request, response bool
		fine                         bool
	}{
		"C20/clear":                   {nil, false, false, false, true},
		"C20/required_but_clear":      {nil, false, true, false, false},
		"C20/required_and_encrypted":  {nil, true, true, false, true},
		"C20/response_asked_in_clear": {p, false, false, false, false},
		"C20/response_asked":          {p, true, false, false, true},
		"C20/response_required":       {nil, true, false, true, false},
		"C20/all":                     {p, true, true, true, true},
	} {
		t.Run(id, func(t *testing.T) {
			err := CheckEncryption(c.p, c.encrypted, c.request, c.response)
			if (err == nil) != c.fine || err != nil && problem.KindOf(err) != problem.InvalidEncryptionParameters {
				t.Error(err)
			}
		})
	}
}

func FuzzParseCredentialRequest(f *testing.F) {
	f.Add([]byte(`{"credential_configuration_id":"a","proofs":{"jwt":["x"]},"credential_response_encryption":{"jwk":` + responseJWK + `,"enc":"A128GCM"}}`))
	f.Add([]byte(`{"credential_identifier":"a","proofs":{"attestation":["x"]}}`))
	f.Add([]byte(`{"proof":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseCredentialRequest(body)
		if err != nil {
			switch problem.KindOf(err) {
			case problem.InvalidCredentialRequest, problem.InvalidProof, problem.InvalidEncryptionParameters:
			default:
				t.Errorf("kind of %v", err)
			}
			if r != nil {
				t.Error("refused with a result")
			}
			return
		}
		if (r.ConfigurationID == "") == (r.Identifier == "") || len(r.Proofs.JWT) > 0 && len(r.Proofs.Attestation) > 0 {
			t.Errorf("%+v", r)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseCredentialRequest(text)
		if err != nil || back.ConfigurationID != r.ConfigurationID || back.Identifier != r.Identifier || !reflect.DeepEqual(back.Proofs, r.Proofs) {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
	})
}
