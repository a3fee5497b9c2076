package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"html"
	"image/jpeg"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/verifier"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

// keptDemo is a demo with Keep, after its story.
type keptDemo struct {
	page, dir string
	stop      func() // and wait; fails the test when the demo ended with an error
}

func keepDemo(t *testing.T) *keptDemo {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	k := &keptDemo{dir: filepath.Join(t.TempDir(), "demo")}
	ready, done := make(chan string, 1), make(chan error, 1)
	var out bytes.Buffer
	go func() {
		done <- Run(ctx, Options{Out: &out, Dir: k.dir, Keep: true, NoQR: true, Ready: func(page string) { ready <- page }})
	}()
	stopped := false
	k.stop = func() {
		t.Helper()
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		if !strings.Contains(out.String(), "\nStopped. What was made is still in "+k.dir) {
			t.Errorf("the last word:\n%s", out.String())
		}
	}
	select {
	case k.page = <-ready:
	case err := <-done:
		cancel()
		t.Fatalf("no page: %v\n%s", err, out.String())
	}
	t.Cleanup(k.stop)
	return k
}

// take lets a wallet of its own take up an offer, and gives one of its licences.
func (k *keptDemo) take(t *testing.T, link, txCode string) (licence []byte, kinds []string, anchors *trust.Store) {
	t.Helper()
	anchors, err := verifier.LoadTrust(filepath.Join(k.dir, "trust"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := wallet.OpenStore(filepath.Join(t.TempDir(), "phone"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	t.Cleanup(web.Close)
	w, err := wallet.New(wallet.Config{Store: store, Clock: clock.System{}, Rand: rand.Reader, Web: web, AllowInsecure: true, Trust: anchors})
	if err != nil {
		t.Fatal(err)
	}
	batches, err := w.Accept(t.Context(), link, wallet.AcceptOptions{TxCode: txCode, Copies: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		kinds = append(kinds, b.Configuration)
		if b.Configuration == "mdl" {
			text, err := store.Credential(b.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			if licence, err = jose.DecodeBase64URL(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	return licence, kinds, anchors
}

// status fetches the list that a licence names and says what it says.
func (k *keptDemo) status(t *testing.T, licence []byte, anchors *trust.Store) policy.Status {
	t.Helper()
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	p := policy.Default()
	p.RequireRevocation = false // the copy is asked for here, not its signer
	r := verification.IssuerSigned(licence, verification.Options{Now: time.Now(), Policy: p, Trust: anchors, Lists: func(uri string) ([]byte, error) {
		token, _, err := web.StatusList(t.Context(), uri, fetch.TypeStatusListCWT)
		return token, err
	}})
	return r.Verdict.Status
}

// visit sends a request as a browser does and reads the answer.
func visit(t *testing.T, method, address string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// text gives what an element with an id holds.
func text(t *testing.T, page, id string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s) id="` + id + `"[^>]*>(.*?)</(?:a|p|td)>`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("nothing has the id %s in\n%s", id, page)
	}
	return html.UnescapeString(m[1])
}

func TestPage(t *testing.T) {
	k := keepDemo(t)
	res, page := visit(t, "GET", k.page, nil)
	if res.StatusCode != 200 || res.Header.Get("Content-Security-Policy") != policyOfPage || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	for _, piece := range []string{`<html lang="en">`, "Nothing here is to be trusted", "Žofie Dvořák-Weber", "Jean-Luc Müller", "Saoirse Ó Briain", "B, A (condition 78)", k.dir + "/trust", "Ctrl-C"} {
		if !strings.Contains(page, piece) {
			t.Errorf("%q is missing", piece)
		}
	}
	if against := regexp.MustCompile(`<script|<style| style=| on[a-z]+=`).FindAllString(page, -1); against != nil {
		t.Errorf("against the policy: %q", against)
	}
	if !strings.Contains(text(t, page, "state-DL-1"), "annulled") || !strings.Contains(text(t, page, "state-DL-2"), "in force") {
		t.Error("the state of the licences is wrong")
	}
	for _, link := range regexp.MustCompile(`(?:href|src)="(https?://[^"]*|/[^"#?]*)"`).FindAllStringSubmatch(page, -1) {
		address := link[1]
		if strings.HasPrefix(address, "/") {
			address = strings.TrimSuffix(k.page, "/") + address
		}
		res, body := visit(t, "GET", address, nil)
		if res.StatusCode != 200 || body == "" {
			t.Errorf("%s: %s", address, res.Status)
		}
		if strings.HasSuffix(address, ".jpg") {
			if _, err := jpeg.Decode(strings.NewReader(body)); err != nil {
				t.Errorf("%s: %v", address, err)
			}
		}
	}

	res, offer := visit(t, "POST", k.page+"offers", url.Values{"person": {"P-2"}})
	if res.StatusCode != 200 || !strings.Contains(offer, "<svg ") || !strings.Contains(offer, "Offer to Jean-Luc Müller") {
		t.Fatalf("%s\n%s", res.Status, offer)
	}
	licence, kinds, anchors := k.take(t, text(t, offer, "link"), text(t, offer, "tx-code"))
	if len(kinds) != 3 || k.status(t, licence, anchors) != policy.Valid {
		t.Errorf("fetched %q, status %s", kinds, k.status(t, licence, anchors))
	}
	for range 2 { // the second click changes nothing
		res, page = visit(t, "POST", k.page+"annulments", url.Values{"document": {"DL-2"}})
		if res.StatusCode != 200 || res.Request.URL.RawQuery != "annulled=DL-2" || !strings.Contains(page, `role="status"`) {
			t.Fatalf("%s %s\n%s", res.Status, res.Request.URL, page)
		}
		state, receipt := text(t, page, "state-DL-2"), text(t, page, "receipt-DL-2")
		if !strings.Contains(state, "annulled") || !strings.Contains(receipt, "every copy is revoked since version 3 ") {
			t.Errorf("state %s, receipt %s", state, receipt)
		}
	}
	if got := k.status(t, licence, anchors); got != policy.Revoked {
		t.Errorf("the copy is %s after all", got)
	}
	if strings.Contains(page, `id="annul-DL-2"`) || !strings.Contains(page, `id="annul-DL-3"`) {
		t.Error("the buttons do not follow the state")
	}
	// Without a copy there is nothing to revoke; without a licence there is still
	// the identity.
	_, page = visit(t, "POST", k.page+"annulments", url.Values{"document": {"DL-3"}})
	if receipt := text(t, page, "receipt-DL-3"); !strings.Contains(receipt, "no copies") {
		t.Errorf("receipt %s", receipt)
	}
	_, offer = visit(t, "POST", k.page+"offers", url.Values{"person": {"P-3"}})
	if !strings.Contains(offer, "--type pid-sd-jwt") {
		t.Errorf("commands for a licence that is annulled:\n%s", offer)
	}
	if _, kinds, _ = k.take(t, text(t, offer, "link"), text(t, offer, "tx-code")); len(kinds) != 2 {
		t.Errorf("fetched %q", kinds)
	}
	k.stop()
}

func TestPageRefuses(t *testing.T) {
	k := keepDemo(t)
	person := url.Values{"person": {"P-2"}}
	for name, c := range map[string]struct {
		method, path string
		form         url.Values
		header       []string
		status       int
	}{
		"another site":     {"POST", "offers", person, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another origin":   {"POST", "offers", person, []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403},
		"another name":     {"GET", "", nil, []string{"Host", "evil.example"}, 421},
		"another method":   {"GET", "annulments", nil, nil, 405},
		"no such page":     {"GET", "nothing", nil, nil, 404},
		"nobody":           {"POST", "offers", url.Values{"person": {"P-9"}}, nil, 400},
		"no licence":       {"POST", "annulments", url.Values{"document": {"ID-2"}}, nil, 400},
		"no such offer":    {"GET", "offers/x", nil, nil, 404},
		"no such portrait": {"GET", "portraits/P-9.jpg", nil, nil, 404},
		"too long":         {"POST", "offers", url.Values{"person": {strings.Repeat("P", 2*maxForm)}}, nil, 400},
		"no such notice":   {"GET", "?annulled=%3Cscript%3E", nil, nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := visit(t, c.method, k.page+c.path, c.form, c.header...)
			if res.StatusCode != c.status || strings.Contains(body, "<script") {
				t.Errorf("%s, want %d\n%s", res.Status, c.status, body)
			}
			if res.Header.Get("Content-Security-Policy") == "" {
				t.Error("no content security policy")
			}
		})
	}
}
