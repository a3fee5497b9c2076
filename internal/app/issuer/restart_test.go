package issuer_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
)

// rawWallet speaks to the endpoints one by one, so that a test can stand
// between two of them.
type rawWallet struct {
	*office
	dpop *ecdsa.PrivateKey
}

func (w rawWallet) proof(url, token string) string {
	w.t.Helper()
	p, err := oauth.SignDPoP(w.dpop, http.MethodPost, url, token, "", rand.Text(), w.clock.Now(), rand.Reader)
	w.must(err)
	return p
}

// token redeems an offer with a DPoP proof.
func (w rawWallet) token(offerURI, txCode, proof string) (int, string) {
	w.t.Helper()
	o, _, err := oid4vci.ParseOfferURI(offerURI, true)
	w.must(err)
	form := url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {o.PreAuthorized.Code}, "tx_code": {txCode}}
	status, _, body := w.post(w.cfg.PublicURL+"/token", "application/x-www-form-urlencoded", form.Encode(), "DPoP", proof)
	var answer struct {
		Token string `json:"access_token"`
	}
	if status != http.StatusServiceUnavailable { // which speaks HTTP alone
		w.must(json.Unmarshal([]byte(body), &answer))
	}
	return status, answer.Token
}

func (w rawWallet) nonce() string {
	w.t.Helper()
	status, _, body := w.post(w.cfg.PublicURL+"/nonce", "", "")
	if status != http.StatusOK {
		w.t.Fatalf("nonce: %d %s", status, body)
	}
	n, err := oid4vci.ParseNonceResponse([]byte(body))
	w.must(err)
	return n.CNonce
}

// credential asks for one copy, and gives status, error code and copy.
func (w rawWallet) credential(configuration, token, nonce, dpop string) (int, string, string) {
	w.t.Helper()
	proof, err := oid4vci.SignProof(newKey(w.t), w.cfg.PublicURL, nonce, "", w.clock.Now(), rand.Reader)
	w.must(err)
	body, err := json.Marshal(oid4vci.CredentialRequest{ConfigurationID: configuration, Proofs: oid4vci.Proofs{JWT: []string{proof}}})
	w.must(err)
	status, _, answer := w.post(w.cfg.PublicURL+"/credential", "application/json", string(body), "Authorization", "DPoP "+token, "DPoP", dpop)
	var out struct {
		Error       string               `json:"error"`
		Credentials []oid4vci.Credential `json:"credentials"`
	}
	w.must(json.Unmarshal([]byte(answer), &out))
	if len(out.Credentials) == 1 {
		return status, out.Error, out.Credentials[0].Credential
	}
	return status, out.Error, ""
}

// TestRestart ends the office at every step and starts it again on the same
// state: what was given stays good, what was used stays used.
func TestRestart(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	w := rawWallet{o, newKey(t)}
	wish := issuer.OfferWish{Person: "P-3", Key: "counter 7, no. 12"}
	offer := o.offer(wish)
	tokenURL, credentialURL := o.cfg.PublicURL+"/token", o.cfg.PublicURL+"/credential"

	if status, _ := w.token(offer.URI, wrong(offer.TxCode), w.proof(tokenURL, "")); status != http.StatusBadRequest {
		t.Fatalf("a wrong transaction code: %d", status)
	}
	o.restart()
	if again := o.offer(wish); again.URI != offer.URI || again.TxCode != offer.TxCode {
		t.Error("the same key gives another offer after a restart")
	}
	for range 3 {
		if status, _ := w.token(offer.URI, wrong(offer.TxCode), w.proof(tokenURL, "")); status != http.StatusBadRequest {
			t.Fatal("a wrong transaction code passes")
		}
	}
	o.restart() // four of five tries are used, over three lives of the process
	used := w.proof(tokenURL, "")
	status, token := w.token(offer.URI, offer.TxCode, used)
	if status != http.StatusOK {
		t.Fatalf("the fifth try: %d", status)
	}
	nonce := w.nonce()
	o.restart()

	t.Run("offer is used", func(t *testing.T) {
		if status, _ := w.token(offer.URI, offer.TxCode, w.proof(tokenURL, "")); status != http.StatusBadRequest {
			t.Errorf("%d", status)
		}
	})
	t.Run("token and nonce are good", func(t *testing.T) {
		dpop := w.proof(credentialURL, token)
		if status, code, copy := w.credential("mdl", token, nonce, dpop); status != http.StatusOK || copy == "" {
			t.Fatalf("%d %s", status, code)
		}
		o.restart()
		if status, code, _ := w.credential("mdl", token, w.nonce(), dpop); status != http.StatusUnauthorized || code != "invalid_dpop_proof" {
			t.Errorf("a proof is good twice: %d %s", status, code)
		}
		if status, code, _ := w.credential("mdl", token, nonce, w.proof(credentialURL, token)); status != http.StatusBadRequest || code != "invalid_nonce" {
			t.Errorf("a nonce is good twice: %d %s", status, code)
		}
		if status, code, _ := w.credential("pid-sd-jwt", token, w.nonce(), w.proof(credentialURL, token)); status != http.StatusOK {
			t.Errorf("the token is gone: %d %s", status, code)
		}
	})
	t.Run("event is applied once", func(t *testing.T) {
		feed := o.feed(issuer.FeedConfig{})
		sent := o.push(issuer.Annulment("DL-3"))
		first, err := feed.Settled(t.Context(), sent[0])
		o.must(err)
		o.restart()
		again, err := feed.Receipt(t.Context(), sent[0].JTI)
		o.must(err)
		if again.State != "covered" || again.Version != first.Version || again.CoveredAt != first.CoveredAt || again.JTI != first.JTI {
			t.Errorf("receipt %+v, before %+v", again, first)
		}
		if n := revoked(o); n != 1 {
			t.Errorf("%d entries are INVALID", n)
		}
	})
	t.Run("token expires", func(t *testing.T) {
		o.clock.Advance(6 * time.Minute)
		if status, code, _ := w.credential("pid-sd-jwt", token, w.nonce(), w.proof(credentialURL, token)); status != http.StatusUnauthorized || code != "invalid_token" {
			t.Errorf("%d %s", status, code)
		}
	})
}

// A list is published soon after the first copy that refers to it, and not at
// the next tick of five minutes.
func TestNewListIsPublished(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) { c.Status.Tick = c.Status.TTL }).serve().people()
	w := rawWallet{o, newKey(t)}
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token)); status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	// The list is published by a goroutine of the office; its port tells when.
	o.soon("the list of lists names it", func() bool {
		uris, err := i.Lists(t.Context())
		o.must(err)
		return len(uris) == o.cfg.Status.OpenLists
	})
}

// revoked counts the INVALID entries of all published lists.
func revoked(o *office) (n int) {
	o.t.Helper()
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	uris, err := i.Lists(o.t.Context())
	o.must(err)
	for _, uri := range uris {
		token, err := i.Fetch(o.t.Context(), uri, "cwt")
		o.must(err)
		list, err := token.List()
		o.must(err)
		n += list.Count()
	}
	return n
}

// A revocation whose lists were not published before the end is published by
// the next start, and its receipt completed.
func TestRevocationAcrossTheEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	w := rawWallet{o, newKey(t)}
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token)); status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	sent := o.push(issuer.Annulment("DL-1"))
	o.restart() // most likely before the kick was followed
	r, err := o.feed(issuer.FeedConfig{}).Settled(t.Context(), sent[0])
	o.must(err)
	if r.State != "covered" || revoked(o) != 1 {
		t.Errorf("receipt %+v", r)
	}
	if !strings.Contains(o.log.String(), "msg=stopped") {
		t.Error("the end is not logged")
	}
}
