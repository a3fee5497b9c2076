package issuer_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// Offers as a wallet meets them: VCI 1.0, section 4.1.
func TestConformanceOffer(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	check := func(t *testing.T, text string) object {
		m := reply{body: text}.members(t)
		grants, _ := m["grants"].(object)
		if m["credential_issuer"] != o.cfg.PublicURL || len(list(m["credential_configuration_ids"])) == 0 || len(grants) != 1 || unknown(m, "credential_issuer credential_configuration_ids grants") != nil {
			t.Error(text)
		}
		return grants
	}
	preAuthorized := func(t *testing.T, text string) {
		g, _ := check(t, text)[oid4vci.GrantPreAuthorized].(object)
		tx, _ := g["tx_code"].(object)
		code, _ := g["pre-authorized_code"].(string)
		if bits(code) < 128 || unknown(g, "pre-authorized_code tx_code") != nil || tx["length"] != 6.0 || tx["input_mode"] != "numeric" || unknown(tx, "length input_mode description") != nil {
			t.Error(text)
		}
		if strings.Contains(text, offer.TxCode) {
			t.Error("the transaction code is in the offer")
		}
	}
	t.Run("by value", func(t *testing.T) {
		u, err := url.Parse(offer.URI)
		o.must(err)
		preAuthorized(t, u.Query().Get("credential_offer"))
	})
	t.Run("VCIFetchCredentialOfferFromCredentialOfferUri", func(t *testing.T) {
		u, err := url.Parse(offer.Reference)
		o.must(err)
		status, header, body := o.get(u.Query().Get("credential_offer_uri"))
		if status != http.StatusOK || header.Get("Content-Type") != "application/json" || !strings.HasPrefix(u.Query().Get("credential_offer_uri"), o.cfg.PublicURL+issuerhttp.OffersPath+"/") {
			t.Fatalf("%d %s", status, body)
		}
		preAuthorized(t, body)
	})
	// An offer for the code flow holds no secret; what it brings comes back.
	t.Run("VCITryToExtractIssuerStateFromCredentialOffer", func(t *testing.T) {
		made := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}, Login: true})
		u, err := url.Parse(made.URI)
		o.must(err)
		text := u.Query().Get("credential_offer")
		g, _ := check(t, text)["authorization_code"].(object)
		state, _ := g["issuer_state"].(string)
		if state == "" || unknown(g, "issuer_state") != nil {
			t.Fatal(text)
		}
		for _, s := range []string{state, "a-state-of-somebody"} {
			if r := o.phone(ca).pushes("issuer_state", s); r.status != http.StatusCreated {
				t.Errorf("%d %s", r.status, r.body)
			}
		}
	})
	t.Run("VCIExtractPreAuthorizedCodeAndTxCodeFromCredentialOffer", func(t *testing.T) {
		u := o.phone(ca)
		parsed, _, err := oid4vci.ParseOfferURI(offer.URI, true)
		o.must(err)
		r := u.took(u.asks(issuerhttp.TokenPath, url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {parsed.PreAuthorized.Code}, "tx_code": {offer.TxCode}}))
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if r, _ := u.fetches("mdl", 1); len(r.Credentials) != 1 {
			t.Error("no credential")
		}
	})
}
