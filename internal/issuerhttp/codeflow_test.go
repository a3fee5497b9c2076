package issuerhttp_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

// verifier is what the wallet keeps to itself until it redeems the code.
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// pushed is a request at PAR that is good.
func (wa *wallet) pushed() answer {
	wa.w.t.Helper()
	challenge := sha256.Sum256([]byte(verifier))
	body := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {walletBack}, "scope": {"mdl"}, "state": {strings.Repeat("s", 1200)},
		"code_challenge": {jose.EncodeBase64URL(challenge[:])}, "code_challenge_method": {"S256"}, "ui_locales": {"de-LU en"},
	}.Encode()
	return wa.w.do("POST", wa.w.at("/par"), body, "Content-Type", form, "DPoP", wa.proof(publicURL+"/par"))
}

func (wa *wallet) redeem(code string) answer {
	wa.w.t.Helper()
	body := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {walletBack}, "client_id": {client}, "code_verifier": {verifier}}.Encode()
	return wa.w.do("POST", wa.w.at("/token"), body, "Content-Type", form, "DPoP", wa.proof(publicURL+"/token"))
}

// From a wallet that nobody offered anything to, to its credentials: PAR, login,
// the page, the code, the token.
func TestCodeFlow(t *testing.T) {
	w := newWorld(t, limits{})
	w.fill()
	wa := &wallet{w: w, key: newKey(t)}
	a := w.want(wa.pushed(), 201)
	request := a.member(t, "request_uri")
	var p struct {
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.ExpiresIn <= 0 || p.ExpiresIn >= 600 || a.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	b := w.browser()
	a = b.login(request)
	if a.Header.Get("Content-Language") != "de" || !strings.Contains(a.body, "DL-1") || !strings.Contains(a.body, "Führerschein") {
		t.Error(a.body)
	}
	form := form0(a, authorizePage+"/approve")

	// Many clicks at once give one code; so do two browsers.
	codes := make(chan string, 8)
	var clicks sync.WaitGroup
	for range 8 {
		clicks.Go(func() {
			other := w.browser()
			for name, value := range b.cookies {
				other.cookies[name] = value
			}
			a := other.do("POST", authorizePage+"/approve", form)
			switch a.StatusCode {
			case 303:
				codes <- a.Header.Get("Location")
			case 400:
			default:
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
	}
	clicks.Wait()
	close(codes)
	if len(codes) != 1 {
		t.Fatalf("%d codes", len(codes))
	}
	back, err := url.Parse(<-codes)
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	// B06: the answer names its issuer.
	if !strings.HasPrefix(back.String(), walletBack+"?") || q.Get("state") != strings.Repeat("s", 1200) || q.Get("iss") != publicURL || len(q.Get("code")) < 32 {
		t.Fatalf("sent on to %s", back)
	}
	a = w.want(wa.redeem(q.Get("code")), 200)
	wa.token = a.member(t, "access_token")
	a = w.want(wa.ask("/credential", w.request("mdl", 2)), 200)
	resp, err := oid4vci.ParseCredentialResponse([]byte(a.body))
	if err != nil || len(resp.Credentials) != 2 {
		t.Fatalf("%v, %v", resp, err)
	}
	// Bad input B04: the request is used up. B01: so is the code, and what it gave
	// ends with a second try.
	w.want(b.get(page(request)), 400)
	fresh := &wallet{w: w, key: wa.key}
	if a := w.want(fresh.redeem(q.Get("code")), 400); a.member(t, "error") != "invalid_grant" {
		t.Error(a.body)
	}
	w.want(wa.ask("/credential", w.request("mdl", 1)), 401)
}

// A person who says no sends the wallet home empty-handed.
func TestCodeFlowDenied(t *testing.T) {
	w := newWorld(t, limits{})
	w.fill()
	wa := &wallet{w: w, key: newKey(t)}
	request := w.want(wa.pushed(), 201).member(t, "request_uri")
	b := w.browser()
	a := b.login(request)
	a = w.want(b.do("POST", authorizePage+"/deny", form0(a, authorizePage+"/deny")), 303)
	back, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if q := back.Query(); q.Get("error") != "access_denied" || q.Get("iss") != publicURL || q.Get("code") != "" || len(q.Get("state")) != 1200 {
		t.Errorf("sent on to %s", back)
	}
}
