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
	t.Parallel()
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
// long it has to wait, and waits so long. It has to have asked by then, on a busy
// machine too.
const waiting = 45 * time.Second

func banned(person, id string) issuer.FileEvent {
	until := time.Now().Add(waiting).UTC().Format(time.RFC3339)
	return issuer.FileEvent{Event: document.NameMeasureAdded, Person: person, Payload: []byte(`{"id": "` + id +
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
	for began := time.Now(); time.Since(began) < waiting; {
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
	o.t.Fatal("the wallets do not ask, or too late to be told to wait")
}

// A wallet of other people's libraries that asks under a ban waits as long as it
// is told, and then gets what it asked for; what was annulled meanwhile it is
// refused for good.
func TestForeignWalletReinstated(t *testing.T) {
	t.Parallel()
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
	type outcome struct {
		printed string
		err     error
	}
	// Both wait at the same time. Their grants are from before the bans.
	ask := func(offer *issuerhttp.OfferResponse) <-chan outcome {
		done := make(chan outcome, 1)
		go func() {
			printed, err := o.tryNode("node", "wallet.mjs", "--offer", offer.URI, "--tx-code", offer.TxCode, "--trust", o.iaca())
			done <- outcome{printed, err}
		}()
		return done
	}
	first, second := o.offer("P-1", "mdl"), o.offer("P-2", "mdl")
	o.say(banned("P-1", "M-1"))
	o.say(banned("P-2", "M-2"))
	reinstated, annulled := ask(first), ask(second)
	o.deferred(2)
	o.say(issuer.Annulment("DL-2"))
	if got := <-reinstated; got.err != nil || !strings.Contains(got.printed, `"deferred"`) || !strings.HasSuffix(strings.TrimSpace(got.printed), "RESULT ok") {
		t.Errorf("under a ban that ends: %v\n%s", got.err, tail(got.printed))
	}
	if got := <-annulled; got.err == nil || !strings.Contains(got.printed, "credential_request_denied") {
		t.Errorf("annulled meanwhile: %v\n%s", got.err, tail(got.printed))
	}
}
