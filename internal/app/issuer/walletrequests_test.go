package issuer_test

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// approving is an office where a person approves every licence.
func approving(t *testing.T) func(*issuer.Config) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "catalog", "builtin", "mdl.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mdl.yaml")
	if err := os.WriteFile(path, append([]byte("approval: true\n"), data...), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *issuer.Config) { c.Catalog = []string{path} }
}

// clerk is the browser of an officer who has logged in at the console.
type clerk struct {
	*office
	web  *http.Client
	base string
}

func (o *office) clerk(id string) clerk {
	o.t.Helper()
	link, err := o.desk().Link(o.t.Context(), id)
	o.must(err)
	jar, err := cookiejar.New(nil)
	o.must(err)
	c := clerk{o, &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}, "http://" + o.app.Addresses().Console}
	if status, page := c.send("/login", url.Values{"link": {link.URL}}); status != http.StatusOK || !strings.Contains(page, `id="logout"`) {
		o.t.Fatalf("the login of %s: %d %s", id, status, page)
	}
	return c
}

func (c clerk) page(path string) string {
	c.t.Helper()
	status, body := citizen{c.office, c.web}.read(c.web.Get(c.base + path))
	if status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, status, body)
	}
	return html.UnescapeString(body)
}

// send posts a form with the token of the session.
func (c clerk) send(path string, form url.Values) (int, string) {
	c.t.Helper()
	if m := regexp.MustCompile(`name="form_token" value="([^"]+)"`).FindStringSubmatch(c.page("/")); m != nil {
		form.Set("form_token", m[1])
	}
	status, body := citizen{c.office, c.web}.read(c.web.PostForm(c.base+path, form))
	return status, html.UnescapeString(body)
}

// decide opens the oldest request and decides.
func (c clerk) decide(decision string) {
	c.t.Helper()
	m := regexp.MustCompile(`href="(/requests/[0-9a-f]{64})"`).FindStringSubmatch(c.page("/requests"))
	if m == nil {
		c.t.Fatal("no request waits")
	}
	if page := c.page(m[1]); !strings.Contains(page, "DL-1") || !strings.Contains(page, "Erika") {
		c.t.Errorf("the page of the request: %s", page)
	}
	if status, page := c.send(m[1], url.Values{"decision": {decision}}); status != http.StatusOK {
		c.t.Errorf("deciding: %d %s", status, page)
	}
}

// A wallet asks, waits, and gets the copy once an officer has approved at the
// console; refused, it learns so once. What it says of its copy stands in the
// history, and all of it is counted.
func TestApprovalAtTheConsole(t *testing.T) {
	t.Parallel()
	o := newOffice(t, approving(t)).serve().people()
	anna := o.clerk("anna")
	w := o.grantToken(t, o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}}))
	id := w.ask("mdl").want(t, "asked", http.StatusAccepted, "").TransactionID
	w.later(id).want(t, "nobody has decided", http.StatusAccepted, "")
	o.clock.Advance(time.Minute)
	anna.decide("approve")
	got := w.later(id).want(t, "approved", http.StatusOK, "")
	w.later(id).want(t, "again", http.StatusBadRequest, "invalid_transaction_id")
	for range 2 {
		if a := w.send("/notification", `{"notification_id":"`+got.NotificationID+`","event":"credential_accepted"}`); a.status != http.StatusNoContent {
			t.Errorf("the notification: %+v", a)
		}
	}

	id = w.ask("mdl").want(t, "asked again", http.StatusAccepted, "").TransactionID
	anna.decide("refuse")
	w.later(id).want(t, "refused", http.StatusBadRequest, "credential_request_denied")
	w.later(id).want(t, "refused, again", http.StatusBadRequest, "invalid_transaction_id")
	if a := w.refresh(); a.status != http.StatusOK {
		t.Errorf("a refusal of one request ends the grant: %+v", a)
	}
	if page := anna.page("/requests"); !strings.Contains(page, "Nothing waits.") {
		t.Error("something waits")
	}
	record := o.clerk("carla").page("/record")
	if strings.Count(record, "Request of a wallet decided") != 2 || !strings.Contains(record, "Anna Sample") {
		t.Errorf("on record: %s", record)
	}

	var history issuer.HistoryView
	o.must(o.desk().Read(t.Context(), issuerhttp.HistoryPath, url.Values{"document": {"DL-1"}, "purpose": {"fault"}}, &history))
	if len(history.Said) != 1 || history.Said[0].Event != "credential_accepted" || history.Said[0].Document != "DL-1" || history.Said[0].Wallet == "" ||
		!strings.Contains(history.String(), "said credential_accepted of mdl DL-1") {
		t.Errorf("%+v", history.Said)
	}
	for name, want := range map[string]float64{
		`vidimus_issued_copies_total{configuration="mdl"}`: 1, `vidimus_issuance_deferred_total{configuration="mdl"}`: 2,
		`vidimus_issuance_denied_total{configuration="mdl"}`: 1, `vidimus_wallet_notifications_total{event="credential_accepted"}`: 1,
	} {
		if got := o.figure(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, no := range []string{id, got.NotificationID, w.access, w.refreshing} {
		if strings.Contains(o.log.String(), no) {
			t.Errorf("the log holds %s", no)
		}
	}
}

// A program of the office decides through its listener, over a restart.
func TestApprovalByTheOffice(t *testing.T) {
	t.Parallel()
	o := newOffice(t, approving(t)).serve().people()
	w := o.grantToken(t, o.offer(issuer.OfferWish{Documents: []string{"DL-1"}, Configurations: []string{"mdl"}}))
	id := w.ask("mdl").want(t, "asked", http.StatusAccepted, "").TransactionID
	o.restart()
	ctx, desk := t.Context(), o.desk()
	all, err := desk.Awaiting(ctx)
	o.must(err)
	if len(all) != 1 || all[0].Person != "P-1" || all[0].Document != "DL-1" || all[0].Configuration != "mdl" || !all[0].Until.After(all[0].Since) {
		t.Fatalf("%+v", all)
	}
	for bad, decision := range map[string]string{all[0].ID: "perhaps", "x": "approve", strings.Repeat("0", 64): "refuse"} {
		if err := desk.Decide(ctx, bad, decision); err == nil {
			t.Errorf("%s %s passes", decision, bad)
		}
	}
	base := "http://" + o.app.Addresses().Office
	if status, _, _ := o.get(base + issuerhttp.RequestsPath); status != http.StatusUnauthorized {
		t.Errorf("without the token of the office: %d", status)
	}
	if status, _, _ := o.post(base+issuerhttp.DecisionPath, "application/json", `{"id":"`+all[0].ID+`","decision":"approve"}`); status != http.StatusUnauthorized {
		t.Errorf("a decision without the token of the office: %d", status)
	}
	o.must(desk.Decide(ctx, all[0].ID, issuerhttp.DecisionApprove))
	if err := desk.Decide(ctx, all[0].ID, issuerhttp.DecisionRefuse); err == nil || !strings.Contains(err.Error(), "conflict") {
		t.Errorf("the other word: %v", err)
	}
	w.later(id).want(t, "approved", http.StatusOK, "")
}

// Offers with a login hold no secret and name themselves; officers make both
// kinds at the console.
func TestOffersWithLogin(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	parse := func(uri string) *oid4vci.CredentialOffer {
		t.Helper()
		parsed, _, err := oid4vci.ParseOfferURI(uri, true)
		o.must(err)
		return parsed
	}
	wish := issuer.OfferWish{Person: "P-1", Login: true, Key: "one"}
	first := o.offer(wish)
	offer := parse(first.URI)
	if first.TxCode != "" || offer.PreAuthorized != nil || offer.AuthorizationCode == nil || len(offer.AuthorizationCode.IssuerState) < 20 || len(offer.ConfigurationIDs) != 3 {
		t.Errorf("%+v", first)
	}
	if again := o.offer(wish); again.URI != first.URI {
		t.Error("the same key gives another offer")
	}
	if status, _, svg := o.get("http://" + o.app.Addresses().Office + first.SVG); status != http.StatusOK || !strings.HasPrefix(svg, "<svg") {
		t.Errorf("the QR code: %d", status)
	}
	anybody := parse(o.offer(issuer.OfferWish{Login: true, Configurations: []string{"mdl"}}).URI)
	if len(anybody.ConfigurationIDs) != 1 || anybody.AuthorizationCode.IssuerState == offer.AuthorizationCode.IssuerState {
		t.Errorf("%+v", anybody)
	}
	for _, bad := range []issuer.OfferWish{{Login: true}, {Login: true, Configurations: []string{"none"}}, {Login: true, Person: "P-99"}} {
		bad.Key = "bad"
		if _, err := o.desk().Offer(t.Context(), bad); err == nil {
			t.Errorf("%+v passes", bad)
		}
	}

	anna := o.clerk("anna")
	status, person := anna.send("/people", url.Values{"by": {"person"}, "number": {"P-1"}, "purpose": {"holder-request"}})
	m := regexp.MustCompile(`href="(/people/[^"]+/offer)\?document=DL-1"`).FindStringSubmatch(person)
	if status != http.StatusOK || m == nil {
		t.Fatalf("no way to an offer: %d %s", status, person)
	}
	key := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(anna.page(m[1] + "?document=DL-1"))[1]
	made := func(way string) (*oid4vci.CredentialOffer, string) {
		t.Helper()
		status, page := anna.send(m[1], url.Values{"document": {"DL-1"}, "key": {key}, "way": {way}})
		link := regexp.MustCompile(`id="open" href="([^"]+)"`).FindStringSubmatch(page)
		if status != http.StatusOK || link == nil {
			t.Fatalf("%s: %d %s", way, status, page)
		}
		code := regexp.MustCompile(`id="tx-code">([0-9]+)<`).FindStringSubmatch(page)
		if code == nil {
			return parse(link[1]), ""
		}
		return parse(link[1]), code[1]
	}
	if byLogin, code := made("login"); byLogin.AuthorizationCode == nil || byLogin.AuthorizationCode.IssuerState == "" || byLogin.PreAuthorized != nil || code != "" {
		t.Errorf("%+v", byLogin)
	}
	byCode, code := made("code")
	if byCode.PreAuthorized == nil || code == "" {
		t.Fatalf("%+v", byCode)
	}
	w := &waiter{rawWallet: rawWallet{o, newKey(t)}}
	if a := w.tokens(url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {byCode.PreAuthorized.Code}, "tx_code": {code}}); a.status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	w.ask("mdl").want(t, "with the code of the console", http.StatusOK, "")
	if record := o.clerk("carla").page("/record"); !strings.Contains(record, "Offer made") || !strings.Contains(record, "Anna Sample") {
		t.Error("the offers of the officer are not on record")
	}
}
