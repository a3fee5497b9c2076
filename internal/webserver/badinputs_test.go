package webserver

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

const form = "application/x-www-form-urlencoded"

func contentType(v string) http.Header { return http.Header{"Content-Type": {v}} }

// endless is a body that never ends; read counts what was taken from it.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += int64(len(p))
	return len(p), nil
}

func TestBadInputs(t *testing.T) {
	w := serveEngine(t)

	t.Run("H01/headers", func(t *testing.T) {
		for name, req := range map[string]string{
			"request_line":   "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"one_header":     "GET /nonce HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 100<<10) + "\r\n\r\n",
			"10000_headers":  "GET /nonce HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 10_000) + "\r\n",
			"1_MiB_of_names": "GET /nonce HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a", 1<<20) + ": b\r\n\r\n",
		} {
			t.Run(name, func(t *testing.T) {
				resp := w.raw(t, req)
				if resp != nil && resp.StatusCode != 431 && resp.StatusCode != 400 {
					t.Errorf("status %d", resp.StatusCode)
				}
				if resp != nil && !resp.Close {
					t.Error("the connection stays open")
				}
			})
		}
	})

	t.Run("H02/body_over_cap", func(t *testing.T) {
		for _, c := range []struct {
			path, typ string
			limit     int
		}{
			{"/token", form, MaxFormBody}, {"/credential", "application/json", MaxCredentialBody}, {"/events", "application/secevent+jwt", MaxEventBody},
		} {
			before := w.served(c.path)
			resp, body := w.do(t, "POST", c.path, contentType(c.typ), strings.NewReader(strings.Repeat("a", c.limit)))
			if resp.StatusCode != 200 {
				t.Errorf("%s: a body at the cap: %d %s", c.path, resp.StatusCode, body)
			}
			resp, _ = w.do(t, "POST", c.path, contentType(c.typ), strings.NewReader(strings.Repeat("a", c.limit+1)))
			if resp.StatusCode != 413 {
				t.Errorf("%s: one byte over, with length: %d", c.path, resp.StatusCode)
			}
			resp, _ = w.do(t, "POST", c.path, contentType(c.typ), io.MultiReader(strings.NewReader(strings.Repeat("a", c.limit+1))))
			if resp.StatusCode != 413 || !resp.Close {
				t.Errorf("%s: one byte over, chunked: %d", c.path, resp.StatusCode)
			}
			if got := w.served(c.path) - before; got != 1 {
				t.Errorf("%s was served %d times", c.path, got)
			}
		}
	})
	t.Run("H02/never_ending", func(t *testing.T) {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		body := &endless{}
		req, _ := http.NewRequest("POST", w.url+"/token", body)
		req.Header = contentType(form)
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err == nil { // the server may also cut the line while we still write
			defer resp.Body.Close()
			if resp.StatusCode != 413 {
				t.Errorf("status %d", resp.StatusCode)
			}
		}
		runtime.ReadMemStats(&b)
		if grown := b.TotalAlloc - a.TotalAlloc; grown > 4<<20 {
			t.Errorf("%d bytes were allocated for a body of a cap of %d", grown, MaxFormBody)
		}
	})

	t.Run("H04/framing", func(t *testing.T) {
		head := "POST /credential HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		before := w.served("/credential")
		for name, rest := range map[string]string{
			"two_lengths":        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
			"negative_length":    "Content-Length: -2\r\n\r\n{}",
			"signed_length":      "Content-Length: +2\r\n\r\n{}",
			"0x_chunk":           "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
			"negative_chunk":     "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
			"long_chunk":         "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("f", 17) + "\r\n{}\r\n0\r\n\r\n",
			"bare_LF_in_chunk":   "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
			"bare_LF_in_ext":     "Transfer-Encoding: chunked\r\n\r\n2;a=b\n{}\r\n0\r\n\r\n",
			"endless_extension":  "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("a", 64<<10) + "\r\n{}\r\n0\r\n\r\n",
			"other_encoding":     "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			"two_encodings":      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			"space_before_colon": "Content-Length : 2\r\n\r\n{}",
		} {
			t.Run(name, func(t *testing.T) {
				resp := w.raw(t, head+rest)
				if resp == nil || (resp.StatusCode != 400 && resp.StatusCode != 501) || !resp.Close {
					t.Errorf("answer %v", resp)
				}
			})
		}
		if got := w.served("/credential"); got != before {
			t.Errorf("served %d times", got-before)
		}
		// Length and chunks: the chunks count (RFC 9112, section 6.3), and
		// what follows is no second request.
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		nonces := w.served("/nonce")
		if _, err := io.WriteString(conn, head+"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nPOST /nonce HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(conn)
		if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 || w.served("/nonce") != nonces {
			t.Errorf("%d answers, %v: %.200s", n, err, all)
		}
	})

	t.Run("H05/content_type", func(t *testing.T) {
		for _, typ := range []string{
			"", "text/plain", "application/json;charset=utf-7", "multipart/form-data; boundary=x", "application/json; charset", "application/jsonx",
			"application/json, text/plain", "application/x-www-form-urlencoded",
		} {
			h := http.Header{}
			if typ != "" {
				h.Set("Content-Type", typ)
			}
			if resp, _ := w.do(t, "POST", "/credential", h, strings.NewReader("{}")); resp.StatusCode != 415 {
				t.Errorf("%q on a JSON route: %d", typ, resp.StatusCode)
			}
		}
		for _, h := range []http.Header{
			{"Content-Type": {"application/json", "application/json"}},
			{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}},
		} {
			if resp, _ := w.do(t, "POST", "/credential", h, strings.NewReader("{}")); resp.StatusCode != 415 {
				t.Errorf("%v: %d", h, resp.StatusCode)
			}
		}
		for _, typ := range []string{"application/json", "Application/JSON; charset=UTF-8"} {
			if resp, _ := w.do(t, "POST", "/credential", contentType(typ), strings.NewReader("{}")); resp.StatusCode != 200 {
				t.Errorf("%q: %d", typ, resp.StatusCode)
			}
		}
		if resp, _ := w.do(t, "POST", "/token", contentType("application/json"), strings.NewReader("{}")); resp.StatusCode != 415 {
			t.Errorf("JSON on a form route: %d", resp.StatusCode)
		}
	})

	t.Run("H06/parameters_in_query", func(t *testing.T) {
		for _, path := range []string{"/token?grant_type=x", "/credential?access_token=x"} {
			typ := form
			if strings.HasPrefix(path, "/cred") {
				typ = "application/json"
			}
			resp, body := w.do(t, "POST", path, contentType(typ), strings.NewReader("grant_type=x"))
			if resp.StatusCode != 400 || kindOf(t, body, "error") != "invalid_request" {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		}
	})

	t.Run("H07/query", func(t *testing.T) {
		for name, q := range map[string]string{
			"10001_parameters": strings.Repeat("a=b&", 10_000) + "a=b", "nul": "a=%00", "overlong_utf8": "a=%c0%af", "surrogate": "a=%ed%a0%80", "semicolon": "a=b;c=d",
			"broken_escape": "a=%zz", "twice": "a=1&a=2",
		} {
			resp := w.raw(t, "GET /offers/x?"+q+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if resp == nil || (resp.StatusCode != 400 && resp.StatusCode != 431) {
				t.Errorf("%s: %v", name, resp)
			}
		}
		if resp, _ := w.do(t, "GET", "/offers/x?lang=de", nil, nil); resp.StatusCode != 200 {
			t.Errorf("an unknown parameter: %d", resp.StatusCode)
		}
	})

	t.Run("H08/forwarded_for", func(t *testing.T) {
		spoof := func(w *world) (statuses []int) {
			for i := range 4 {
				resp, _ := w.do(t, "GET", "/limited", http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.100.%d", i)}, "X-Real-Ip": {fmt.Sprint("203.0.113.", i)}, "Forwarded": {"for=192.0.2.9"}}, nil)
				statuses = append(statuses, resp.StatusCode)
			}
			return statuses
		}
		if got := spoof(serveEngine(t)); got[3] != 429 {
			t.Errorf("an untrusted peer chose its own address: %v", got)
		}
		if got := spoof(serveEngine(t, netip.MustParsePrefix("127.0.0.1/32"))); got[3] != 204 {
			t.Errorf("the address given by a trusted proxy was not used: %v", got)
		}
	})

	t.Run("H09/paths", func(t *testing.T) {
		before := w.served("/credential")
		for _, p := range []string{
			"//credential", "/credential/", "/./credential", "/x/../credential", "/%2e%2e/credential", "/%2e/credential", "/%63redential", "/CREDENTIAL", "/credential%2f", "/credential%00", "/credential//",
			"/credential.", "/credential;x=1",
		} {
			resp := w.raw(t, "POST "+p+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			if resp == nil || resp.StatusCode != 404 || resp.Header.Get("Location") != "" {
				t.Errorf("%s: %v", p, resp)
			}
		}
		if w.served("/credential") != before {
			t.Error("the handler ran")
		}
		resp := w.raw(t, "GET /offers/a%2fb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if resp == nil || resp.StatusCode != 200 {
			t.Errorf("an escaped slash inside one parameter: %v", resp)
		}
	})

	t.Run("H10/methods", func(t *testing.T) {
		before := w.served("/token") + w.served("/credential") + w.served("/nonce")
		for _, c := range [][3]string{{"GET", "/token", "POST"}, {"PUT", "/credential", "POST"}, {"HEAD", "/nonce", "POST"}, {"GET", "/nonce", "POST"}, {"DELETE", "/offers/x", "GET"}, {"BREW", "/nonce", "POST"}} {
			resp, _ := w.do(t, c[0], c[1], http.Header{"X-Http-Method-Override": {"POST"}}, nil)
			if resp.StatusCode != 405 || !strings.Contains(resp.Header.Get("Allow"), c[2]) {
				t.Errorf("%s %s: %d, Allow %q", c[0], c[1], resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
		if w.served("/token")+w.served("/credential")+w.served("/nonce") != before {
			t.Error("a handler ran")
		}
	})

	t.Run("H13/cross_site", func(t *testing.T) {
		for name, h := range map[string]http.Header{
			"cross_site":  {"Sec-Fetch-Site": {"cross-site"}},
			"origin_null": {"Origin": {"null"}},
			"origin":      {"Origin": {"https://evil.example"}},
		} {
			h.Set("Content-Type", "text/plain")
			if resp, body := w.do(t, "POST", "/office", h, strings.NewReader("{}")); resp.StatusCode != 403 || kindOf(t, body, "error") != "access_denied" {
				t.Errorf("%s: %d %s", name, resp.StatusCode, body)
			}
		}
		if resp, _ := w.do(t, "POST", "/office", contentType("application/json"), strings.NewReader("{}")); resp.StatusCode != 200 || len(resp.Cookies()) != 0 {
			t.Errorf("a program: %d", resp.StatusCode)
		}
	})

	t.Run("H14/log_injection", func(t *testing.T) {
		w := serveEngine(t)
		evil := []string{"a\tb\x1b[31m", "${jndi:ldap://x}", `","level":"ERROR","x":"`, strings.Repeat("x", 8000), "\u2028\u0085"}
		for _, v := range evil {
			w.do(t, "GET", "/denied", http.Header{"User-Agent": {strings.ReplaceAll(v, "\x1b", "\u009b")}, "X-Test": {strings.ReplaceAll(v, "\x1b", "\u009b")}}, nil)
		}
		lines := w.log.lines()
		if len(lines) != len(evil) {
			t.Fatalf("%d lines for %d requests", len(lines), len(evil))
		}
		for _, l := range lines {
			if len(l) > 1500 || strings.ContainsAny(l, "\x1b\u009b\u2028\u0085\t") || strings.Contains(l, `"level":"ERROR"`) {
				t.Errorf("log line: %.300q", l)
			}
		}
		if got := LogSafe("a\r\nb\x00"); got != "a??b?" {
			t.Errorf("LogSafe = %q", got)
		}
		if got := LogSafe(strings.Repeat("x", 1<<20)); len(got) > maxLogValue+3 {
			t.Errorf("LogSafe keeps %d bytes", len(got))
		}
	})

	t.Run("H15/metric_labels", func(t *testing.T) {
		w := serveEngine(t)
		for i := range 300 {
			w.do(t, "GET", fmt.Sprintf("/nothing/%d", i), nil, nil)
			w.do(t, "GET", fmt.Sprintf("/offers/%d", i), nil, nil)
			w.do(t, fmt.Sprintf("M%d", i), "/nothing", nil, nil)
		}
		if got := w.metrics.count(); got != 3 {
			t.Errorf("%d label sets, want 3: %v", got, w.metrics.labels)
		}
	})

	t.Run("P03/guesses_of_one_client", func(t *testing.T) {
		w := serveEngine(t)
		for i := range 10 { // no guess: anyone can send these
			if resp, _ := w.do(t, "GET", "/guess?code=unknown", nil, nil); resp.StatusCode != 400 {
				t.Fatalf("unknown code %d: %d", i, resp.StatusCode)
			}
		}
		for i := range 10 {
			resp, _ := w.do(t, "GET", "/guess", nil, nil)
			if want := map[bool]int{true: 400, false: 429}[i < 3]; resp.StatusCode != want {
				t.Errorf("guess %d: %d, want %d", i, resp.StatusCode, want)
			}
		}
	})
}
