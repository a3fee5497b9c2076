package issuer_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/wallet"
)

// ourWallet is our wallet with its folder and what it said; sleeping turns the
// office's clock.
type ourWallet struct {
	*wallet.Wallet
	store *wallet.Store
	said  []string
	slept func() // after each sleep; may be nil
}

func (o *office) ourWallet() *ourWallet {
	o.t.Helper()
	h := &ourWallet{}
	h.Wallet = o.wallet(func(c *wallet.Config) {
		h.store = c.Store
		c.Progress = func(line string) { h.said = append(h.said, line) }
		c.Sleep = func(_ context.Context, d time.Duration) error {
			o.clock.Advance(d)
			if h.slept != nil {
				h.slept()
			}
			return nil
		}
	})
	return h
}

// licence takes up an offer of the licence of P-1.
func (h *ourWallet) licence(o *office, wait time.Duration) ([]wallet.Batch, error) {
	o.t.Helper()
	offer := o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}})
	return h.Accept(o.t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 2, Encrypt: true, Wait: wait})
}

// decideAll is the word of an officer on what waits.
func (o *office) decideAll(decision string) {
	o.t.Helper()
	waiting, err := o.desk().Awaiting(o.t.Context())
	o.must(err)
	if len(waiting) == 0 {
		o.t.Error("no request waits")
	}
	for _, w := range waiting {
		o.must(o.desk().Decide(o.t.Context(), w.ID, decision))
	}
}

// Our wallet waits for the word of an officer: at once, or collecting later, with
// an access token that has run out meanwhile.
func TestOurWalletWaits(t *testing.T) {
	t.Parallel()
	o := newOffice(t, approving(t)).serve().people()
	h := o.ourWallet()
	sleeps := 0
	h.slept = func() {
		if sleeps++; sleeps == 2 {
			o.decideAll(issuerhttp.DecisionApprove)
		}
	}
	if got, err := h.licence(o, time.Hour); err != nil || len(got) != 1 || len(got[0].Copies) != 2 || sleeps != 2 {
		t.Fatalf("%+v, %v, %d sleeps", got, err, sleeps)
	}
	h.slept = nil
	if got, err := h.licence(o, 0); !errors.Is(err, wallet.ErrWaiting) || len(got) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	o.decideAll(issuerhttp.DecisionApprove)
	o.restart()
	o.clock.Advance(2 * time.Hour)
	if got, err := h.Collect(t.Context(), nil, 0); err != nil || len(got) != 1 || !strings.Contains(strings.Join(h.said, "\n"), "token is refreshed") {
		t.Errorf("%+v, %v, %q", got, err, h.said)
	}
	if _, err := h.licence(o, 0); !errors.Is(err, wallet.ErrWaiting) {
		t.Fatal(err)
	}
	o.decideAll(issuerhttp.DecisionRefuse)
	_, err := h.Collect(t.Context(), nil, time.Hour)
	var refusal *wallet.Refusal
	if !errors.As(err, &refusal) || refusal.Code != "credential_request_denied" {
		t.Errorf("refused: %v", err)
	}
	if left, err := h.store.Waiting(); err != nil || len(left) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
}

// Our wallet refreshes its copies, waits while the licence is withdrawn with the
// old ones in the folder, and is told when it is over.
func TestOurWalletRefreshes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick, blocking(t)).serve().people()
	s, h := o.speaker(), o.ourWallet()
	old, err := h.licence(o, 0)
	o.must(err)
	o.clock.Advance(24 * time.Hour)
	fresh, err := h.Refresh(t.Context(), wallet.RefreshOptions{})
	if err != nil || len(fresh) != 1 || fresh[0].ID == old[0].ID || len(fresh[0].Copies) != 2 {
		t.Fatalf("%+v, %v", fresh, err)
	}
	held := func() []string {
		list, err := h.store.List()
		o.must(err)
		var ids []string
		for _, b := range list {
			ids = append(ids, b.ID)
		}
		return ids
	}
	if !slices.Equal(held(), []string{fresh[0].ID}) {
		t.Errorf("held: %q", held())
	}
	o.clock.Advance(time.Minute)
	s.say("P-1", ban("M-1", registryclient.CourtBan))
	o.clock.Advance(time.Minute)
	if got, err := h.Refresh(t.Context(), wallet.RefreshOptions{}); !errors.Is(err, wallet.ErrWaiting) || len(got) > 0 || !slices.Equal(held(), []string{fresh[0].ID}) {
		t.Fatalf("withdrawn: %+v, %v, %q", got, err, held())
	}
	o.clock.Advance(time.Hour)
	s.say("P-1", registryclient.MeasureLifted{ID: "M-1", Reason: "served"})
	again, err := h.Collect(t.Context(), nil, time.Hour)
	if err != nil || len(again) != 1 || !slices.Equal(held(), []string{again[0].ID}) {
		t.Fatalf("given back: %+v, %v, %q", again, err, held())
	}
	o.clock.Advance(time.Minute)
	s.say("P-1", registryclient.DocumentAnnulled{Number: "DL-1", Reason: "fraud"})
	_, err = h.Refresh(t.Context(), wallet.RefreshOptions{})
	var refusal *wallet.Refusal
	if !errors.Is(err, wallet.ErrNoRefresh) || !errors.As(err, &refusal) || refusal.Code != "invalid_grant" || refusal.Status != http.StatusBadRequest {
		t.Errorf("annulled: %v", err)
	}
	if !slices.Equal(held(), []string{again[0].ID}) {
		t.Errorf("held: %q", held())
	}
}

// visitor is the browser of P-1, who agrees to what is asked.
type visitor struct{ *office }

// Redirect implements wallet.Browser.
func (visitor) Redirect() string { return "http://127.0.0.1:9/callback" }

// Open implements wallet.Browser.
func (v visitor) Open(_ context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	v.must(err)
	unit := &walletUnit{office: v.office, id: u.Query().Get("client_id")}
	return unit.authorizes(u.Query().Get("request_uri"), "P-1", "/approve").String(), nil
}

// An offer with a login is taken up in development by a wallet that has no name of
// its own, and its copies are refreshed; without any name it is told what lacks.
func TestOurWalletLogsIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	offer := o.offer(issuer.OfferWish{Person: "P-1", Login: true})
	name := ""
	change := func(c *wallet.Config) { c.Browser, c.LoginID = visitor{o}, name }
	if _, err := o.wallet(change).Accept(t.Context(), offer.URI, wallet.AcceptOptions{}); !errors.Is(err, wallet.ErrClientID) {
		t.Errorf("without a name: %v", err)
	}
	name = "test-wallet"
	w := o.wallet(change)
	got, err := w.Accept(t.Context(), offer.URI, wallet.AcceptOptions{Copies: 1})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if fresh, err := w.Refresh(t.Context(), wallet.RefreshOptions{}); err != nil || len(fresh) != 3 {
		t.Errorf("%+v, %v", fresh, err)
	}
}
