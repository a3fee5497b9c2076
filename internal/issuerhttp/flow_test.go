package issuerhttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
	"vidimus/internal/qr"
	"vidimus/internal/statuslist"
)

// From the registry's events to a revoked copy, over three listeners.
func TestFlow(t *testing.T) {
	w := newWorld(t, limits{})
	w.fill()
	wa := w.enrol()

	a := w.want(wa.ask("/credential", w.request("mdl", 3)), 200)
	resp, err := oid4vci.ParseCredentialResponse([]byte(a.body))
	if err != nil || len(resp.Credentials) != 3 {
		t.Fatalf("%v, %v", resp, err)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", a.Header)
	}
	n := `{"notification_id":"` + resp.NotificationID + `","event":"credential_accepted"}`
	for range 2 {
		if a := w.want(wa.ask("/notification", n), 204); a.body != "" {
			t.Errorf("204 with %q", a.body)
		}
	}

	copies, err := w.store.Copies(context.Background(), "DL-1")
	if err != nil || len(copies) != 3 {
		t.Fatalf("%d copies, %v", len(copies), err)
	}
	if s := w.lookUp(copies[0].List, copies[0].Index); s != statuslist.Valid {
		t.Errorf("status %v before", s)
	}
	set := w.event(5, registryclient.DocumentAnnulled{Number: "DL-1"})
	if err := w.events().Push(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	if err := w.publisher.Publish(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, c := range copies {
		if s := w.lookUp(c.List, c.Index); s != statuslist.Invalid {
			t.Errorf("status %v after", s)
		}
	}
	receipt := w.want(w.do("GET", w.registry+issuerhttp.EventsPath+"/"+set.JTI, "", "Test-Peer", source), 200)
	if got, err := w.events().VerifyReceipt(receipt.body, &w.pki.ReceiptSigner.Key.PublicKey); err != nil || got.State != "covered" {
		t.Errorf("receipt %+v, %v", got, err)
	}
	w.want(w.do("GET", w.registry+issuerhttp.EventsPath+"/"+set.JTI+"?source="+source, ""), 200)
	w.want(w.do("GET", w.registry+issuerhttp.EventsPath+"/"+set.JTI+"?source="+source, "", "Test-Peer", "https://other.example"), 404)
	w.want(w.do("GET", w.registry+issuerhttp.EventsPath+"/never", "", "Test-Peer", source), 404)

	if a := w.want(wa.ask("/credential", w.request("mdl", 1)), 400); a.member(t, "error") != "credential_request_denied" {
		t.Errorf("after the end of the document: %s", a.body)
	}
}

func (w *world) lookUp(uri string, index uint64) statuslist.Status {
	w.t.Helper()
	a := w.want(w.do("GET", w.at(strings.TrimPrefix(uri, publicURL)), ""), 200)
	token, err := statuslist.ParseToken([]byte(a.body))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := token.Verify(w.pki.StatusSigner.Key.Public()); err != nil {
		w.t.Fatal(err)
	}
	s, err := token.Lookup(statuslist.Reference{Index: index, URI: uri}, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestStatusListForms(t *testing.T) {
	w := newWorld(t, limits{})
	w.fill()
	w.want(w.do("GET", w.at("/status"), ""), 503) // before the first publication
	w.want(w.enrol().ask("/credential", w.request("mdl", 1)), 200)
	copies, err := w.store.Copies(context.Background(), "DL-1")
	if err != nil {
		t.Fatal(err)
	}
	list := w.at(strings.TrimPrefix(copies[0].List, publicURL))

	plain := w.want(w.do("GET", list, ""), 200)
	if plain.Header.Get("Content-Type") != "application/statuslist+jwt" || plain.Header.Get("Vary") == "" || !strings.HasPrefix(plain.Header.Get("Cache-Control"), "public, max-age=") {
		t.Errorf("headers %v", plain.Header)
	}
	etag := plain.Header.Get("ETag")
	for _, h := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if a := w.want(w.do("GET", list, "", "If-None-Match", h), 304); a.body != "" {
			t.Errorf("304 with a body")
		}
	}
	w.want(w.do("GET", list, "", "If-None-Match", `"x"`), 200)
	zipped := w.want(w.do("GET", list, "", "Accept-Encoding", "gzip"), 200)
	r, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != plain.body || zipped.Header.Get("ETag") == etag || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("gzip: %v, ETag %s", err, zipped.Header.Get("ETag"))
	}
	w.want(w.do("GET", list, "", "Accept-Encoding", "gzip", "If-None-Match", zipped.Header.Get("ETag")), 304)
	cwt := w.want(w.do("GET", list, "", "Accept", "application/statuslist+cwt"), 200)
	if cwt.Header.Get("Content-Type") != "application/statuslist+cwt" || cwt.Header.Get("ETag") == etag {
		t.Errorf("CWT headers %v", cwt.Header)
	}
	if a := w.want(w.do("HEAD", list, ""), 200); a.Header.Get("ETag") != etag {
		t.Errorf("HEAD: %v", a.Header)
	}
	if a := w.want(w.do("GET", w.at("/status"), ""), 200); !strings.Contains(a.body, copies[0].List) {
		t.Errorf("aggregation %s", a.body)
	}
	w.want(w.do("GET", w.at("/status/none"), ""), 404)

	// H16: content negotiation that means harm.
	for name, c := range map[string]struct {
		header, value string
		status        int
	}{
		"q_of_2":       {"Accept", "application/jwt;q=2", 406},
		"5000_entries": {"Accept", strings.Repeat("a/b,", 2000), 200},
		"encoding":     {"Accept-Encoding", "zstd, br;q=1", 200},
		"range":        {"Range", "bytes=0-10", 200},
		"ranges":       {"Range", "bytes=" + strings.Repeat("0-,", 1000), 200},
		"none_match":   {"If-None-Match", strings.Repeat(`"x",`, 2000), 200},
	} {
		t.Run("H16/"+name, func(t *testing.T) {
			a := w.do("GET", list, "", c.header, c.value)
			if a.StatusCode != c.status || a.StatusCode == 200 && a.body != plain.body {
				t.Errorf("%d, %d bytes", a.StatusCode, len(a.body))
			}
		})
	}
}

func TestOffice(t *testing.T) {
	w := newWorld(t, limits{})
	w.fill()
	documents := map[string]string{"mdl": "DL-1"}
	first, again := w.offer("k", documents), w.offer("k", documents)
	if first != again {
		t.Errorf("a repeat gave %+v, want %+v", again, first)
	}
	if len(first.TxCode) != 6 || !first.Expires.Equal(w.clock.Now().Add(10*time.Minute)) {
		t.Errorf("offer %+v", first)
	}
	for _, text := range []string{first.URI, first.Reference, first.ID} {
		if strings.Contains(text, first.TxCode) {
			t.Errorf("the transaction code travels with the offer: %s", text)
		}
	}
	svg := w.want(w.do("GET", w.office+first.SVG, ""), 200)
	if svg.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg.body, "<svg") {
		t.Errorf("svg: %v", svg.Header)
	}
	picture := w.want(w.do("GET", w.office+first.PNG, ""), 200)
	if _, err := png.Decode(strings.NewReader(picture.body)); err != nil {
		t.Fatal(err)
	}
	if text, err := qr.Decode(bytes.NewReader([]byte(picture.body))); err != nil || text != first.Reference {
		t.Errorf("the QR code says %q, %v, want %q", text, err, first.Reference)
	}
	w.want(w.do("GET", w.office+issuerhttp.OfficePath+"/unknown/qr.svg", ""), 404)

	post := func(path, body string) answer {
		return w.do("POST", w.office+issuerhttp.OfficePath+path, body, "Content-Type", "application/json")
	}
	if a := w.want(post("", `{"key":"k","person":"P1","documents":{"mdl":"DL-2"}}`), 404); a.member(t, "error") != "not_found" {
		t.Error(a.body)
	}
	if a := w.want(post("", `{"key":"k","person":"P1","documents":{"mdl":"DL-1","pid-sd-jwt":"ID-1"}}`), 409); a.member(t, "error") != "conflict" {
		t.Error(a.body)
	}
	w.want(post("", `{"key":"k2","person":"P1","documents":{"mdl":"DL-1"},"without_tx_code":true}`), 400)
	w.want(post("", `{"key":"a","key":"b"}`), 400)
	w.want(post("", `[]`), 400)
	w.want(post("/revoke", `{"key":"never"}`), 404)
	code := w.code(first)
	w.want(post("/revoke", `{"key":"k"}`), 204)
	wa := &wallet{w: w, key: newKey(t)}
	a := w.do("POST", w.at("/token"), tokenForm(code, first.TxCode), "Content-Type", "application/x-www-form-urlencoded", "DPoP", wa.proof(publicURL+"/token"))
	if w.want(a, 400); a.member(t, "error") != "invalid_grant" {
		t.Error(a.body)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t, limits{})
	ctx := context.Background()
	w.fill()
	// Repeated, out of order, forged.
	one := w.event(5, registryclient.DocumentAnnulled{Number: "DL-1"})
	gap := w.event(7, registryclient.DocumentAnnulled{Number: "ID-1"})
	var refusal *registryclient.Refusal
	if err := w.events().Push(ctx, gap); !errors.As(err, &refusal) || refusal.Code != "invalid_request" || !strings.Contains(refusal.Description, "seq 5 to 6 are missing") {
		t.Errorf("a gap: %v", err)
	}
	for range 2 {
		if err := w.events().Push(ctx, one); err != nil {
			t.Error(err)
		}
	}
	forged := w.event(6, registryclient.DocumentAnnulled{Number: "ID-1"})
	forged.Token = forged.Token[:len(forged.Token)-4] + "AAAA"
	if err := w.events().Push(ctx, forged); !errors.As(err, &refusal) || refusal.Code != "authentication_failed" {
		t.Errorf("a forged event: %v", err)
	}
	six := w.event(6, registryclient.DocumentAnnulled{Number: "ID-1"})
	ans, err := w.events().PushBatch(ctx, []registryclient.SET{one, six, gap, forged})
	if err != nil {
		t.Fatal(err)
	}
	if len(ans.Acks) != 3 || len(ans.Refused) != 1 {
		t.Errorf("batch %+v", ans)
	}
	batch := func(body string) answer {
		return w.do("POST", w.registry+issuerhttp.EventsPath+"/batch", body, "Content-Type", "application/json")
	}
	for _, body := range []string{"", "[]", `{"sets":{}}`, `{"sets":{"a":"x","a":"y"}}`, `{"sets":{"a":7}}`, "{"} {
		if a := w.want(batch(body), 400); a.member(t, "err") != "invalid_request" {
			t.Errorf("%q: %s", body, a.body)
		}
	}
	if a := w.want(w.do("POST", w.registry+issuerhttp.EventsPath, "x", "Content-Type", "application/secevent+jwt"), 400); a.member(t, "err") != "invalid_request" {
		t.Error(a.body)
	}
	w.want(w.do("POST", w.registry+issuerhttp.EventsPath, "x", "Content-Type", "application/jwt"), 415)
	w.want(w.do("POST", w.registry+issuerhttp.EventsPath, strings.Repeat("x", 1<<20+1), "Content-Type", "application/secevent+jwt"), 413)
}

func TestHealth(t *testing.T) {
	w := newWorld(t, limits{})
	w.want(w.do("GET", w.public+"/healthz", ""), 200)
	w.want(w.do("GET", w.public+"/readyz", ""), 200)
	down := errors.New("the disk is full of secrets")
	w.ready.Store(&down)
	w.want(w.do("GET", w.public+"/healthz", ""), 200)
	if a := w.want(w.do("GET", w.public+"/readyz", ""), 503); strings.Contains(a.body, "secrets") || a.Header.Get("Retry-After") == "" {
		t.Errorf("%q %v", a.body, a.Header)
	}
}

func TestPublicURLs(t *testing.T) {
	for _, bad := range []string{"", "issuer.example", "https://issuer.example/", "https://issuer.example/a/", "https://issuer.example?x", "https://issuer.example?", "https://issuer.example#x", "https://u@issuer.example", "ftp://issuer.example", "https://issuer.example/a%20b"} {
		if err := issuerhttp.Public(nil, issuerhttp.PublicConfig{URL: bad}); err == nil {
			t.Errorf("%q is taken for a public URL", bad)
		}
	}
}
