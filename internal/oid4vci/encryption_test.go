package oid4vci

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

func encryptionKey(t testing.TB, kid string) *jose.Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &jose.Key{Public: &private.PublicKey, Private: private, KeyID: kid, Use: "enc", Algorithm: AlgECDHES}
}

// What a wallet writes the issuer reads, and the other way, with either
// algorithm, compressed or not.
func TestEncryptionRoundTrip(t *testing.T) {
	issuerKey, walletKey := encryptionKey(t, "i"), encryptionKey(t, "w")
	find := func(kid string) *jose.Key {
		if kid == "i" {
			return issuerKey
		}
		return nil
	}
	for _, enc := range []string{"A128GCM", "A256GCM"} {
		for _, zip := range []string{"", "DEF"} {
			r := CredentialRequest{ConfigurationID: "a", Proofs: Proofs{JWT: []string{"x"}}, ResponseEncryption: &ResponseEncryptionParameters{Key: walletKey, Enc: enc, Zip: zip}}
			body, err := r.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			sent, err := EncryptRequest(issuerKey, enc, zip, body, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			text, err := DecryptRequest(sent, find)
			if err != nil || !bytes.Equal(text, body) {
				t.Fatalf("%s %s: %s, %v", enc, zip, text, err)
			}
			read, err := ParseCredentialRequest(text)
			if err != nil || read.ResponseEncryption.Enc != enc || read.ResponseEncryption.Zip != zip || read.ResponseEncryption.Key.KeyID != "w" || read.Encrypted {
				t.Fatalf("%s %s: %+v, %v", enc, zip, read, err)
			}
			answer := []byte(`{"credentials":[{"credential":"` + strings.Repeat("c", 5000) + `"}]}`)
			token, err := read.ResponseEncryption.Encrypt(answer, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if zip == "DEF" && len(token) > 2000 {
				t.Errorf("%d characters, compressed", len(token))
			}
			if got, err := DecryptResponse(token, walletKey); err != nil || !bytes.Equal(got, answer) {
				t.Errorf("%s %s: %v", enc, zip, err)
			}
			if _, err := DecryptResponse(token, issuerKey); err == nil {
				t.Error("opened with another key")
			}
		}
	}
}

func TestBadInputsEncryption(t *testing.T) {
	key := encryptionKey(t, "i")
	find := func(kid string) *jose.Key {
		if kid == "i" {
			return key
		}
		return nil
	}
	bomb, err := EncryptRequest(key, "A128GCM", "DEF", bytes.Repeat([]byte{' '}, 8<<20), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := encryptionKey(t, "retired")
	retired, err := EncryptRequest(other, "A128GCM", "", []byte(`{}`), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, err := EncryptRequest(key, "A128GCM", "", []byte(`{}`), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(good, ".")
	for id, token := range map[string]string{
		"C18/zip_bomb":      bomb,
		"C19/wrong_kid":     retired,
		"C19/empty_tag":     strings.Join([]string{part[0], "", part[2], part[3], ""}, "."),
		"C19/short_tag":     strings.Join([]string{part[0], "", part[2], part[3], part[4][:15]}, "."),
		"C19/encrypted_key": strings.Join([]string{part[0], "AAAA", part[2], part[3], part[4]}, "."),
		"C19/plain":         `{"credential_configuration_id":"a"}`,
		"C19/empty":         "",
		"C19/dots":          strings.Repeat(".", 1<<20),
	} {
		text, err := DecryptRequest(token, find)
		if problem.KindOf(err) != problem.InvalidEncryptionParameters || text != nil {
			t.Errorf("%s: %d octets, %v", id, len(text), err)
		}
	}
}

func TestEncryptionMetadata(t *testing.T) {
	set := json.RawMessage(`{"keys":[` + responseJWK + `]}`)
	m := &IssuerMetadata{
		CredentialIssuer: issuer, CredentialEndpoint: issuer + "/c", Configurations: map[string]Configuration{},
		CredentialRequestEncryption: NewRequestEncryption(set, true), CredentialResponseEncryption: NewResponseEncryption(false),
	}
	if !strings.Contains(responseJWK, `"kid"`) {
		m.CredentialRequestEncryption.JWKS = json.RawMessage(strings.Replace(string(set), `{"kty"`, `{"kid":"1","kty"`, 1))
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"zip_values_supported":["DEF"]`, `"alg_values_supported":["ECDH-ES"]`, `"enc_values_supported":["A128GCM","A256GCM"]`, `"encryption_required":true`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
}

func FuzzDecryptRequest(f *testing.F) {
	key := encryptionKey(f, "i")
	for _, zip := range []string{"", "DEF"} {
		token, err := EncryptRequest(key, "A128GCM", zip, []byte(`{}`), rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(token)
	}
	f.Add("eyJhbGciOiJFQ0RILUVTIn0..AAAA.AAAA.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		text, err := DecryptRequest(token, func(string) *jose.Key { return key })
		if err != nil && (text != nil || problem.KindOf(err) != problem.InvalidEncryptionParameters) {
			t.Errorf("%q beside %v", text, err)
		}
	})
}
