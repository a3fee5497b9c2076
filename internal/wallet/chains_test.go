package wallet_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/wallet"
)

// signed is a request by hand: items asks for one thing, the signature is over
// another. Our own readers refuse to use most of the certificates below.
func (w *world) signed(items, over mdoc.ItemsRequest, key *ecdsa.PrivateKey, chain [][]byte) []byte {
	w.t.Helper()
	bytesOf := func(items mdoc.ItemsRequest) cbor.RawMessage {
		request, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{items}, mdoc.RequestOptions{}, rand.Reader)
		w.must(err)
		parsed, err := mdoc.ParseDeviceRequest(request)
		w.must(err)
		return parsed.DocRequests[0].ItemsRequestBytes
	}
	auth, err := cose.SignSign1(key, mdoc.ReaderAuthenticationBytes(transcript(w.t), bytesOf(over)),
		cose.SignOptions{Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(chain)}, Detached: true}, rand.Reader)
	w.must(err)
	return cbor.MustMarshal(map[string]any{"version": "1.0", "docRequests": []any{map[string]any{"itemsRequest": bytesOf(items), "readerAuth": cbor.RawMessage(auth)}}})
}

// identified is who the wallet says that asks, and whether it answers who agrees to all.
func (w *world) identified(request []byte) (id wallet.ReaderIdentity, answered bool) {
	w.t.Helper()
	s := wallet.Session{Wallet: w.wallet, Readers: w.readers(), Consent: func(q wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
		id = q.Documents[0].Reader
		return wallet.AgreeToAll(q)
	}}
	response, err := s.Answer(request, transcript(w.t))
	w.must(err)
	r, err := mdoc.ParseDeviceResponse(response)
	w.must(err)
	return id, len(r.Documents) == 1
}

// The crucial cases of path validation for who asks: nobody gets a name, or an
// answer in it, by a chain that does not hold.
func TestChainsOfReaders(t *testing.T) {
	w := holding(t, 1)
	for _, c := range pkitest.Chains(t, w.pki.Now, w.pki.ReaderCA, pki.OIDReaderAuth) {
		t.Run(c.Name, func(t *testing.T) {
			id, answered := w.identified(w.signed(licence("family_name"), licence("family_name"), c.Key, c.DER))
			want := wallet.ReaderInvalid
			switch {
			case len(c.Reasons) == 0:
				want = wallet.ReaderKnown
			case slices.Contains(c.Reasons, pki.ReasonNoAnchor), slices.Contains(c.Reasons, pki.ReasonSelfSigned):
				want = wallet.ReaderUnknown // somebody, for a person to decide
			}
			if id.State != want || answered == id.Refused() {
				t.Errorf("%+v, answered %v, want %s", id, answered, want)
			}
			if len(c.Reasons) > 0 && (id.Authority != "" || !slices.ContainsFunc(c.Reasons, func(reason string) bool { return strings.Contains(id.Reason, reason) })) {
				t.Errorf("%+v, want %v", id, c.Reasons)
			}
		})
	}
}

// X12: a sound certificate under a signature over another request.
func TestSignatureOverAnotherRequest(t *testing.T) {
	w := holding(t, 1)
	for name, tt := range map[string]struct {
		over mdoc.ItemsRequest
		want wallet.ReaderState
	}{
		"X12/over this request":  {licence("portrait"), wallet.ReaderKnown},
		"X12/over less":          {licence("age_over_18"), wallet.ReaderInvalid},
		"X12/over other purpose": {licence("+portrait"), wallet.ReaderInvalid},
	} {
		id, answered := w.identified(w.signed(licence("portrait"), tt.over, w.pki.Reader.Key, w.pki.Reader.Chain))
		if id.State != tt.want || answered != (tt.want == wallet.ReaderKnown) || tt.want != wallet.ReaderKnown && !strings.Contains(id.Reason, "ra.sig") {
			t.Errorf("%s: %+v, answered %v", name, id, answered)
		}
	}
}
