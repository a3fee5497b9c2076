package consolehttp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/consoletest"
	"vidimus/internal/audit"
	"vidimus/internal/consolehttp"
	"vidimus/internal/officer"
	"vidimus/internal/webserver"
)

// TestRoles is bad input A01: every page and every deed for every role.
func TestRoles(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	proposal := anna.propose()
	for _, c := range []struct {
		who string
		may []string
	}{
		{who: "rita", may: []string{"look-up", "record", "history", "receipt", "proposals", "proposal"}},
		{who: "otto", may: []string{"audit"}},
		{who: "ben", may: []string{"look-up", "record", "history", "receipt", "proposals", "proposal", "measure", "propose", "lift", "propose-lift", "confirm"}},
	} {
		b := s.login(c.who)
		token := url.Values{"form_token": {b.anyToken(t)}}
		post := func(path string, form url.Values) func() page {
			return func() page {
				f := url.Values{}
				for k, v := range form {
					f[k] = v
				}
				f.Set("form_token", token.Get("form_token"))
				return b.do(http.MethodPost, path, f, nil)
			}
		}
		get := func(path string) func() page { return func() page { return b.get(path) } }
		path, event := "/people/none", "/events/none"
		measure := url.Values{}
		if slices.Contains(c.may, "look-up") {
			path = b.find(consoletest.Person)
			event = between(b.get(path+"/history").Body, `href="/events/`, `"`)
		}
		if slices.Contains(c.may, "propose") {
			measure = b.measure(path)
		}
		lookUp := url.Values{"by": {"person"}, "number": {consoletest.Person}, "purpose": {audit.PurposeHolder}}
		for _, deed := range []struct {
			name string
			do   func() page
			good int
		}{
			{"look-up", post("/people", lookUp), http.StatusSeeOther},
			{"record", get(path), http.StatusOK},
			{"history", get(path + "/history"), http.StatusOK},
			{"receipt", get(event), http.StatusOK},
			{"proposals", get("/proposals"), http.StatusOK},
			{"proposal", get(proposal), http.StatusOK},
			{"measure", get(path + "/measure"), http.StatusOK},
			{"propose", post(path+"/measure", measure), http.StatusSeeOther},
			{"lift", get(path + "/lift?measure=m-later"), http.StatusOK},
			{"propose-lift", post(path+"/lift", url.Values{"measure": {"m-later"}}), http.StatusBadRequest},
			{"withdraw", post(proposal+"/withdraw", nil), http.StatusSeeOther},
			{"confirm", post(proposal+"/confirm", nil), http.StatusSeeOther},
			{"audit", get("/record"), http.StatusOK},
		} {
			t.Run("A01/"+c.who+"/"+deed.name, func(t *testing.T) {
				want := http.StatusForbidden
				if slices.Contains(c.may, deed.name) {
					want = deed.good
				}
				if p := deed.do(); p.StatusCode != want {
					t.Errorf("%s, want %d: %s", p.Status, want, p.text())
				}
			})
		}
	}
	// No page and no route of the console makes a login link.
	for _, path := range []string{"/officers", "/officers/anna/link", "/link", "/office/v1/officers/links", "/login/link"} {
		if p := anna.do(http.MethodPost, path, url.Values{"officer": {"ben"}, "form_token": {anna.anyToken(t)}}, nil); p.StatusCode/100 == 2 || strings.Contains(p.Body, consolehttp.LoginPath+"A") {
			t.Errorf("%s: %s", path, p.Status)
		}
	}
}

func between(s, before, after string) string {
	_, rest, ok := strings.Cut(s, before)
	value, _, _ := strings.Cut(rest, after)
	if !ok {
		return ""
	}
	return "/events/" + value
}

// TestSecondAccount is bad input A03 at the pages.
func TestSecondAccount(t *testing.T) {
	s := newSite(t, nil)
	proposal := s.login("anna").propose()
	t.Run("A03/second account of one human", func(t *testing.T) {
		other := s.login("anna.2")
		if p := other.get(proposal); strings.Contains(p.Body, `id="confirm"`) {
			t.Error("a button to confirm")
		}
		wantPage(t, "confirming", other.post(proposal+"/confirm", url.Values{}), http.StatusForbidden)
	})
	if subject, err := s.Store.Subject(t.Context(), consoletest.Person); err != nil || len(subject.Measures) != 1 {
		t.Errorf("%d measures, %v", len(subject.Measures), err)
	}
}

// TestInjection is bad input A05: what is typed is looked for as it is, or
// refused, and comes back escaped.
func TestInjection(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	path := anna.find(consoletest.Person)
	for _, v := range []string{"' OR 1=1", "'OR'1'='1", "%00", "../../etc/passwd", "\x00", strings.Repeat("A", 4096), `"><script>alert(1)</script>`, "{{.}}", "\u202eP-1"} {
		t.Run("A05", func(t *testing.T) {
			for _, field := range []string{"number", "reference", "purpose", "by"} {
				form := url.Values{"by": {"person"}, "number": {"P-9"}, "purpose": {audit.PurposeHolder}, "reference": {""}}
				form.Set(field, v)
				p := anna.post("/people", form)
				if p.StatusCode != http.StatusBadRequest && p.StatusCode != http.StatusNotFound || strings.Contains(p.Body, "<script>") {
					t.Errorf("%s %.20q: %s", field, v, p.Status)
				}
			}
			for _, at := range []string{"/people/" + url.PathEscape(v), "/events/" + url.PathEscape(v), "/proposals/" + url.PathEscape(v), path + "/lift?measure=" + url.QueryEscape(v), path + "/history?before=" + url.QueryEscape(v)} {
				if p := anna.get(at); p.StatusCode != http.StatusNotFound && p.StatusCode != http.StatusBadRequest || strings.Contains(p.Body, "<script>") {
					t.Errorf("%.60q: %s", at, p.Status)
				}
			}
		})
	}
	t.Run("A05/large form", func(t *testing.T) {
		p := anna.post("/people", url.Values{"number": {strings.Repeat("A", webserver.MaxFormBody)}})
		if p.StatusCode != http.StatusRequestEntityTooLarge {
			t.Error(p.Status)
		}
		many := url.Values{}
		for i := range 100 {
			many.Set("f"+strings.Repeat("x", i), "")
		}
		if p := anna.post("/people", many); p.StatusCode != http.StatusBadRequest {
			t.Error(p.Status)
		}
		twice := anna.do(http.MethodPost, "/people", url.Values{"number": {"P-1", "P-2"}, "form_token": {anna.anyToken(t)}}, nil)
		if twice.StatusCode != http.StatusBadRequest {
			t.Error(twice.Status)
		}
	})
}

// TestRecordBounds is bad input A06: the record comes in bounded pages, whatever
// is asked for.
func TestRecordBounds(t *testing.T) {
	s := newSite(t, nil)
	s.login("anna").find(consoletest.Person)
	otto := s.login("otto")
	for before, want := range map[string]int{
		"": 200, "1": 200, "9223372036854775807": 200, "0": 400, "-1": 400, "9223372036854775808": 400, "18446744073709551616": 400, "1e3": 400, "x": 400, " 1": 400,
	} {
		t.Run("A06/"+before, func(t *testing.T) {
			p := otto.get("/record?before=" + url.QueryEscape(before))
			if p.StatusCode != want {
				t.Errorf("%s, want %d", p.Status, want)
			}
		})
	}
	wantPage(t, "record", otto.get("/record"), http.StatusOK, "Person looked up", "Anna Muller", "A decision is being prepared", "2026/17", "p:2026-06:", "This record read")
	if p := otto.get("/record"); strings.Contains(p.text(), consoletest.Person+" ") {
		t.Error("the record names the person")
	}
}

// TestHostileName is bad input A07.
func TestHostileName(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	path := anna.find(consoletest.Hostile)
	for _, at := range []string{path, path + "/history", path + "/measure"} {
		t.Run("A07", func(t *testing.T) {
			p := anna.get(at)
			if strings.Contains(p.Body, "<img src=x") || strings.Contains(p.Body, "<script") || !strings.Contains(p.Body, "&lt;img src=x onerror=alert(1)&gt;") {
				t.Errorf("the name is not escaped: %s", p.Body)
			}
			if csp := p.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "data:") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
		})
	}
}

// Every answer has the headers, pictures from the page itself are allowed only
// where the portrait stands.
func TestHeaders(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	record := anna.find(consoletest.Person)
	for _, at := range []string{"/", record, "/proposals", "/login", "/record", "/people/none"} {
		h := anna.get(at).Header
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", at, name, h.Get(name))
			}
		}
		want := "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
		if at == record {
			want = strings.Replace(want, "img-src 'self'", "img-src 'self' data:", 1)
		}
		if h.Get("Content-Security-Policy") != want {
			t.Errorf("%s: %q", at, h.Get("Content-Security-Policy"))
		}
	}
	for _, at := range []string{"/style.css", "/icon.svg"} {
		if p := anna.get(at); p.StatusCode != http.StatusOK || p.Header.Get("Cache-Control") == "no-store" {
			t.Errorf("%s: %s, %q", at, p.Status, p.Header.Get("Cache-Control"))
		}
	}
}

// TestCookies is bad input A08: the cookie's marks, fixation, two cookies, the
// end of a session.
func TestCookies(t *testing.T) {
	s := newSite(t, nil)
	path, err := s.Link(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	secret := url.Values{"link": {s.URL + path}} // the whole link, as it is pasted
	planted := s.login("rita")
	plantedCookie := planted.cookie(t)
	p := planted.do(http.MethodPost, "/login", secret, nil)
	t.Run("A08/marks", func(t *testing.T) {
		raw := p.Header.Get("Set-Cookie")
		if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(raw, "__Host-vidimus-console=") || !strings.HasSuffix(raw, "; Path=/; HttpOnly; Secure; SameSite=Strict") {
			t.Errorf("%s: %q", p.Status, raw)
		}
	})
	t.Run("A08/fixation", func(t *testing.T) {
		if planted.cookie(t).Value == plantedCookie.Value {
			t.Error("the session of before the login is that after it")
		}
		b := s.browser()
		if p := b.do(http.MethodGet, "/", nil, func(r *http.Request) { r.AddCookie(plantedCookie) }); p.StatusCode != http.StatusSeeOther {
			t.Errorf("the session of before the login is alive: %s", p.Status)
		}
	})
	t.Run("A08/two cookies", func(t *testing.T) {
		p := s.browser().do(http.MethodGet, "/", nil, func(r *http.Request) {
			r.AddCookie(planted.cookie(t))
			r.AddCookie(&http.Cookie{Name: plantedCookie.Name, Value: plantedCookie.Value})
		})
		if p.StatusCode != http.StatusSeeOther {
			t.Error(p.Status)
		}
	})
	t.Run("A08/link used twice", func(t *testing.T) {
		wantPage(t, "again", s.browser().do(http.MethodPost, "/login", secret, nil), http.StatusForbidden, "This login is not valid")
	})
	t.Run("A08/logout", func(t *testing.T) {
		cookie := planted.cookie(t)
		if p := planted.post("/logout", url.Values{}); p.StatusCode != http.StatusSeeOther || !strings.Contains(p.Header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("%s %q", p.Status, p.Header.Get("Set-Cookie"))
		}
		if p := s.browser().do(http.MethodGet, "/", nil, func(r *http.Request) { r.AddCookie(cookie) }); p.Header.Get("Location") != "/login" {
			t.Errorf("alive after logout: %s", p.Status)
		}
	})
	t.Run("A08/idle", func(t *testing.T) {
		b := s.login("ben")
		s.Clock.Advance(officer.IdleTimeout)
		if p := b.get("/"); p.Header.Get("Location") != "/login" {
			t.Error(p.Status)
		}
		if p := b.do(http.MethodPost, "/people", url.Values{"number": {"P-1"}}, nil); p.StatusCode != http.StatusUnauthorized {
			t.Error(p.Status)
		}
	})
}

func (b *browser) cookie(t *testing.T) *http.Cookie {
	t.Helper()
	u, err := url.Parse(b.s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == "__Host-vidimus-console" {
			return c
		}
	}
	t.Fatal("no session cookie")
	return nil
}

// TestLoginGuesses is bad input A08: guesses are counted, whoever is right then
// too.
func TestLoginGuesses(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	path, err := s.Link(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		p := b.do(http.MethodPost, "/login", url.Values{"link": {strings.Repeat("A", 43)}}, nil)
		if p.StatusCode == http.StatusTooManyRequests {
			if i < 15 {
				t.Errorf("only %d guesses", i)
			}
			wantPage(t, "the right one", b.do(http.MethodPost, "/login", url.Values{"link": {path[len(consolehttp.LoginPath):]}}, nil), http.StatusTooManyRequests, "Too many requests")
			return
		}
	}
	t.Error("60 guesses in a minute")
}

// A form of another site, without the token of the session, or with that of
// another session, does nothing.
func TestForgery(t *testing.T) {
	s := newSite(t, nil)
	anna, ben := s.login("anna"), s.login("ben")
	proposal := anna.propose()
	token := url.Values{"form_token": {ben.token()}}
	foreign := url.Values{"form_token": {anna.token()}}
	for name, c := range map[string]struct {
		form   url.Values
		change func(*http.Request)
	}{
		"no token":           {url.Values{}, nil},
		"another's token":    {foreign, nil},
		"cross-site":         {token, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		"same-site":          {token, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }},
		"another origin":     {token, func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }},
		"origin null":        {token, func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }},
		"another media type": {token, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
	} {
		if p := ben.do(http.MethodPost, proposal+"/confirm", c.form, c.change); p.StatusCode != http.StatusForbidden && p.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %s", name, p.Status)
		}
	}
	if p := ben.do(http.MethodGet, proposal+"/confirm", nil, nil); p.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("by GET: %s", p.Status)
	}
	path, err := s.Link(t.Context(), "rita")
	if err != nil {
		t.Fatal(err)
	}
	p := ben.do(http.MethodPost, "/login", url.Values{"link": {path[len(consolehttp.LoginPath):]}}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if p.StatusCode != http.StatusForbidden {
		t.Errorf("login by another site: %s", p.Status)
	}
	if subject, err := s.Store.Subject(t.Context(), consoletest.Person); err != nil || len(subject.Measures) != 1 {
		t.Errorf("%d measures, %v", len(subject.Measures), err)
	}
}

// Another host name could be one that another site pointed at this address.
func TestHost(t *testing.T) {
	s := newSite(t, nil)
	for _, host := range []string{"evil.example", "localhost", "127.0.0.1", "127.0.0.1:1"} {
		if p := s.browser().do(http.MethodGet, "/login", nil, func(r *http.Request) { r.Host = host }); p.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", host, p.Status)
		}
	}
}

// The language switch leads to pages of this console alone.
func TestRedirects(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	for back, want := range map[string]string{
		"/proposals": "/proposals", "/people/x?a=b": "/people/x?a=b", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "": "/",
		"/\tx": "/", "javascript:alert(1)": "/", "/" + strings.Repeat("x", 2000): "/",
	} {
		p := anna.post("/language", url.Values{"language": {"fr"}, "back": {back}})
		if p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != want {
			t.Errorf("%.30q: %s to %q", back, p.Status, p.Header.Get("Location"))
		}
	}
	if p := anna.post("/language", url.Values{"language": {"xx"}}); p.StatusCode != http.StatusBadRequest {
		t.Error(p.Status)
	}
	b := s.browser()
	if p := b.do(http.MethodPost, "/language", url.Values{"language": {"lb"}, "back": {"/login"}}, nil); p.StatusCode != http.StatusSeeOther {
		t.Error(p.Status)
	}
	wantPage(t, "chosen before the login", b.get("/login"), http.StatusOK, "Umellen")
}

// An officer comes with a certificate that TLS verified and whose key is pinned.
func TestCertificate(t *testing.T) {
	ca, caKey := certificate(t, nil, nil)
	card, cardKey := certificate(t, ca, caKey)
	strange, strangeKey := certificate(t, ca, caKey)
	pin := sha256.Sum256(card.RawSubjectPublicKeyInfo)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	var w *consoletest.World
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.Handler.ServeHTTP(rw, r) }))
	server.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, MinVersion: tls.VersionTLS13}
	s := &site{URL: "https://" + server.Listener.Addr().String(), t: t}
	var err error
	if w, err = consoletest.New(s.URL, func(list []officer.Officer) []officer.Officer {
		return append(list, officer.Officer{ID: "cara", Name: "Cara", Human: "9", Roles: []officer.Role{officer.Reader}, Pins: []string{hex.EncodeToString(pin[:])}})
	}); err != nil {
		t.Fatal(err)
	}
	s.World = w
	server.StartTLS()
	defer server.Close()
	with := func(cert *x509.Certificate, key *ecdsa.PrivateKey) *browser {
		b := s.browser()
		b.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
		return b
	}
	cara := with(card, cardKey)
	if p := cara.get("/login"); !strings.Contains(p.Body, `id="with-certificate"`) {
		t.Error("no button")
	}
	if p := cara.do(http.MethodPost, "/login/certificate", url.Values{}, nil); p.StatusCode != http.StatusSeeOther {
		t.Errorf("%s: %s", p.Status, p.text())
	}
	wantPage(t, "in", cara.get("/"), http.StatusOK, "Cara", "Find a person")
	// Her session without her certificate, or with another's, is none.
	for name, b := range map[string]*browser{"copied, another key": with(strange, strangeKey), "copied, no certificate": s.browser()} {
		b.Jar = cara.Jar
		wantPage(t, name, b.get("/login"), http.StatusOK, "Log in")
		if p := b.get("/"); p.StatusCode == http.StatusOK && strings.Contains(p.Body, "Find a person") {
			t.Errorf("%s: in", name)
		}
	}
	for name, b := range map[string]*browser{"another key": with(strange, strangeKey), "no certificate": s.browser()} {
		if p := b.get("/login"); strings.Contains(p.Body, `id="with-certificate"`) {
			t.Errorf("%s: a button", name)
		}
		wantPage(t, name, b.do(http.MethodPost, "/login/certificate", url.Values{}, nil), http.StatusForbidden, "This login is not valid")
	}
}

// certificate makes one under a CA, or a CA.
func certificate(t *testing.T, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: ca == nil,
	}
	if ca == nil {
		ca, caKey = template, key
		template.ExtKeyUsage = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// What the console needs, and where it must not be served.
func TestConfig(t *testing.T) {
	for _, u := range []string{"", "console.example", "ftp://console.example", "http://console.example", "http://10.0.0.1:80", "https://console.example/", "https://u@console.example", "https://console.example?x"} {
		if _, err := consoletest.New(u, nil); err == nil {
			t.Errorf("%q: taken", u)
		}
	}
	for _, u := range []string{"https://console.example", "http://127.0.0.1:8445", "http://[::1]:8445", "http://localhost:8445"} {
		if _, err := consoletest.New(u, nil); err != nil {
			t.Errorf("%q: %v", u, err)
		}
	}
}
