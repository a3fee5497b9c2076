package issuer_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/wallet"
)

// holder is a wallet and what is in it. Each offer that it takes up makes it
// another wallet unit, since it has a key for each.
type holder struct {
	*office
	*wallet.Wallet
	store *wallet.Store
}

func (o *office) holder(change ...func(*wallet.Config)) *holder {
	o.t.Helper()
	h := &holder{office: o}
	h.Wallet = o.wallet(append(change, func(c *wallet.Config) { h.store = c.Store })...)
	return h
}

// holds gives copies of a document to a new wallet.
func (o *office) holds(document string, copies int) *holder {
	o.t.Helper()
	h := o.holder()
	h.takes(o.offer(issuer.OfferWish{Documents: []string{document}}), copies)
	return h
}

// takes takes up an offer.
func (h *holder) takes(offer *issuerhttp.OfferResponse, copies int) {
	h.t.Helper()
	_, err := h.Accept(h.t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: copies})
	h.must(err)
}

// value gives what the newest batch of a configuration says under a name, as
// JSON; "" when it says nothing.
func (h *holder) value(configuration, name string) string {
	h.t.Helper()
	list, err := h.store.List()
	h.must(err)
	var newest wallet.Batch
	for _, b := range list {
		if b.Configuration == configuration && !b.Received.Before(newest.Received) {
			newest = b
		}
	}
	_, values, err := h.store.Contents(newest.ID)
	h.must(err)
	for _, v := range values {
		if v.Name == name {
			raw, err := json.Marshal(v.JSON)
			h.must(err)
			return string(raw)
		}
	}
	return ""
}

// categories are those of the newest licence.
func (h *holder) categories() string {
	h.t.Helper()
	var list []struct {
		Category string `json:"vehicle_category_code"`
	}
	h.must(json.Unmarshal([]byte(h.value("mdl", "driving_privileges")), &list))
	out := []string{}
	for _, p := range list {
		out = append(out, p.Category)
	}
	return fmt.Sprint(out)
}

// unit is the wallet unit that has copies of a document, and is not one of
// those known already.
func (o *office) unit(document string, known ...string) string {
	o.t.Helper()
	copies, err := o.app.Store().Copies(o.t.Context(), document)
	o.must(err)
	for _, c := range copies {
		if c.Wallet == "" {
			o.t.Fatal("the copy has no wallet unit")
		}
		if !slices.Contains(known, c.Wallet) {
			return c.Wallet
		}
	}
	o.t.Fatal("no other wallet unit")
	return ""
}
