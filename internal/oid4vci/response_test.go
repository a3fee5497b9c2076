package oid4vci

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

func TestCredentialResponse(t *testing.T) {
	for want, r := range map[string]CredentialResponse{
		`{"credentials":[{"credential":"a~"},{"credential":"b~"}],"notification_id":"ntf-81"}`: {Credentials: []Credential{{Credential: "a~"}, {Credential: "b~"}}, NotificationID: "ntf-81"},
		`{"transaction_id":"tr-9f2","interval":3600}`:                                          {TransactionID: "tr-9f2", Interval: 3600},
	} {
		text, err := json.Marshal(r)
		if err != nil || string(text) != want {
			t.Errorf("%s, %v", text, err)
		}
		back, err := ParseCredentialResponse(text)
		if err != nil || !reflect.DeepEqual(*back, r) {
			t.Errorf("%+v, %v", back, err)
		}
	}
	for _, text := range []string{`{}`, `{"credentials":[]}`, `{"credentials":[{"credential":"a"}],"transaction_id":"x","interval":1}`, `{"transaction_id":"x"}`, `{"transaction_id":"x","interval":0}`,
		`{"transaction_id":"x","interval":-1}`, `{"transaction_id":"x","interval":5,"notification_id":"n"}`, `{"credentials":[{}]}`, `{"credentials":[{"credential":1}]}`, `{"credential":"old"}`, `[]`} {
		if r, err := ParseCredentialResponse([]byte(text)); err == nil || r != nil {
			t.Errorf("%s: %+v", text, r)
		}
	}
}

// What is appended is what the library would write.
func TestAppendCredentialResponse(t *testing.T) {
	texts := []string{"", "a~", "12345678", strings.Repeat("aZ09-_", 5000) + "~", "1234567\"", "a\\b", "<>&", "é", "\x00", "\x7f", "\xff", "\u2028", "12345678\n"}
	for i := range 200 {
		r := CredentialResponse{}
		for j := range i % 4 {
			c := Credential{Credential: texts[(i+j*j)%len(texts)]}
			if i&32 != 0 {
				c = OctetCredential([]byte(c.Credential))
			}
			r.Credentials = append(r.Credentials, c)
		}
		if i&4 != 0 {
			r.NotificationID = texts[i%len(texts)]
		}
		if i&8 != 0 {
			r.TransactionID, r.Interval = "t", i
		}
		if i&16 != 0 {
			r.CNonce, r.CNonceExpiresIn = "n", 1
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.AppendJSON([]byte("before"))
		if err != nil || string(got) != "before"+string(want) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

func TestTokenResponse(t *testing.T) {
	r := TokenResponse{AccessToken: "x", TokenType: "DPoP", ExpiresIn: 300, AuthorizationDetails: []AuthorizationDetail{
		{Type: TypeCredential, CredentialConfigurationID: "pid-sd-jwt", CredentialIdentifiers: []string{"pid-4711"}}}}
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "nonce") {
		t.Fatalf("%s, %v", text, err)
	}
	if back, err := ParseTokenResponse(text); err != nil || !reflect.DeepEqual(*back, r) {
		t.Errorf("%+v, %v", back, err)
	}
	for _, text := range []string{`{}`, `{"access_token":"x"}`, `{"access_token":"x","token_type":"mac"}`, `{"token_type":"DPoP"}`, `{"access_token":"x","token_type":"DPoP","expires_in":"300"}`,
		`{"access_token":"x","token_type":"DPoP","expires_in":-1}`, `{"access_token":"x","token_type":"DPoP","authorization_details":[{"type":"openid_credential"}]}`} {
		if r, err := ParseTokenResponse([]byte(text)); err == nil || r != nil {
			t.Errorf("%s: %+v", text, r)
		}
	}
}

func TestErrorResponse(t *testing.T) {
	e, err := ParseErrorResponse([]byte(`{"error":"invalid_nonce","error_description":"fetch a new one"}`))
	if err != nil || e.Code != "invalid_nonce" || e.Error() != "invalid_nonce: fetch a new one" {
		t.Errorf("%+v, %v", e, err)
	}
	var _ *TokenError = e
	if text, _ := json.Marshal(ErrorResponse{Code: "invalid_grant"}); string(text) != `{"error":"invalid_grant"}` {
		t.Errorf("%s", text)
	}
	if e, err = ParseErrorResponse([]byte(`{"error":"x"}`)); err != nil || e.Error() != "x" {
		t.Errorf("%+v, %v", e, err)
	}
	for _, text := range []string{`{}`, `{"error":""}`, `{"error":"x","error_description":null}`, `<html>`} {
		if e, err := ParseErrorResponse([]byte(text)); err == nil || e != nil {
			t.Errorf("%s: %+v", text, e)
		}
	}
}

func TestNonceResponse(t *testing.T) {
	if text, _ := json.Marshal(NonceResponse{"abc"}); string(text) != `{"c_nonce":"abc"}` {
		t.Errorf("%s", text)
	}
	if n, err := ParseNonceResponse([]byte(`{"c_nonce":"abc","c_nonce_expires_in":5}`)); err != nil || n.CNonce != "abc" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, text := range []string{`{}`, `{"c_nonce":""}`, `{"c_nonce":1}`} {
		if n, err := ParseNonceResponse([]byte(text)); err == nil || n != nil {
			t.Errorf("%s: %+v", text, n)
		}
	}
}

func TestDeferredRequest(t *testing.T) {
	r, err := ParseDeferredRequest([]byte(`{"transaction_id":"tr-1","credential_response_encryption":{"jwk":` + responseJWK + `,"enc":"A128GCM"}}`))
	if err != nil || r.TransactionID != "tr-1" || r.ResponseEncryption == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseDeferredRequest(text); err != nil || back.TransactionID != "tr-1" || back.ResponseEncryption.Enc != "A128GCM" {
		t.Errorf("%+v, %v", back, err)
	}
	if text, _ := json.Marshal(DeferredRequest{TransactionID: "x"}); string(text) != `{"transaction_id":"x"}` {
		t.Errorf("%s", text)
	}
	for text, want := range map[string]problem.Kind{
		`{}`:                    problem.InvalidCredentialRequest,
		`{"transaction_id":""}`: problem.InvalidCredentialRequest,
		`{"transaction_id":1}`:  problem.InvalidCredentialRequest,
		`x`:                     problem.InvalidCredentialRequest,
		`{"transaction_id":"` + strings.Repeat("x", maxIdentifier+1) + `"}`:         problem.InvalidTransactionID,
		`{"transaction_id":"x","credential_response_encryption":{"enc":"A128GCM"}}`: problem.InvalidEncryptionParameters,
	} {
		if r, err := ParseDeferredRequest([]byte(text)); problem.KindOf(err) != want || r != nil {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

func TestNotification(t *testing.T) {
	for _, event := range []string{EventAccepted, EventDeleted, EventFailure} {
		n, err := ParseNotification([]byte(`{"notification_id":"n","event":"` + event + `","event_description":"d","more":1}`))
		if err != nil || n.ID != "n" || n.Event != event || n.Description != "d" {
			t.Errorf("%+v, %v", n, err)
		}
	}
	for text, want := range map[string]problem.Kind{
		`{}`:                                  problem.InvalidNotificationRequest,
		`{"notification_id":"n"}`:             problem.InvalidNotificationRequest,
		`{"event":"credential_accepted"}`:     problem.InvalidNotificationRequest,
		`{"notification_id":"n","event":"x"}`: problem.InvalidNotificationRequest,
		`{"notification_id":1,"event":"credential_accepted"}`: problem.InvalidNotificationRequest,
		`[]`: problem.InvalidNotificationRequest,
		`{"notification_id":"` + strings.Repeat("x", maxIdentifier+1) + `","event":"credential_accepted"}`: problem.InvalidNotificationID,
	} {
		if n, err := ParseNotification([]byte(text)); problem.KindOf(err) != want || n != nil {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

// A key that cannot be written must not become an empty member.
func TestWritingRefuses(t *testing.T) {
	bad := &ResponseEncryptionParameters{Key: &jose.Key{}, Enc: "A128GCM"}
	if text, err := json.Marshal(CredentialRequest{Identifier: "x", ResponseEncryption: bad}); err == nil {
		t.Errorf("%s", text)
	}
	if text, err := json.Marshal(DeferredRequest{TransactionID: "x", ResponseEncryption: bad}); err == nil {
		t.Errorf("%s", text)
	}
}
