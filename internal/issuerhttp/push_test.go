package issuerhttp_test

import (
	"strings"
	"testing"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
)

const pushForm = "response_type=code&client_id=w&state=x"

func (d *door) push(body string, header ...string) answer {
	d.t.Helper()
	return d.do("POST", d.at("/par"), body, append([]string{"Content-Type", form}, header...)...)
}

func TestPush(t *testing.T) {
	d := newDoor(t, nil)
	a := d.want(d.push(pushForm, "DPoP", "proof", "OAuth-Client-Attestation", "att", "OAuth-Client-Attestation-PoP", "pop"), 201)
	if a.body != `{"request_uri":"`+requestURI+`","expires_in":300}`+"\n" {
		t.Error(a.body)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Content-Type": "application/json", "DPoP-Nonce": "server-nonce", "OAuth-Client-Attestation-Challenge": "a-challenge",
		"Access-Control-Allow-Origin": "*",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, name := range []string{"DPoP-Nonce", "OAuth-Client-Attestation-Challenge", "WWW-Authenticate"} {
		if !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("a page cannot read %s", name)
		}
	}
	r := d.pushed[0]
	if r.DPoP != "proof" || len(r.Client.Attestation) != 1 || r.Client.Attestation[0] != "att" || len(r.Client.PoP) != 1 || r.Form.Get("state") != "x" {
		t.Errorf("%+v", r)
	}
	// Without an attestation no challenge is due.
	if a := d.want(d.push(pushForm), 201); a.Header.Get("OAuth-Client-Attestation-Challenge") != "" {
		t.Error("a challenge for nobody")
	}
	pre := d.do("OPTIONS", d.at("/par"), "", "Origin", "https://wallet.example", "Access-Control-Request-Method", "POST")
	if h := pre.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(h, "OAuth-Client-Attestation,") || !strings.Contains(h, "OAuth-Client-Attestation-PoP") {
		t.Errorf("preflight allows %s", h)
	}
}

// What is refused at PAR: RFC 9126, section 2.3.
func TestPushRefused(t *testing.T) {
	d := newDoor(t, nil)
	for name, c := range map[string]struct {
		a      answer
		status int
		code   string
	}{
		"B07/two DPoP headers":      {d.push(pushForm, "DPoP", "a", "DPoP", "b"), 400, "invalid_dpop_proof"},
		"B24/two attestations":      {d.push(pushForm, "OAuth-Client-Attestation", "a", "OAuth-Client-Attestation", "b"), 401, "invalid_client"},
		"B24/two proofs":            {d.push(pushForm, "OAuth-Client-Attestation-PoP", "a", "OAuth-Client-Attestation-PoP", "a"), 401, "invalid_client"},
		"two Authorization headers": {d.push(pushForm, "Authorization", "a", "Authorization", "b"), 400, "invalid_request"},
		"H06/a parameter twice":     {d.push(pushForm + "&state=y"), 400, "invalid_request"},
		"H06/a query":               {d.do("POST", d.at("/par?client_id=w"), pushForm, "Content-Type", form), 400, "invalid_request"},
		"H07/broken escape":         {d.push("state=%zz"), 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			if d.want(c.a, c.status); errorOf(t, c.a) != c.code {
				t.Error(c.a.body)
			}
			if c.a.Header.Get("DPoP-Nonce") == "" && c.status != 400 {
				t.Error("no nonce for the next try")
			}
		})
	}
	if len(d.pushed) != 0 {
		t.Errorf("%d requests were pushed", len(d.pushed))
	}
	for kind, status := range map[problem.Kind]int{
		problem.UseDPoPNonce: 400, problem.UseAttestationChallenge: 400, problem.UseFreshAttestation: 400, problem.InvalidClientAttestation: 401,
		problem.InvalidClient: 401, problem.UnsupportedResponseType: 400, problem.InvalidScope: 400, problem.InvalidAuthorizationDetails: 400, problem.InvalidTarget: 400,
	} {
		d.fail = problem.New(kind, "why")
		a := d.want(d.push(pushForm, "OAuth-Client-Attestation", "a"), status)
		if errorOf(t, a) != string(kind) || a.Header.Get("DPoP-Nonce") != "server-nonce" || a.Header.Get("OAuth-Client-Attestation-Challenge") != "a-challenge" {
			t.Errorf("%s: %s, %v", kind, a.body, a.Header)
		}
	}
	// H10, H05, H02.
	for _, method := range []string{"GET", "PUT"} {
		if a := d.want(d.do(method, d.at("/par"), ""), 405); !strings.Contains(a.Header.Get("Allow"), "POST") {
			t.Errorf("Allow %q", a.Header.Get("Allow"))
		}
	}
	d.want(d.do("POST", d.at("/par"), "{}", "Content-Type", "application/json"), 415)
	d.want(d.push("x="+strings.Repeat("x", 70<<10)), 413)
}

func TestChallenge(t *testing.T) {
	d := newDoor(t, nil)
	a := d.want(d.do("POST", d.at("/challenge"), ""), 200)
	if a.body != `{"attestation_challenge":"a-challenge"}`+"\n" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	d.want(d.do("GET", d.at("/challenge"), ""), 405)
	d = newDoor(t, func(c *issuerhttp.PublicConfig) { c.Challenges, c.Nonces = nil, nil })
	d.want(d.do("POST", d.at("/challenge"), ""), 404)
	if a := d.want(d.push(pushForm, "OAuth-Client-Attestation", "a"), 201); a.Header.Get("DPoP-Nonce")+a.Header.Get("OAuth-Client-Attestation-Challenge") != "" {
		t.Errorf("%v", a.Header)
	}
}
