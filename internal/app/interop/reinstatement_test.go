//go:build interop

package interop

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
	"vidimus/internal/issuerhttp"
)

// A wallet of other people's libraries takes up an offer of an officer that holds
// no secret: it brings the issuer_state back.
func TestForeignWalletOffered(t *testing.T) {
	o := openOffice(t)
	desk, err := issuer.OpenDesk(&o.cfg)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := desk.Offer(t.Context(), issuer.OfferWish{Person: "P-1", Login: true, Key: "offered"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(offer.URI, "issuer_state") {
		t.Fatalf("no issuer_state in %s", offer.URI)
	}
	for _, uri := range []string{offer.URI, offer.Reference} {
		if printed := o.node("node", "wallet.mjs", "--offer", uri, "--form", "person=P-1", "--trust", o.iaca()); !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
			t.Fatalf("not RESULT ok:\n%s", tail(printed))
		}
	}
}

// waiting is until when a ban of the tests below holds: the wallet is told how
// long it has to wait, and waits so long.
const waiting = 30 * time.Second

func banned(id string) issuer.FileEvent {
	until := time.Now().Add(waiting).UTC().Format(time.RFC3339)
	return issuer.FileEvent{Event: document.NameMeasureAdded, Person: "P-1", Payload: []byte(`{"id": "` + id +
		`", "kind": "court-ban", "right": {"kind": "driving", "territory": "UT"}, "orders": {"authority": "Court of Utopia", "until": "` + until + `"}}`)}
}

// say sends an event and does not wait for what becomes of the copies.
func (o *office) say(e issuer.FileEvent) {
	o.t.Helper()
	feed, err := issuer.OpenFeed(o.t.Context(), &o.cfg, issuer.FeedConfig{}, time.Now)
	if err == nil {
		err = feed.Send(o.t.Context(), []issuer.FileEvent{e}, false, func(issuer.Sent) {})
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// deferred waits until so many wallets were told to wait.
func (o *office) deferred(n int) {
	o.t.Helper()
	want := fmt.Sprintf("vidimus_issuance_deferred_total{configuration=\"mdl\"} %d\n", n)
	// Another process asks: there is nothing to wait on but what is counted.
	for o.t.Context().Err() == nil {
		res, err := http.Get("http://" + o.app.Addresses().Metrics + "/metrics")
		if err != nil {
			o.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			o.t.Fatal(err)
		}
		if strings.Contains(string(body), want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	o.t.Fatal("the wallet does not ask")
}

// A wallet of other people's libraries that asks under a ban waits as long as it
// is told, and then gets what it asked for; what was annulled meanwhile it is
// refused for good.
func TestForeignWalletReinstated(t *testing.T) {
	table := filepath.Join(t.TempDir(), "effects.yaml")
	const rule = "court-ban: {effect: reissue-reduced"
	if !strings.Contains(document.DefaultTableYAML(), rule) {
		t.Fatal("the built-in table has no such rule")
	}
	text := strings.Replace(document.DefaultTableYAML(), rule, "court-ban: {effect: revoke-and-block", 1)
	if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := openOffice(t, func(c *issuer.Config, _ string) { c.Effects = table })
	// The grant is from before the ban.
	first, second := o.offer("P-1", "mdl"), o.offer("P-1", "mdl")
	ask := func(offer *issuerhttp.OfferResponse) (string, error) {
		return o.tryNode("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", offer.TxCode, "--trust", o.iaca())
	}
	o.say(banned("M-1"))
	printed, err := ask(first)
	if err != nil || !strings.Contains(printed, `"deferred"`) || !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
		t.Fatalf("under a ban that ends: %v\n%s", err, tail(printed))
	}
	o.say(banned("M-2"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		printed, err = ask(second)
	}()
	o.deferred(2)
	o.say(issuer.Annulment("DL-1"))
	<-done
	if err == nil || !strings.Contains(printed, "credential_request_denied") {
		t.Errorf("annulled meanwhile: %v\n%s", err, tail(printed))
	}
}
