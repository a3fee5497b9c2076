package issuer_test

import (
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

func (o *office) read(path string) []byte {
	o.t.Helper()
	b, err := os.ReadFile(path)
	o.must(err)
	return b
}

const (
	clientID    = "x509_san_dns:verifier.example"
	responseURI = "https://verifier.example/response"
	nonce       = "n-0S6_WzA2Mj"
)

// verify judges presentations of all three configurations, with lists fetched
// from the office.
func (o *office) verify(w *wallet.Wallet) map[string]*verification.Report {
	o.t.Helper()
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	return o.verifyBy(w, web)
}

func (o *office) verifyBy(w *wallet.Wallet, web wallet.Web) map[string]*verification.Report {
	o.t.Helper()
	transcript, err := mdoc.OpenID4VPTranscript(clientID, nonce, nil, responseURI)
	o.must(err)
	opt := verification.Options{Now: o.clock.Now(), Trust: o.anchors(), CRLs: o.crls(), Transcript: transcript, Nonce: nonce, Audience: clientID, Lists: lists(web, "cwt")}
	out := map[string]*verification.Report{}
	for id, p := range map[string]wallet.MdocPresentation{
		"mdl":      {DocType: elements.MDLDocType, Elements: []string{"family_name", "portrait", "driving_privileges", "age_over_18"}},
		"pid-mdoc": {DocType: elements.PIDDocType, Elements: []string{"family_name", "birth_date"}},
	} {
		p.Transcript = transcript
		response, err := w.PresentMdoc(p)
		o.must(err)
		out[id] = verification.DeviceResponse(response, opt)
	}
	compact, err := w.PresentSDJWT(wallet.SDJWTPresentation{VCT: elements.PIDVCT, Claims: []string{"family_name", "birthdate"}, Nonce: nonce, Audience: clientID})
	o.must(err)
	opt.Lists = lists(web, "jwt")
	out["pid-sd-jwt"] = verification.SDJWT(compact, opt)
	return out
}

// lists fetches status lists in one of their two forms.
func lists(web wallet.Web, form string) func(string) ([]byte, error) {
	return func(uri string) ([]byte, error) {
		req, err := http.NewRequest(http.MethodGet, uri, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "application/statuslist+"+form)
		res, body, err := web.Do(req, fetch.MaxStatusList)
		if err == nil && res.StatusCode != http.StatusOK {
			err = errors.New(res.Status)
		}
		return body, err
	}
}

func expect(t *testing.T, r *verification.Report, colour policy.Colour, status policy.Status) {
	t.Helper()
	if r.Colour != colour || r.Verdict.Status != status || r.Verdict.Authenticity != policy.Genuine {
		t.Errorf("%s %+v, failed %v, reasons %q", r.Colour, r.Verdict, r.Failed(), r.Reasons)
	}
}

// TestIssue is the main job: registry events, an offer, a wallet, a reader, and
// the turn of the verdict once the licence is annulled.
func TestIssue(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	offer := o.offer(issuer.OfferWish{Person: "P-1"})
	w := o.wallet()

	if _, err := w.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: wrong(offer.TxCode)}); err == nil {
		t.Fatal("a wrong transaction code passes")
	}
	batches, err := w.Accept(t.Context(), offer.Reference, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 3})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range batches {
		got = append(got, b.Configuration)
		if len(b.Copies) != 3 {
			t.Errorf("%s: %d copies", b.Configuration, len(b.Copies))
		}
		for _, c := range b.Copies {
			if day := 24 * time.Hour; !c.ValidUntil.Equal(c.ValidUntil.Truncate(day)) || c.ValidUntil.After(start.Add(15*day)) {
				t.Errorf("%s: valid until %s", b.Configuration, c.ValidUntil)
			}
		}
	}
	if slices.Sort(got); !slices.Equal(got, []string{"mdl", "pid-mdoc", "pid-sd-jwt"}) {
		t.Errorf("the wallet has %v", got)
	}
	if _, err := w.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode}); err == nil {
		t.Error("an offer is redeemed twice")
	}
	for id, r := range o.verify(w) {
		t.Run(id, func(t *testing.T) { expect(t, r, policy.Green, policy.Valid) })
	}

	sent := o.push(issuer.Annulment("DL-1"))
	receipt, err := o.feed(issuer.FeedConfig{}).Settled(t.Context(), sent[0])
	if err != nil {
		t.Fatal(err)
	}
	if receipt.State != "covered" || receipt.Copies != 3 || len(receipt.Lists) == 0 || !strings.HasPrefix(receipt.Lists[0].URI, o.cfg.PublicURL+"/status/") {
		t.Errorf("receipt %+v", receipt)
	}
	after := o.verify(w)
	t.Run("annulled", func(t *testing.T) { expect(t, after["mdl"], policy.Red, policy.Revoked) })
	t.Run("the others stay", func(t *testing.T) {
		expect(t, after["pid-mdoc"], policy.Green, policy.Valid)
		expect(t, after["pid-sd-jwt"], policy.Green, policy.Valid)
	})
	if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}, Key: "after"}); err == nil || !strings.Contains(err.Error(), "DL-1") {
		t.Errorf("an annulled licence is offered: %v", err)
	}
	shown := &strings.Builder{}
	inspector, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	uris, err := inspector.Lists(t.Context())
	o.must(err)
	for _, uri := range uris {
		o.must(inspector.Show(t.Context(), shown, uri, "jwt", nil))
		o.must(inspector.Show(t.Context(), shown, uri, "cwt", nil))
	}
	// Three copies, in lists drawn at random, each list shown in both forms.
	invalid := 0
	for _, m := range regexp.MustCompile(`INVALID  (\d+)`).FindAllStringSubmatch(shown.String(), -1) {
		n, err := strconv.Atoi(m[1])
		o.must(err)
		invalid += n
	}
	if invalid != 2*3 {
		t.Errorf("status show says\n%s", shown)
	}
	t.Run("nothing personal in the log", func(t *testing.T) {
		for _, no := range []string{offer.TxCode, "Weber", "1984-01-26", "pre-authorized_code"} {
			if strings.Contains(o.log.String(), no) {
				t.Errorf("the log holds %s", no)
			}
		}
		if !strings.Contains(o.log.String(), "route=/credential") {
			t.Error("the log has no requests: the test shows nothing")
		}
	})
}

// wrong is another transaction code of the same form.
func wrong(code string) string {
	b := []byte(code)
	b[0] = '0' + (b[0]-'0'+1)%10
	return string(b)
}
