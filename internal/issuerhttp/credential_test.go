package issuerhttp_test

import (
	"strings"
	"testing"

	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

func (d *door) ask(path, typ, body string, header ...string) answer {
	d.t.Helper()
	return d.do("POST", d.at(path), body, append([]string{"Content-Type", typ, "Authorization", "DPoP token", "DPoP", "proof"}, header...)...)
}

// wantsSecret is a request that wants its answer encrypted.
func (d *door) wantsSecret(member string) string {
	d.t.Helper()
	jwk, err := jose.MarshalPublicKey(newKey(d.t).Public())
	if err != nil {
		d.t.Fatal(err)
	}
	key := strings.TrimSuffix(string(jwk), "}") + `,"alg":"ECDH-ES"}`
	return `{` + member + `,"credential_response_encryption":{"jwk":` + key + `,"enc":"A256GCM"}}`
}

func TestEncryptedCredentials(t *testing.T) {
	d := newDoor(t, nil)
	const plain, sealed = "application/json", "application/jwt"
	const member = `"credential_configuration_id":"mdl"`
	a := d.want(d.ask("/credential", plain, `{`+member+`}`), 200)
	if a.Header.Get("Content-Type") != plain || a.Header.Get("DPoP-Nonce") != "resource-nonce" || d.request.Encrypted || !strings.Contains(a.body, `"credential":"abc"`) {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	a = d.want(d.ask("/credential", sealed, "sealed:"+d.wantsSecret(member)), 200)
	if a.Header.Get("Content-Type") != sealed || !strings.HasPrefix(a.body, `A256GCM:{"credentials":`) || !d.request.Encrypted {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	// An encrypted request may want an answer in clear.
	if a = d.want(d.ask("/credential", sealed, "sealed:{"+member+"}"), 200); a.Header.Get("Content-Type") != plain {
		t.Errorf("%v", a.Header)
	}
	// C20: what cannot be decrypted, and a wish in clear for a secret answer:
	// refusals are in clear.
	for _, a := range []answer{d.ask("/credential", sealed, "{"+member+"}"), d.ask("/credential", plain, d.wantsSecret(member))} {
		if d.want(a, 400); errorOf(t, a) != "invalid_encryption_parameters" || a.Header.Get("Content-Type") != plain {
			t.Errorf("%s, %v", a.body, a.Header)
		}
	}
	// 202 is encrypted like 200.
	d.response = &oid4vci.CredentialResponse{TransactionID: "tr", Interval: 60}
	if a = d.want(d.ask("/credential", sealed, "sealed:"+d.wantsSecret(member)), 202); a.body != `A256GCM:{"transaction_id":"tr","interval":60}` {
		t.Error(a.body)
	}
	if a = d.want(d.ask("/credential", plain, `{`+member+`}`), 202); a.body != `{"transaction_id":"tr","interval":60}`+"\n" || a.Header.Get("Cache-Control") != "no-store" {
		t.Error(a.body)
	}

	d = newDoor(t, func(c *issuerhttp.PublicConfig) { c.Encryption = nil })
	d.want(d.ask("/credential", sealed, "sealed:{"+member+"}"), 415)
}

func TestDeferred(t *testing.T) {
	d := newDoor(t, nil)
	const body = `{"transaction_id":"tr"}`
	a := d.want(d.ask("/deferred_credential", "application/json", body), 200)
	if !strings.Contains(a.body, `"credential":"abc"`) || d.deferred.TransactionID != "tr" || a.Header.Get("DPoP-Nonce") != "resource-nonce" {
		t.Error(a.body)
	}
	a = d.want(d.ask("/deferred_credential", "application/jwt", "sealed:"+d.wantsSecret(`"transaction_id":"tr"`)), 200)
	if a.Header.Get("Content-Type") != "application/jwt" || !d.deferred.Encrypted {
		t.Error(a.body)
	}
	d.response = &oid4vci.CredentialResponse{TransactionID: "tr", Interval: 60}
	d.want(d.ask("/deferred_credential", "application/json", body), 202)
	for kind, status := range map[problem.Kind]int{problem.InvalidTransactionID: 400, problem.CredentialRequestDenied: 400, problem.Unavailable: 503} {
		a := d.askFailing("/deferred_credential", body, problem.New(kind, "why"))
		if d.want(a, status); status == 400 && errorOf(t, a) != string(kind) {
			t.Error(a.body)
		}
	}
	// D01: what is no request.
	for _, bad := range []string{"", "[]", "{}", `{"transaction_id":""}`, `{"transaction_id":1}`} {
		if a := d.want(d.ask("/deferred_credential", "application/json", bad), 400); errorOf(t, a) != "invalid_credential_request" {
			t.Errorf("%s: %s", bad, a.body)
		}
	}
	d = newDoor(t, func(c *issuerhttp.PublicConfig) { c.Deferred = nil })
	d.want(d.ask("/deferred_credential", "application/json", body), 404)
}

// askFailing lets the service, and not the check of the token, fail.
func (d *door) askFailing(path, body string, err error) answer {
	d.t.Helper()
	d.failDeferred = err
	defer func() { d.failDeferred = nil }()
	return d.ask(path, "application/json", body)
}

// Refusals of an access token: RFC 6750 section 3.1, RFC 9449 section 7.1.
func TestTokenChallenge(t *testing.T) {
	d := newDoor(t, nil)
	for _, path := range []string{"/credential", "/deferred_credential", "/notification"} {
		a := d.want(d.do("POST", d.at(path), "{}", "Content-Type", "application/json"), 401)
		if got := a.Header.Get("WWW-Authenticate"); got != `DPoP algs="ES256"` {
			t.Errorf("%s without a token: %s", path, got)
		}
		for kind, status := range map[problem.Kind]int{
			problem.UseDPoPNonce: 401, problem.InvalidDPoPProof: 401, problem.InvalidToken: 401, problem.InsufficientScope: 403,
		} {
			d.fail = problem.New(kind, "why")
			a := d.want(d.ask(path, "application/json", "{}"), status)
			if got := a.Header.Get("WWW-Authenticate"); got != `DPoP algs="ES256", error="`+string(kind)+`", error_description="why"` || a.Header.Get("DPoP-Nonce") != "resource-nonce" {
				t.Errorf("%s, %s: %s, %v", path, kind, got, a.Header)
			}
		}
		// B07, B20: exactly one of each header, and no token elsewhere.
		a = d.want(d.ask(path, "application/json", "{}", "DPoP", "second"), 401)
		if errorOf(t, a) != "invalid_dpop_proof" {
			t.Error(a.body)
		}
		d.want(d.ask(path, "application/json", "{}", "Authorization", "DPoP other"), 400)
		d.want(d.ask(path+"?access_token=token", "application/json", "{}"), 400)
	}
}

// final stands for a refusal that time will not change.
type final struct{ error }

func (final) As(target any) bool {
	into, ok := target.(**issuance.FinalError)
	if ok {
		*into = &issuance.FinalError{}
	}
	return ok
}

// After a refusal for good the grant ends; after another it does not.
func TestFinalRefusal(t *testing.T) {
	d := newDoor(t, nil)
	denied := problem.New(problem.CredentialRequestDenied, "no")
	if a := d.want(d.askFailing("/deferred_credential", `{"transaction_id":"tr"}`, denied), 400); errorOf(t, a) != "credential_request_denied" || len(d.ended) != 0 {
		t.Errorf("%s, ended %v", a.body, d.ended)
	}
	a := d.want(d.askFailing("/deferred_credential", `{"transaction_id":"tr"}`, problem.Wrap(problem.CredentialRequestDenied, final{denied}, "no")), 400)
	if errorOf(t, a) != "credential_request_denied" || len(d.ended) != 1 {
		t.Errorf("%s, ended %v", a.body, d.ended)
	}
}
