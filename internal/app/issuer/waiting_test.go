package issuer_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

// waiter is a wallet that keeps its tokens, and asks again.
type waiter struct {
	rawWallet
	access, refreshing string
}

// answer is what an endpoint says.
type answer struct {
	status         int
	Error          string
	AccessToken    string               `json:"access_token"`
	RefreshToken   string               `json:"refresh_token"`
	TransactionID  string               `json:"transaction_id"`
	Interval       int                  `json:"interval"`
	Credentials    []oid4vci.Credential `json:"credentials"`
	NotificationID string               `json:"notification_id"`
}

func (w *waiter) says(path, mediaType, body string, header ...string) (a answer) {
	w.t.Helper()
	var text string
	a.status, _, text = w.post(w.cfg.PublicURL+path, mediaType, body, header...)
	if text == "" {
		return a
	}
	members, err := jose.Members([]byte(text))
	w.must(err)
	for name, into := range map[string]any{
		"error": &a.Error, "access_token": &a.AccessToken, "refresh_token": &a.RefreshToken, "transaction_id": &a.TransactionID,
		"interval": &a.Interval, "credentials": &a.Credentials, "notification_id": &a.NotificationID,
	} {
		if raw := members[name]; raw != nil {
			w.must(json.Unmarshal(raw, into))
		}
	}
	return a
}

// grantToken takes up an offer.
func (o *office) grantToken(t *testing.T, offer *issuerhttp.OfferResponse) *waiter {
	t.Helper()
	w := &waiter{rawWallet: rawWallet{o, newKey(t)}}
	parsed, _, err := oid4vci.ParseOfferURI(offer.URI, true)
	w.must(err)
	a := w.tokens(url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {parsed.PreAuthorized.Code}, "tx_code": {offer.TxCode}})
	if a.status != http.StatusOK || a.RefreshToken == "" {
		t.Fatalf("%+v", a)
	}
	w.refreshing = a.RefreshToken
	return w
}

func (w *waiter) tokens(form url.Values) answer {
	w.t.Helper()
	a := w.says("/token", "application/x-www-form-urlencoded", form.Encode(), "DPoP", w.proof(w.cfg.PublicURL+"/token", ""))
	if a.status == http.StatusOK {
		w.access = a.AccessToken
	}
	return a
}

// refresh gets another access token.
func (w *waiter) refresh() answer {
	w.t.Helper()
	return w.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.refreshing}})
}

func (w *waiter) send(path, body string) answer {
	w.t.Helper()
	return w.says(path, "application/json", body, "Authorization", "DPoP "+w.access, "DPoP", w.proof(w.cfg.PublicURL+path, w.access))
}

// ask asks for one copy.
func (w *waiter) ask(configuration string) answer {
	w.t.Helper()
	proof, err := oid4vci.SignProof(newKey(w.t), w.cfg.PublicURL, w.nonce(), "", w.clock.Now(), rand.Reader)
	w.must(err)
	body, err := json.Marshal(oid4vci.CredentialRequest{ConfigurationID: configuration, Proofs: oid4vci.Proofs{JWT: []string{proof}}})
	w.must(err)
	return w.send("/credential", string(body))
}

// later asks again for what it waits for.
func (w *waiter) later(id string) answer {
	w.t.Helper()
	return w.send("/deferred_credential", `{"transaction_id":"`+id+`"}`)
}

// want checks an answer: a copy (200), a wait (202), or a refusal.
func (a answer) want(t *testing.T, what string, status int, code string) answer {
	t.Helper()
	if a.status != status || a.Error != code || (len(a.Credentials) == 1) != (status == http.StatusOK) || (a.TransactionID != "" && a.Interval > 0) != (status == http.StatusAccepted) {
		t.Errorf("%s: %+v, want %d %s", what, a, status, code)
	}
	return a
}
