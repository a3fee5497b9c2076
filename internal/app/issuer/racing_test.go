package issuer_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/elements"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/statuslist"
)

// released is a copy as a wallet got it.
type released struct {
	list  string
	index uint64
	whole bool // shows categories
}

func (o *office) parse(copy string) released {
	o.t.Helper()
	raw, err := jose.DecodeBase64URL(copy)
	o.must(err)
	signed, err := mdoc.ParseIssuerSigned(raw)
	o.must(err)
	r := released{list: signed.MSO.Status.StatusList.URI, index: signed.MSO.Status.StatusList.Index}
	item := signed.Item(elements.MDLNameSpace, "driving_privileges")
	shown, err := elements.Render(item.ElementValue)
	o.must(err)
	r.whole = fmt.Sprint(shown) != "[]"
	return r
}

// lies counts copies that are VALID and show what no longer holds, and those
// that are VALID and show what does.
func (o *office) lies(copies []released) (lies, truths int) {
	o.t.Helper()
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	tokens := map[string]*statuslist.Token{}
	for _, c := range copies {
		if tokens[c.list] == nil {
			tokens[c.list], err = i.Fetch(o.t.Context(), c.list, "cwt")
			o.must(err)
		}
		state, err := tokens[c.list].Lookup(statuslist.Reference{URI: c.list, Index: c.index}, o.clock.Now())
		o.must(err)
		switch {
		case state == statuslist.Valid && c.whole:
			lies++
		case state == statuslist.Valid:
			truths++
		}
	}
	return lies, truths
}

// Wallets draw copies while registries take the right, or the document, away.
// Whatever the order, no copy that says the old stays VALID, and no copy is
// VALID of what is gone.
func TestIssuingRacesWithWithdrawing(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) {
		quick(c)
		c.RateLimit = issuer.RateLimit{PerSecond: 1e6, Burst: 1e6}
	}).serve().people()
	s := o.speaker()
	const wallets, rounds = 8, 10
	type drawn struct {
		document string
		released
	}
	var mu sync.Mutex
	var all []drawn
	var before, after, late, annulled atomic.Int64
	var banned, gone atomic.Bool // acknowledged
	half, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for n := range wallets {
		document := "DL-" + fmt.Sprint(n%2+1)
		offer := o.offer(issuer.OfferWish{Documents: []string{document}})
		w := rawWallet{o, newKey(t)}
		_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
		wg.Go(func() {
			for round := range rounds {
				if round == rounds/2 && n == 0 {
					close(half)
				}
				if round == rounds-2 {
					<-done // the last ones come when all is said
				}
				wasBanned, wasGone := banned.Load(), gone.Load()
				status, code, copy := w.credential("mdl", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token))
				switch {
				case status == http.StatusOK:
					c := o.parse(copy)
					if document == "DL-2" && wasGone {
						late.Add(1)
					}
					if document == "DL-1" && wasBanned && c.whole {
						late.Add(1)
					}
					if c.whole {
						before.Add(1)
					} else {
						after.Add(1)
					}
					mu.Lock()
					all = append(all, drawn{document, c})
					mu.Unlock()
				case document == "DL-2" && (code == "credential_request_denied" || code == "invalid_token"):
					annulled.Add(1)
				case code == "": // busy: 503
				default:
					t.Errorf("%s: %d %s", document, status, code)
				}
			}
		})
	}
	<-half
	s.say("P-1", ban("M-1", registryclient.CourtBan))
	banned.Store(true)
	s.say("DL-2", registryclient.DocumentAnnulled{Number: "DL-2", Reason: "fraud"})
	gone.Store(true)
	close(done)
	wg.Wait()
	if late.Load() > 0 {
		t.Errorf("%d copies say what had ended before they were asked for", late.Load())
	}
	if before.Load() == 0 || after.Load() == 0 || annulled.Load() == 0 {
		t.Fatalf("%d copies before, %d after, %d refused: it was no race", before.Load(), after.Load(), annulled.Load())
	}
	of := func(document string) (list []released) {
		for _, d := range all {
			if d.document == document {
				list = append(list, d.released)
			}
		}
		return list
	}
	// The control: before the ban is published the same look finds lies.
	if lies, _ := o.lies(of("DL-1")); lies == 0 {
		t.Error("the control finds nothing")
	}
	o.window()
	if lies, truths := o.lies(of("DL-1")); lies != 0 || truths == 0 {
		t.Errorf("DL-1: %d copies with a right that is gone are VALID, %d without", lies, truths)
	}
	if lies, truths := o.lies(of("DL-2")); lies+truths != 0 {
		t.Errorf("DL-2: %d copies of what is annulled are VALID", lies+truths)
	}
	// Nor is any index that was meant for one and never signed.
	if valid, _ := o.standing("DL-2"); valid != 0 {
		t.Errorf("DL-2: %d indices are VALID", valid)
	}
	copies, err := o.app.Store().Copies(t.Context(), "DL-1")
	o.must(err)
	places := map[string]bool{}
	for _, c := range copies {
		place := fmt.Sprint(c.List, " ", c.Index)
		if places[place] || c.State != issuance.StateSigned || !strings.HasPrefix(c.List, o.cfg.PublicURL) {
			t.Errorf("%+v", c)
		}
		places[place] = true
	}
}
