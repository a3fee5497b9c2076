package issuer_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"os"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
)

// traces are the forms in which a text can lie in the database: as it is, and
// inside the base64url of a token, at each of three places.
func traces(text string) map[string][]byte {
	out := map[string][]byte{"plain": []byte(text)}
	for i, name := range []string{"in a token", "in a token, one later", "in a token, two later"} {
		coded := base64.RawURLEncoding.EncodeToString([]byte("xx"[:i] + text))
		// Without the ends, which its neighbours have a part in.
		out[name] = []byte(coded[4 : len(coded)-4])
	}
	return out
}

func (o *office) hits(text string) (found []string) {
	o.t.Helper()
	data, err := os.ReadFile(o.cfg.Path("issuer.db"))
	o.must(err)
	for where, form := range traces(text) {
		if bytes.Contains(data, form) {
			found = append(found, where)
		}
	}
	return found
}

// TestRetention: what is past its time is gone, to the octet once the file was
// compacted; what is not stays.
func TestRetention(t *testing.T) {
	o := newOffice(t).serve().people()
	w := rawWallet{o, newKey(t)}
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token)); status != 200 {
		t.Fatalf("%d %s", status, code)
	}
	const before = "Dvořák-Weber"
	o.push(issuer.FileEvent{Event: "person-put", Person: "P-1", Payload: []byte(`{"attributes": {"family_name": "Nova", "given_name": "Erika", "birth_date": "1984-01-26"}}`)})
	view := func() *issuer.RecordView {
		t.Helper()
		desk, err := issuer.OpenOffice(t.Context(), &o.cfg, issuer.Options{Clock: o.clock})
		o.must(err)
		defer desk.Close()
		v := &issuer.RecordView{}
		o.must(desk.Read(t.Context(), issuerhttp.RecordsPath, url.Values{"person": {"P-1"}, "purpose": {"audit"}}, v))
		return v
	}
	compact := func() {
		t.Helper()
		o.must(o.stop())
		_, err := issuer.Compact(o.cfg, rand.Reader)
		o.must(err)
	}

	// A day later nothing is due: the token of the event is proof.
	o.clock.Advance(24 * time.Hour)
	o.app.Retain(t.Context())
	if v := view(); copies(v) != 1 {
		t.Errorf("after a day: %+v", v)
	}
	compact()
	if len(o.hits(before)) == 0 {
		t.Fatal("the old name is nowhere, though its token is kept: the search is broken")
	}

	// After 50 days the tokens and the copies are past their time.
	o.clock.Advance(50 * 24 * time.Hour)
	o.serve()
	o.app.Retain(t.Context())
	if v := view(); copies(v) != 0 || v.Attributes["family_name"] != "Nova" {
		t.Errorf("after 50 days: %+v", v)
	}
	compact()
	if found := o.hits(before); len(found) > 0 {
		t.Errorf("the old name is still there: %v", found)
	}
	o.serve() // what is left holds together
}

func copies(v *issuer.RecordView) (n int) {
	for _, d := range v.Documents {
		n += len(d.Copies)
	}
	return n
}
