package issuer_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
)

// blocking is an office where a court's ban takes the whole licence.
func blocking(t *testing.T) func(*issuer.Config) {
	const row = "  court-ban: {effect: reissue-reduced, notice: true}"
	text := document.DefaultTableYAML()
	table := strings.Replace(text, row, strings.Replace(row, "reissue-reduced", "revoke-and-block", 1), 1)
	if table == text {
		t.Fatal("the built-in table has no such row")
	}
	path := filepath.Join(t.TempDir(), "effects.yaml")
	if err := os.WriteFile(path, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *issuer.Config) { c.Effects = path }
}

// While a document is withdrawn its wallet waits, over refreshes, restarts and
// further measures; when that ends the same transaction gives the copy.
func TestReinstatement(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick, blocking(t)).serve().people()
	s := o.speaker()
	offer := func() *waiter {
		return o.grantToken(t, o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}}))
	}
	w, idle, silent := offer(), offer(), offer()
	w.ask("mdl").want(t, "before", http.StatusOK, "")
	o.clock.Advance(time.Minute)
	s.say("P-1", ban("M-1", registryclient.CourtBan))
	o.window()

	if a := w.refresh(); a.status != http.StatusOK {
		t.Fatalf("a refresh under a ban: %+v", a)
	}
	id := w.ask("mdl").want(t, "under a ban", http.StatusAccepted, "").TransactionID
	if a := idle.refresh(); a.status != http.StatusOK {
		t.Errorf("a refresh of a wallet that asks nothing: %+v", a)
	}
	if got := w.later(id).want(t, "again", http.StatusAccepted, ""); got.TransactionID != id {
		t.Error("another transaction")
	}
	o.restart()
	o.clock.Advance(time.Minute)
	s.say("P-1", ban("M-2", registryclient.AdministrativeWithdrawal))
	s.say("P-1", ban("M-3", registryclient.CourtBan))
	o.clock.Advance(time.Hour)
	if a := w.refresh(); a.status != http.StatusOK {
		t.Fatalf("a refresh under a second ban: %+v", a)
	}
	if a := idle.refresh(); a.status != http.StatusOK {
		t.Errorf("a refresh of a wallet that asks nothing: %+v", a)
	}
	w.later(id).want(t, "under a second ban", http.StatusAccepted, "")
	for _, m := range []string{"M-1", "M-2", "M-3"} {
		o.clock.Advance(time.Minute)
		s.say("P-1", registryclient.MeasureLifted{ID: m, Reason: "served"})
	}
	w.later(id).want(t, "after the bans", http.StatusOK, "")
	w.later(id).want(t, "once more", http.StatusBadRequest, "invalid_transaction_id")
	if a := w.refresh(); a.status != http.StatusOK {
		t.Errorf("a refresh after the bans: %+v", a)
	}
	w.ask("mdl").want(t, "more copies", http.StatusOK, "")
	// Who only refreshed meanwhile is served too, who came not at all is not: his
	// grant ended with the first ban.
	idle.ask("mdl").want(t, "who was told to wait", http.StatusOK, "")
	if a := silent.refresh(); a.status != http.StatusBadRequest || a.Error != "invalid_grant" {
		t.Errorf("a grant that a ban ended: %+v", a)
	}
	// It is told, and a new offer is to be had.
	notices, err := o.app.Store().Notices(t.Context(), "P-1", 20)
	o.must(err)
	told := false
	for _, n := range notices {
		told = told || n.Notice.Fact == document.FactMeasureEnded
	}
	if !told {
		t.Errorf("nobody is told that a measure ended: %+v", notices)
	}
	offer().ask("mdl").want(t, "a new offer", http.StatusOK, "")
}

// A token from before a ban that was lifted is refused for good, with all that
// hangs on its grant; but not the other documents of the grant.
func TestVoidGrantEnds(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick, blocking(t)).serve().people()
	s := o.speaker()
	one := o.grantToken(t, o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}}))
	both := o.grantToken(t, o.offer(issuer.OfferWish{Person: "P-1"}))
	o.clock.Advance(time.Minute)
	s.say("P-1", ban("M-1", registryclient.CourtBan))
	o.clock.Advance(time.Minute)
	s.say("P-1", registryclient.MeasureLifted{ID: "M-1", Reason: "served"})

	one.ask("mdl").want(t, "a void grant", http.StatusBadRequest, "credential_request_denied")
	one.ask("mdl").want(t, "a grant that ended", http.StatusUnauthorized, "invalid_token")
	if a := one.refresh(); a.status != http.StatusBadRequest || a.Error != "invalid_grant" {
		t.Errorf("its refresh token: %+v", a)
	}
	both.ask("mdl").want(t, "a void grant with others", http.StatusBadRequest, "credential_request_denied")
	both.ask("pid-mdoc").want(t, "the other document", http.StatusOK, "")
	if a := both.refresh(); a.status != http.StatusOK {
		t.Errorf("a refresh for the other document: %+v", a)
	}
	both.ask("pid-sd-jwt").want(t, "the other document, refreshed", http.StatusOK, "")
}

// A withdrawal that is final refuses for good, and revokes the refresh token.
func TestFinalWithdrawal(t *testing.T) {
	t.Parallel()
	o := newOffice(t, quick, blocking(t)).serve().people()
	s := o.speaker()
	w := o.grantToken(t, o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}}))
	o.clock.Advance(time.Minute)
	s.say("P-1", ban("M-1", registryclient.CourtBan))
	if a := w.refresh(); a.status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	id := w.ask("mdl").want(t, "under a ban", http.StatusAccepted, "").TransactionID
	o.clock.Advance(time.Minute)
	s.say("P-1", registryclient.DocumentAnnulled{Number: "DL-1", Reason: "fraud"})
	w.later(id).want(t, "annulled", http.StatusBadRequest, "credential_request_denied")
	w.later(id).want(t, "its token", http.StatusUnauthorized, "invalid_token")
	if a := w.refresh(); a.status != http.StatusBadRequest || a.Error != "invalid_grant" {
		t.Errorf("its refresh token: %+v", a)
	}
}
