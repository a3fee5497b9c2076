package issuer_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
	"vidimus/internal/wallet"
)

// draft15 is the web of a wallet of the drafts up to 15: it sends the singular
// proof, and keeps what it gets.
type draft15 struct {
	wallet.Web
	answer []byte
}

func (d *draft15) Do(r *http.Request, limit int64) (*http.Response, []byte, error) {
	if !strings.HasSuffix(r.URL.Path, "/credential") {
		return d.Web.Do(r, limit)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	var request map[string]any
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, nil, err
	}
	if proofs, ok := request["proofs"].(map[string]any); ok {
		request["proof"] = map[string]any{"proof_type": "jwt", "jwt": proofs["jwt"].([]any)[0]}
		delete(request, "proofs")
	}
	if body, err = json.Marshal(request); err != nil {
		return nil, nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, answer, err := d.Web.Do(r, limit)
	d.answer = answer
	return resp, answer, err
}

// A wallet of an old draft is served where the office says so, and there alone.
func TestDraft15(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]bool{"as it is": false, "lenient": true} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, func(c *issuer.Config) { c.Leniency.Draft15 = on })
			o.serve().people()
			old := &draft15{}
			w := o.wallet(func(c *wallet.Config) { old.Web, c.Web = c.Web, old })
			offer := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}})
			_, err := w.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 1})
			if !on {
				if err == nil || !strings.Contains(string(old.answer), `"invalid_credential_request"`) && !strings.Contains(string(old.answer), `"invalid_proof"`) {
					t.Errorf("%v, %s", err, old.answer)
				}
				return
			}
			if err != nil || !strings.Contains(string(old.answer), `"c_nonce":"`) || !strings.Contains(string(old.answer), `"c_nonce_expires_in":`) {
				t.Errorf("%v, %s", err, old.answer)
			}
			// Nobody else notices.
			o.holds("DL-2", 2)
			today := &recorder{}
			w = o.wallet(func(c *wallet.Config) { today.Web, c.Web = c.Web, today })
			offer = o.offer(issuer.OfferWish{Documents: []string{"DL-3"}})
			if _, err := w.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 1}); err != nil || strings.Contains(string(today.answer), "c_nonce") {
				t.Errorf("%v, %s", err, today.answer)
			}
		})
	}
}

// recorder keeps the answer to the last credential request.
type recorder struct {
	wallet.Web
	answer []byte
}

func (d *recorder) Do(r *http.Request, limit int64) (*http.Response, []byte, error) {
	resp, answer, err := d.Web.Do(r, limit)
	if strings.HasSuffix(r.URL.Path, "/credential") {
		d.answer = answer
	}
	return resp, answer, err
}

// Metadata stand at the end of the identifier where the office says so, and there
// alone.
func TestOldWellKnown(t *testing.T) {
	t.Parallel()
	for want, on := range map[int]bool{404: false, 200: true} {
		o := newOffice(t, func(c *issuer.Config) {
			c.PublicURL = "http://" + c.Listen.Public + "/office"
			c.Leniency.OldWellKnown = on
		})
		o.serve()
		for _, name := range []string{"openid-credential-issuer", "oauth-authorization-server"} {
			if status, _, body := o.get(o.cfg.PublicURL + "/.well-known/" + name); status != want {
				t.Errorf("%s, %t: %d %s", name, on, status, body)
			}
			if status, _, body := o.get("http://" + o.cfg.Listen.Public + "/.well-known/" + name + "/office"); status != 200 {
				t.Errorf("%s where it belongs: %d %s", name, status, body)
			}
		}
	}
}

// An offer without a transaction code is made where the catalogue allows it, and
// for nothing that says who somebody is.
func TestWithoutTxCode(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.add("fishing.yaml", strings.Replace(fishing, "signer: angler", "signer: pid\nwithout_tx_code: true", 1))
	o.serve().people()
	o.push(issuer.FileEvent{Event: "document-put", Person: "P-3", Payload: json.RawMessage(
		`{"number":"FL-3","type":"fishing","issue_date":"2026-01-01","issuing_authority":"Inland Waters","issuing_country":"UT"}`)})
	offer := o.offer(issuer.OfferWish{Documents: []string{"FL-3"}, WithoutTxCode: true})
	if offer.TxCode != "" || strings.Contains(offer.URI, "tx_code") {
		t.Errorf("%+v", offer)
	}
	w := rawWallet{o, newKey(t)}
	_, token := w.token(offer.URI, "", w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, copy := w.credential("fishing", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token)); status != http.StatusOK || copy == "" {
		t.Errorf("%d %s", status, code)
	}
	if offer = o.offer(issuer.OfferWish{Documents: []string{"FL-3"}}); offer.TxCode == "" {
		t.Error("one without it although nobody asked")
	}
	for _, documents := range [][]string{{"DL-3"}, {"ID-3"}, {"FL-3", "DL-3"}} {
		_, err := o.desk().Offer(t.Context(), issuer.OfferWish{Documents: documents, WithoutTxCode: true, Key: "k" + documents[0]})
		if err == nil || !strings.Contains(err.Error(), "needs a transaction code") {
			t.Errorf("%v: %v", documents, err)
		}
	}
}
