package issuer_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
)

// citizen is a browser of a person.
type citizen struct {
	*office
	web *http.Client
}

func (o *office) citizen() citizen {
	jar, err := cookiejar.New(nil)
	o.must(err)
	return citizen{o, &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (h citizen) read(res *http.Response, err error) (int, string) {
	h.t.Helper()
	h.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	h.must(err)
	return res.StatusCode, string(body)
}

func (h citizen) page(path string) string {
	h.t.Helper()
	status, body := h.read(h.web.Get(h.cfg.PublicURL + path))
	if status != http.StatusOK {
		h.t.Fatalf("%s: %d %s", path, status, body)
	}
	return body
}

var inputs = regexp.MustCompile(`<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)

// send posts the first form of a page whose action ends in a path.
func (h citizen) send(page, path string, change ...string) (int, string) {
	h.t.Helper()
	_, after, found := strings.Cut(page, `action="/my`+path+`"`)
	if !found {
		h.t.Fatalf("no form for %s", path)
	}
	form, _, _ := strings.Cut(after, "</form>")
	values := url.Values{}
	for _, m := range inputs.FindAllStringSubmatch(form, -1) {
		values.Set(m[1], m[2])
	}
	for i := 0; i < len(change); i += 2 {
		values.Set(change[i], change[i+1])
	}
	return h.read(h.web.PostForm(h.cfg.PublicURL+"/my"+path, values))
}

// login picks a sample person.
func (h citizen) login(person string) string {
	h.t.Helper()
	status, page := h.read(h.web.Get(h.cfg.PublicURL + "/my/login"))
	m := regexp.MustCompile(`name="state" value="([^"]+)"`).FindStringSubmatch(page)
	if status != http.StatusOK || m == nil {
		h.t.Fatalf("the demo login: %d %s", status, page)
	}
	status, body := h.read(h.web.Get(h.cfg.PublicURL + "/my/login/callback?" + url.Values{"state": {m[1]}, "person": {person}}.Encode()))
	if status != http.StatusOK {
		h.t.Fatalf("the callback: %d %s", status, body)
	}
	return body
}

// A holder sees the documents and the phones that have copies, takes one back,
// and with a code of before even without a login.
func TestMyDocuments(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	fetch := func() {
		w := rawWallet{o, newKey(t)}
		offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
		_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
		credential := o.cfg.PublicURL + "/credential"
		if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(credential, token)); status != http.StatusOK {
			t.Fatalf("%d %s", status, code)
		}
		o.clock.Advance(1)
	}
	fetch()
	fetch()
	h := o.citizen()
	home := h.login("P-1")
	for _, want := range []string{"DL-1", "ID-1"} {
		if !strings.Contains(home, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	valid := func() (n int) {
		copies, err := o.app.Store().Copies(t.Context(), "DL-1")
		o.must(err)
		for _, c := range copies {
			if !c.Invalid {
				n++
			}
		}
		return n
	}
	if valid() != 2 {
		t.Fatalf("%d copies", valid())
	}
	// An offer that tells nobody anything.
	status, page := h.send(home, "/offer")
	if status != http.StatusOK || !strings.Contains(page, "authorization_code") || strings.Contains(page, "pre-authorized") {
		t.Errorf("%d %s", status, page)
	}
	// It names itself, so that it is no other page's: neither ends with the other.
	if _, other := h.send(h.page("/my"), "/offer"); issuerState(page) == "" || issuerState(page) == issuerState(other) {
		t.Errorf("two offers of one name: %q", issuerState(page))
	}
	if _, again := h.send(home, "/offer"); issuerState(again) != issuerState(page) {
		t.Error("the same page makes two offers")
	}
	// A code for one phone; the other is taken back at once.
	status, page = h.send(home, "/wallet")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, page)
	}
	status, page = h.send(page, "/wallet/revoke")
	if status != http.StatusOK || valid() != 1 {
		t.Errorf("%d, %d copies are valid: %s", status, valid(), page)
	}
	_, page = h.send(h.page("/my"), "/wallet")
	status, page = h.send(page, "/wallet/code")
	m := regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4}){4}`).FindString(page)
	if status != http.StatusOK || m == "" {
		t.Fatalf("%d %s", status, page)
	}
	stranger := o.citizen()
	lost := stranger.page("/my/lost")
	if status, _ := stranger.send(lost, "/lost", "code", strings.Repeat("0000-", 4)+"0000"); status == http.StatusOK || valid() != 1 {
		t.Errorf("a made up code: %d", status)
	}
	if status, page := stranger.send(lost, "/lost", "code", strings.ToLower(m)); status != http.StatusOK || valid() != 0 {
		t.Errorf("the code: %d, %d copies are valid: %s", status, valid(), page)
	}
	if status, _ := stranger.send(lost, "/lost", "code", m); status == http.StatusOK {
		t.Error("a code works twice")
	}
	export := h.page("/my/export")
	for _, want := range []string{`"record"`, `"history"`, "wallet-lost", "DL-1"} {
		if !strings.Contains(export, want) {
			t.Errorf("the export lacks %s", want)
		}
	}
	if strings.Contains(o.log.String(), m) || strings.Contains(o.log.String(), "Dvořák") {
		t.Error("a code or a name is in the log")
	}
}

// issuerState is that of the offer on a page.
func issuerState(page string) string {
	m := regexp.MustCompile(`issuer_state%22%3A%22([^%]+)%22`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}
