package issuerhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/webserver"
)

const form = "application/x-www-form-urlencoded"

// raw sends bytes as they are.
func (w *world) raw(request string) *http.Response {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.public, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func TestBadInputs(t *testing.T) {
	w := newWorld(t, limits{})
	w.fill()

	t.Run("H05/content_type", func(t *testing.T) {
		wa := w.enrol()
		body := w.request("mdl", 1)
		for _, typ := range []string{"", "text/plain", "application/jwt", "application/json;charset=utf-7", "multipart/form-data;boundary=x"} {
			a := w.do("POST", w.at("/credential"), body, "Content-Type", typ, "Authorization", "DPoP "+wa.token, "DPoP", wa.proof(publicURL+"/credential"))
			w.want(a, 415)
		}
		w.want(w.do("POST", w.at("/token"), `{}`, "Content-Type", "application/json"), 415)
		w.want(wa.ask("/credential", body), 200)
	})

	t.Run("H06/repeated_parameters", func(t *testing.T) {
		o := w.offer("H06", map[string]string{"mdl": "DL-1"})
		wa := &wallet{w: w, key: newKey(t)}
		good := tokenForm(w.code(o), o.TxCode)
		post := func(path, body string) answer {
			return w.do("POST", w.at(path), body, "Content-Type", form, "DPoP", wa.proof(publicURL+"/token"))
		}
		for _, a := range []answer{
			post("/token", good+"&grant_type=x"), post("/token", good+"&tx_code=000000"), post("/token", good+"&unknown=1&unknown=2"),
			post("/token?grant_type=x", good), post("/token?x=y", good),
		} {
			if w.want(a, 400); a.member(t, "error") != "invalid_request" {
				t.Error(a.body)
			}
		}
		a := w.do("POST", w.at("/token"), good, "Content-Type", form, "DPoP", wa.proof(publicURL+"/token"), "DPoP", wa.proof(publicURL+"/token"))
		if w.want(a, 400); a.member(t, "error") != "invalid_dpop_proof" {
			t.Error(a.body)
		}
		w.want(post("/token", good), 200)
	})

	t.Run("H08/host_and_forwarded_headers", func(t *testing.T) {
		spoof := []string{"Host", "evil.example", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "Forwarded", "host=evil.example"}
		for _, path := range []string{"/.well-known/openid-credential-issuer/office", "/.well-known/oauth-authorization-server/office"} {
			if a := w.want(w.do("GET", w.public+path, "", spoof...), 200); strings.Contains(a.body, "evil") || !strings.Contains(a.body, publicURL) {
				t.Error(a.body)
			}
		}
		wa := w.enrol()
		// A proof for where the request came in is not one for the issuer.
		for _, htu := range []string{w.at("/credential"), "https://evil.example/office/credential"} {
			a := w.do("POST", w.at("/credential"), w.request("mdl", 1), append([]string{
				"Content-Type", "application/json", "Authorization", "DPoP " + wa.token, "DPoP", wa.proof(htu),
			}, spoof...)...)
			if w.want(a, 401); a.member(t, "error") != "invalid_dpop_proof" {
				t.Error(a.body)
			}
		}
		w.want(wa.ask("/credential", w.request("mdl", 1), spoof...), 200)
		resp := w.raw("GET http://evil.example/.well-known/openid-credential-issuer/office HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
		if resp.StatusCode != 200 {
			t.Errorf("absolute form: %d", resp.StatusCode)
		}
	})

	t.Run("H09/paths", func(t *testing.T) {
		for _, p := range []string{
			"//office/credential", "/office/credential/", "/office/./credential", "/office/%2e%2e/office/credential", "/office%2fcredential", "/Office/credential", "/office/CREDENTIAL", "/credential", "/office/%63redential",
		} {
			resp := w.raw("POST " + p + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			if resp.StatusCode != 404 {
				t.Errorf("%s: %d", p, resp.StatusCode)
			}
		}
	})

	t.Run("H10/methods", func(t *testing.T) {
		for _, c := range [][2]string{{"GET", "/token"}, {"PUT", "/credential"}, {"HEAD", "/nonce"}, {"GET", "/nonce"}, {"GET", "/credential"}, {"DELETE", "/notification"}} {
			a := w.want(w.do(c[0], w.at(c[1]), "", "X-HTTP-Method-Override", "POST"), 405)
			if !strings.Contains(a.Header.Get("Allow"), "POST") {
				t.Errorf("%v: Allow %q", c, a.Header.Get("Allow"))
			}
		}
		w.want(w.do("POST", w.at("/status"), ""), 405)
	})

	t.Run("H13/cross_site", func(t *testing.T) {
		for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}, {"Origin", "https://evil.example"}} {
			a := w.do("POST", w.office+"/office/v1/offers", `{}`, append(h, "Content-Type", "text/plain")...)
			w.want(a, 403)
		}
		if a := w.want(w.do("POST", w.at("/nonce"), "", "Origin", "https://wallet.example", "Sec-Fetch-Site", "cross-site"), 200); len(a.Cookies()) != 0 {
			t.Error("a cookie for a wallet")
		}
	})

	t.Run("P03/guesses_over_many_offers", func(t *testing.T) {
		w := newWorld(t, limits{guesses: webserver.NewLimiter(0, 10)})
		w.fill()
		statuses := map[int]int{}
		for i := range 30 {
			o := w.offer(fmt.Sprint(i), map[string]string{"mdl": "DL-1"})
			wa := &wallet{w: w, key: newKey(t)}
			wrong := "000000"
			if o.TxCode == wrong {
				wrong = "000001"
			}
			statuses[w.do("POST", w.at("/token"), tokenForm(w.code(o), wrong), "Content-Type", form, "DPoP", wa.proof(publicURL+"/token")).StatusCode]++
		}
		if statuses[400] != 10 || statuses[429] != 20 {
			t.Errorf("answers %v", statuses)
		}
	})

	// Twenty random codes of a stranger must not keep out a wallet that shares
	// his address: a network of telephones, a proxy that nobody named.
	t.Run("P03/strangers_lock_nobody_out", func(t *testing.T) {
		w := newWorld(t, limits{guesses: webserver.NewLimiter(0, 10)})
		w.fill()
		wa := &wallet{w: w, key: newKey(t)}
		for i := range 30 {
			code := jose.EncodeBase64URL(bytes.Repeat([]byte{byte(i)}, 32))
			if a := w.do("POST", w.at("/token"), tokenForm(code, "123456"), "Content-Type", form, "DPoP", wa.proof(publicURL+"/token")); a.StatusCode != 400 {
				t.Fatalf("random code %d: %d %s", i, a.StatusCode, a.body)
			}
			if a := w.do("POST", w.at("/credential"), "{}", "Content-Type", "application/json", "Authorization", "DPoP "+code, "DPoP", wa.proof(publicURL+"/credential")); a.StatusCode != 401 {
				t.Fatalf("random token %d: %d %s", i, a.StatusCode, a.body)
			}
		}
		o := w.offer("lock", map[string]string{"mdl": "DL-1"})
		if a := w.do("POST", w.at("/token"), tokenForm(w.code(o), o.TxCode), "Content-Type", form, "DPoP", wa.proof(publicURL+"/token")); a.StatusCode != 200 {
			t.Errorf("the wallet of the same address: %d %s", a.StatusCode, a.body)
		}
	})

	t.Run("P06/at_once", func(t *testing.T) {
		o := w.offer("P06", map[string]string{"mdl": "DL-1"})
		code := w.code(o)
		var ok atomic.Int64
		var wg sync.WaitGroup
		for range 50 {
			wa := &wallet{w: w, key: newKey(t)}
			wg.Go(func() {
				switch a := w.do("POST", w.at("/token"), tokenForm(code, o.TxCode), "Content-Type", form, "DPoP", wa.proof(publicURL+"/token")); a.StatusCode {
				case 200:
					ok.Add(1)
				case 400:
				default:
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
			})
		}
		wg.Wait()
		if ok.Load() != 1 {
			t.Errorf("%d tokens", ok.Load())
		}
	})

	t.Run("P09/offers", func(t *testing.T) {
		o := w.offer("P09", map[string]string{"mdl": "DL-1"})
		for range 3 {
			a := w.want(w.do("GET", w.at("/offers/"+o.ID), ""), 200)
			if strings.Contains(a.body, o.TxCode) || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %v", a.body, a.Header)
			}
		}
		if a := w.want(w.do("HEAD", w.at("/offers/"+o.ID), ""), 200); a.body != "" {
			t.Error("HEAD with a body")
		}
		for _, id := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 4000), "..%2f" + o.ID} {
			w.want(w.do("GET", w.at("/offers/"+id), ""), 404)
		}
	})

	t.Run("P10/anonymous", func(t *testing.T) {
		wa := &wallet{w: w, key: newKey(t)}
		a := w.do("POST", w.at("/token"), "grant_type="+oid4vci.GrantPreAuthorized+"&pre-authorized_code=x", "Content-Type", form, "DPoP", wa.proof(publicURL+"/token"))
		if w.want(a, 401); a.member(t, "error") != "invalid_client" {
			t.Error(a.body)
		}
	})

	t.Run("C01/replay", func(t *testing.T) {
		wa, body := w.enrol(), w.request("mdl", 2)
		var ok atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				switch a := wa.ask("/credential", body); a.StatusCode {
				case 200:
					ok.Add(1)
				case 400:
					if a.member(t, "error") != "invalid_nonce" {
						t.Error(a.body)
					}
				default:
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
			})
		}
		wg.Wait()
		if ok.Load() != 1 {
			t.Errorf("%d batches for one nonce", ok.Load())
		}
	})

	t.Run("C16/not_covered", func(t *testing.T) {
		a := w.enrol().ask("/credential", w.request("pid-mdoc", 1))
		if w.want(a, 403); a.member(t, "error") != "insufficient_scope" || !strings.Contains(a.Header.Get("WWW-Authenticate"), "insufficient_scope") {
			t.Errorf("%s %v", a.body, a.Header)
		}
	})

	t.Run("C17/tokens", func(t *testing.T) {
		wa, body := w.enrol(), w.request("mdl", 1)
		for name, header := range map[string][]string{
			"none":     {},
			"in_query": {"Test", "query"},
			"bearer":   {"Authorization", "Bearer " + wa.token, "DPoP", wa.proof(publicURL + "/credential")},
			"no_proof": {"Authorization", "DPoP " + wa.token},
			"twice":    {"Authorization", "DPoP " + wa.token, "Authorization", "DPoP " + wa.token, "DPoP", wa.proof(publicURL + "/credential")},
		} {
			t.Run(name, func(t *testing.T) {
				target, want := w.at("/credential"), 401
				switch name {
				case "in_query":
					target, want = target+"?access_token="+wa.token, 400
				case "twice":
					want = 400
				}
				a := w.want(w.do("POST", target, body, append([]string{"Content-Type", "application/json"}, header...)...), want)
				if want == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), `DPoP algs="ES256"`) {
					t.Errorf("WWW-Authenticate %q", a.Header.Get("WWW-Authenticate"))
				}
			})
		}
		w.clock.Advance(5 * time.Minute)
		if a := w.want(wa.ask("/credential", body), 401); a.member(t, "error") != "invalid_token" {
			t.Error(a.body)
		}
	})

	t.Run("C21/json", func(t *testing.T) {
		wa := w.enrol()
		for _, body := range []string{strings.Repeat("[", 20_000), `{"a":1` + strings.Repeat(`,"a":1`, 20_000) + `}`, `{"credential_configuration_id":1e999999}`} {
			// The quickest of five: a busy machine may keep one waiting, a reader that
			// takes long takes long each time.
			quickest := time.Hour
			for range 5 {
				begun := time.Now()
				a := w.want(wa.ask("/credential", body), 400)
				quickest = min(quickest, time.Since(begun))
				if a.member(t, "error") != "invalid_credential_request" {
					t.Error(a.body)
				}
			}
			if quickest > time.Second {
				t.Errorf("%.30s took %v", body, quickest)
			}
		}
	})

	t.Run("D05/notifications", func(t *testing.T) {
		wa := w.enrol()
		for body, want := range map[string]string{
			`{"notification_id":"x","event":"credential_accepted"}`: "invalid_notification_id",
			`{"notification_id":"x","event":"eaten"}`:               "invalid_notification_request",
			`{`: "invalid_notification_request",
			`{"notification_id":"x","event":"credential_accepted","event_description":"` + strings.Repeat("a", 40_000) + `"}`: "invalid_notification_request",
		} {
			if a := w.want(wa.ask("/notification", body), 400); a.member(t, "error") != want {
				t.Errorf("%.60s: %s", body, a.body)
			}
		}
		w.want(wa.ask("/notification", strings.Repeat("a", 1<<20)), 413)
	})

	t.Run("D06/metadata", func(t *testing.T) {
		at := w.public + "/.well-known/openid-credential-issuer/office"
		if a := w.want(w.do("GET", at, "", "Accept-Language", strings.Repeat("xx-junk;q=9,", 500)), 200); !strings.HasPrefix(a.Header.Get("Cache-Control"), "public") || a.Header.Get("Vary") == "" {
			t.Errorf("headers %v", a.Header)
		}
		w.want(w.do("GET", at, "", "Accept", "application/jwt"), 406)
		w.want(w.do("GET", at, "", "Accept", "application/jwt, application/json;q=0.5"), 200)
		w.want(w.do("GET", at+"/", ""), 200)
		w.want(w.do("GET", w.at("/.well-known/openid-credential-issuer"), ""), 200)
	})

	t.Run("D07/other_tenants", func(t *testing.T) {
		for _, p := range []string{"", "/other", "/office/x", "/..%2foffice", "/%6fffice"} {
			w.want(w.do("GET", w.public+"/.well-known/openid-credential-issuer"+p, ""), 404)
		}
	})

	if err := w.publisher.Publish(context.Background()); err != nil {
		t.Error(err)
	}
}
