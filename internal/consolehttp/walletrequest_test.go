package consolehttp_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"vidimus/internal/app/consoletest"
	"vidimus/internal/issuance"
	"vidimus/internal/oid4vci"
)

var requestLink = regexp.MustCompile(`href="(/requests/[0-9a-f]{64})"`)

// What a wallet asks for waits for an officer, who decides in a name, once.
func TestRequests(t *testing.T) {
	s := newSite(t, nil)
	ctx := t.Context()
	anna, rita, otto := s.login("anna"), s.login("rita"), s.login("otto")
	wantPage(t, "nothing", anna.get("/requests"), http.StatusOK, "Nothing waits.")
	for _, name := range []string{"first", "second"} {
		if err := s.Ask(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	list := anna.get("/requests")
	wantPage(t, "list", list, http.StatusOK, "Requests of wallets", "mdl")
	if strings.Contains(list.Body, "Weber") || strings.Contains(list.Body, consoletest.Person) {
		t.Error("the list of requests names the person")
	}
	links := requestLink.FindAllStringSubmatch(list.Body, -1)
	if len(links) != 2 {
		t.Fatalf("%d requests", len(links))
	}
	yes, no := links[0][1], links[1][1]
	shown := anna.get(yes)
	wantPage(t, "request", shown, http.StatusOK, "Marie Louise Weber", "1 April 1990", "Driving licence DL-1", "in force", "mdl", "recorded in your name")
	for _, control := range []string{`id="approve"`, `id="refuse"`, `aria-describedby="recorded"`} {
		if !strings.Contains(shown.Body, control) {
			t.Errorf("no %s on the page", control)
		}
	}
	page := rita.get(yes)
	wantPage(t, "a reader", page, http.StatusOK, "Another officer with the right to do so decides.")
	if strings.Contains(page.Body, `id="approve"`) {
		t.Error("a reader may decide")
	}
	approve, refuse := url.Values{"decision": {"approve"}}, url.Values{"decision": {"refuse"}}
	wantPage(t, "a reader decides", rita.post(yes, approve), http.StatusForbidden)
	form := url.Values{"decision": {"approve"}, "form_token": {otto.anyToken(t)}}
	wantPage(t, "an auditor looks", otto.get(yes), http.StatusForbidden)
	wantPage(t, "an auditor looks at all", otto.get("/requests"), http.StatusForbidden)
	wantPage(t, "an auditor decides", otto.do(http.MethodPost, yes, form, nil), http.StatusForbidden)
	wantPage(t, "no decision", anna.post(yes, url.Values{"decision": {"perhaps"}}), http.StatusBadRequest)
	wantPage(t, "without the token of the form", anna.do(http.MethodPost, yes, approve, nil), http.StatusForbidden)
	wantPage(t, "nobody's request", anna.post("/requests/"+strings.Repeat("0", 64), approve), http.StatusNotFound)

	for path, decision := range map[string]url.Values{yes: approve, no: refuse} {
		for range 2 { // said again it changes nothing
			if p := anna.post(path, decision); p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/requests" {
				t.Errorf("deciding: %s: %s", p.Status, p.text())
			}
		}
	}
	wantPage(t, "the other word", s.login("ben").post(yes, refuse), http.StatusConflict)
	wantPage(t, "decided", anna.get(yes), http.StatusConflict)
	wantPage(t, "all decided", anna.get("/requests"), http.StatusOK, "Nothing waits.")
	record := otto.get("/record")
	wantPage(t, "on record", record, http.StatusOK, "Request of a wallet decided", "Anna Muller")
	if n := strings.Count(record.text(), "Request of a wallet decided"); n != 2 {
		t.Errorf("%d decisions on record", n)
	}
}

// An officer makes offers of both kinds.
func TestOffer(t *testing.T) {
	s := newSite(t, nil)
	anna, rita := s.login("anna"), s.login("rita")
	path := anna.find(consoletest.Person)
	wantPage(t, "record", anna.get(path), http.StatusOK, "Offer to a wallet")
	shown := anna.get(path + "/offer?document=" + consoletest.Licence)
	wantPage(t, "choice", shown, http.StatusOK, "Marie Louise Weber", "DL-1", "Offer with a login", "Offer with a code")
	key := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(shown.Body)
	if key == nil {
		t.Fatal("no key in the form")
	}
	form := func(way string) url.Values {
		return url.Values{"document": {consoletest.Licence}, "key": {key[1]}, "way": {way}}
	}
	link := regexp.MustCompile(`id="open" href="([^"]+)"`)
	made := func(way string) (page, *oid4vci.CredentialOffer) {
		p := anna.post(path+"/offer", form(way))
		m := link.FindStringSubmatch(p.Body)
		if p.StatusCode != http.StatusOK || m == nil || !strings.Contains(html.UnescapeString(p.Body), `src="data:image/svg+xml;base64,`) {
			t.Fatalf("%s: %s", p.Status, p.Body)
		}
		if policy := p.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "img-src 'self' data:") {
			t.Errorf("the QR code is not shown: %s", policy)
		}
		o, _, err := oid4vci.ParseOfferURI(html.UnescapeString(m[1]), true)
		if err != nil {
			t.Fatal(err)
		}
		return p, o
	}
	p, o := made("login")
	if o.AuthorizationCode == nil || o.PreAuthorized != nil || strings.Contains(p.Body, `id="tx-code"`) {
		t.Errorf("%+v", o)
	}
	p, o = made("code")
	if o.PreAuthorized == nil || o.AuthorizationCode != nil || !strings.Contains(p.Body, "493536") {
		t.Errorf("%+v", o)
	}
	for name, change := range map[string]func(url.Values){
		"no way": func(f url.Values) { f.Del("way") }, "another way": func(f url.Values) { f.Set("way", "mail") },
		"no key": func(f url.Values) { f.Del("key") }, "a key of another": func(f url.Values) { f.Set("key", "a b") },
	} {
		f := form("login")
		change(f)
		wantPage(t, name, anna.post(path+"/offer", f), http.StatusBadRequest)
	}
	f := form("login")
	f.Set("document", "DL-9")
	wantPage(t, "no such document", anna.post(path+"/offer", f), http.StatusNotFound)
	readers := rita.find(consoletest.Person)
	if p := rita.get(readers); strings.Contains(p.Body, "/offer?") {
		t.Error("a reader is led to an offer")
	}
	wantPage(t, "a reader", rita.get(readers+"/offer?document=DL-1"), http.StatusForbidden)
	wantPage(t, "a reader's form", rita.post(readers+"/offer", form("code")), http.StatusForbidden)
}

// What wallets said stands in the history, in words.
func TestSaid(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	path := anna.find(consoletest.Person)
	if p := anna.get(path + "/history"); strings.Contains(p.Body, `id="said"`) {
		t.Error("something was said")
	}
	for _, event := range []string{oid4vci.EventAccepted, oid4vci.EventDeleted} {
		if _, err := s.Store.PutEvent(t.Context(), issuance.Event{Batch: "batch-1", Event: event, Recorded: s.Clock.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	wantPage(t, "history", anna.get(path+"/history"), http.StatusOK, "What wallets said", "Copies taken", "Copies deleted", "wallet-unit-1", "DL-1")
}
