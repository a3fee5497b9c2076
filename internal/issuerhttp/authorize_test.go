package issuerhttp_test

import (
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/idp"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
)

// From the wallet's link to the wallet's redirect URI.
func TestAuthorize(t *testing.T) {
	d := newDoor(t, nil)
	b := d.browser()
	a := b.login(requestURI)
	for _, words := range []string{
		"Driving licence", "DL-1", "31\u00a0August\u00a02030", "Identity &lt;b&gt;document&lt;/b&gt;", "Erika Dvorak", "P1", "Wallet &amp; Co", client,
	} {
		if !strings.Contains(a.body, words) {
			t.Errorf("%q is not on the page: %s", words, a.body)
		}
	}
	// The programs that try an issuer send the first form that they find.
	first := regexp.MustCompile(`<form[^>]*action="([^"]*)"`).FindStringSubmatch(a.body)
	if first == nil || first[1] != authorizePage+"/approve" {
		t.Errorf("the first form is %v", first)
	}
	if strings.Contains(a.body, "<script") || strings.Contains(a.body, " style=") || !strings.Contains(a.body, `<html lang="en">`) {
		t.Error("a script, a style in the page, or no language")
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		// A wallet in a browser may wait for the answer in the window that it opened.
		"Cross-Origin-Opener-Policy": "",
		"Content-Language":           "en", "Access-Control-Allow-Origin": "", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// Browsers apply form-action to the redirect after the form too.
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self' https://wallet.example;") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("CSP %s", csp)
	}
	// Looking at it uses nothing up.
	d.want(b.get(page(requestURI)), 200)
	form := form0(a, authorizePage+"/approve")
	a = d.want(b.do("POST", authorizePage+"/approve", form, "Sec-Fetch-Site", "same-origin", "Origin", "https://issuer.example"), 303)
	if want := walletBack + "?code=c&state=s&iss=" + url.QueryEscape(publicURL); a.Header.Get("Location") != want {
		t.Errorf("sent on to %s", a.Header.Get("Location"))
	}
	want := authserver.Decision{Person: "P1", Documents: map[string]string{"mdl": "DL-1", "pid-sd-jwt": "ID-1"}, ACR: idp.DemoACR, LoggedIn: d.clock.Now()}
	if !reflect.DeepEqual(d.decision, want) {
		t.Errorf("decision %+v", d.decision)
	}
	if len(b.cookies) != 0 {
		t.Errorf("cookies are left: %v", b.cookies)
	}
	// B04: used up.
	d.want(b.get(page(requestURI)), 400)
	d.want(b.do("POST", authorizePage+"/approve", form), 403)
}

func TestAuthorizeRefused(t *testing.T) {
	d := newDoor(t, nil)
	back := walletBack + "?error=access_denied&state=s&iss=" + url.QueryEscape(publicURL)
	b := d.browser()
	a := b.login(requestURI)
	a = d.want(b.do("POST", authorizePage+"/deny", form0(a, authorizePage+"/deny")), 303)
	if a.Header.Get("Location") != back || d.denied != "access_denied" || d.decision.Person != "" {
		t.Errorf("sent on to %s", a.Header.Get("Location"))
	}

	// Who does not want to log in goes back to the wallet as well.
	d = newDoor(t, nil)
	b = d.browser()
	login := d.want(b.get(page(requestURI)), 303).Header.Get("Location")
	_, state, _ := strings.Cut(login, "?")
	a = d.want(b.get("/office/login/callback?error=access_denied&"+state), 303)
	if a.Header.Get("Location") != back || d.denied != "access_denied" {
		t.Errorf("sent on to %s", a.Header.Get("Location"))
	}
}

// Of what was asked for a person approves what can be issued, and sees the rest.
func TestAuthorizePartly(t *testing.T) {
	d := newDoor(t, nil)
	d.held[0].Document = ""
	b := d.browser()
	a := b.login(requestURI)
	if !strings.Contains(a.body, "Driving licence: cannot be issued now") {
		t.Error(a.body)
	}
	form := form0(a, authorizePage+"/approve")

	// The record changes between the page and the form: it is shown anew.
	d.held[1].Document = "ID-2"
	a = d.want(b.do("POST", authorizePage+"/approve", form), 200)
	if !strings.Contains(a.body, "ID-2") || !strings.Contains(a.body, "has changed in the meantime") || d.decision.Person != "" {
		t.Error(a.body)
	}
	d.want(b.do("POST", authorizePage+"/approve", form0(a, authorizePage+"/approve")), 303)
	if !reflect.DeepEqual(d.decision.Documents, map[string]string{"pid-sd-jwt": "ID-2"}) {
		t.Errorf("decision %+v", d.decision)
	}
}

func TestAuthorizeNothing(t *testing.T) {
	d := newDoor(t, nil)
	d.held[0].Document, d.held[1].Document = "", ""
	b := d.browser()
	a := b.login(requestURI)
	if form0(a, authorizePage+"/approve") != nil || !strings.Contains(a.body, "Nothing of what the wallet asked for") {
		t.Error(a.body)
	}
	form := form0(a, authorizePage+"/deny")
	form.Set("shown", "0")
	d.want(b.do("POST", authorizePage+"/approve", form), 200)
	d.want(b.do("POST", authorizePage+"/deny", form0(a, authorizePage+"/deny")), 303)
	if d.decision.Person != "" || d.denied != "access_denied" {
		t.Errorf("%+v, %q", d.decision, d.denied)
	}
}

// What is not known gets a page in the reader's language and is never sent on:
// B04, B05.
func TestAuthorizeBadRequests(t *testing.T) {
	d := newDoor(t, nil)
	other := url.Values{"client_id": {"https://other.example"}, "request_uri": {requestURI}}
	for name, c := range map[string]struct {
		target string
		status int
	}{
		"nothing":                  {authorizePage, 400},
		"B04/no PAR":               {authorizePage + "?response_type=code&client_id=" + url.QueryEscape(client) + "&redirect_uri=" + url.QueryEscape("https://evil.example") + "&code_challenge=x", 400},
		"B04/no client":            {authorizePage + "?request_uri=" + requestURI, 400},
		"B04/unknown":              {page("urn:ietf:params:oauth:request_uri:two"), 400},
		"B04/other client":         {authorizePage + "?" + other.Encode(), 400},
		"B05/redirect beside it":   {page("x") + "&redirect_uri=https://evil.example", 400},
		"H06/twice":                {page(requestURI) + "&request_uri=" + requestURI, 400},
		"H07/broken escape":        {page(requestURI) + "&x=%zz", 400},
		"H07/long":                 {page(requestURI) + "&x=" + strings.Repeat("x", 9000), 400},
		"long client":              {page(strings.Repeat("x", 2000)), 400},
		"callback without a login": {"/office/login/callback?state=x&code=y", 403},
		"callback with nothing":    {"/office/login/callback", 403},
		"no such page":             {"/office/authorize/", 404},
	} {
		t.Run(name, func(t *testing.T) {
			for lang, words := range map[string]string{"en": "This did not work", "fr": "Cela n’a pas fonctionné", "de": "Das hat nicht funktioniert", "lb": "Dat huet net geklappt"} {
				b := d.browser()
				b.lang = lang
				a := d.want(b.get(c.target), c.status)
				if a.Header.Get("Location") != "" || len(a.Cookies()) > 0 || strings.Contains(a.body, "evil.example") {
					t.Errorf("sent on to %q with %v: %s", a.Header.Get("Location"), a.Cookies(), a.body)
				}
				if c.status != 404 && !strings.Contains(a.body, words) {
					t.Errorf("%s: %s", lang, a.body)
				}
			}
		})
	}
	// Whatever stands beside the two parameters is ignored, however long.
	d.want(d.browser().get(page(requestURI)+"&response_type=token&redirect_uri=https://evil.example&state="+strings.Repeat("s", 3000)), 303)
	// H10: the endpoint takes GET, its forms POST.
	d.want(d.browser().do("POST", authorizePage, url.Values{}), 405)
	d.want(d.browser().get(authorizePage+"/approve"), 405)
}

// Forms that do not come from the page: H13.
func TestAuthorizeBadForms(t *testing.T) {
	d := newDoor(t, nil)
	d.pending["urn:two"] = d.pending[requestURI]
	b := d.browser()
	a := b.login(requestURI)
	good := form0(a, authorizePage+"/approve")
	with := func(name, value string) url.Values {
		v := maps.Clone(good)
		v[name] = []string{value}
		return v
	}
	stranger := d.browser()
	for name, c := range map[string]struct {
		b      *browser
		form   url.Values
		header []string
		status int
	}{
		"H13/cross-site":    {b, good, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"H13/same site":     {b, good, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"H13/two words":     {b, good, []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"}, 403},
		"H13/other origin":  {b, good, []string{"Origin", "https://evil.example"}, 403},
		"H13/null origin":   {b, good, []string{"Origin", "null"}, 403},
		"H13/text":          {b, good, []string{"Content-Type", "text/plain"}, 415},
		"no token":          {b, with("form_token", ""), nil, 403},
		"other token":       {b, with("form_token", strings.Repeat("A", 43)), nil, 403},
		"other request":     {b, with("request_uri", "urn:two"), nil, 403},
		"other client":      {b, with("client_id", "x"), nil, 403},
		"no request":        {b, with("request_uri", ""), nil, 400},
		"no session":        {stranger, good, nil, 403},
		"H06/a field twice": {b, url.Values{"form_token": {good.Get("form_token"), "x"}}, nil, 400},
		"H07/NUL":           {b, with("x", "a\x00b"), nil, 400},
		"H02/large":         {b, with("x", strings.Repeat("x", 70<<10)), nil, 413},
	} {
		t.Run(name, func(t *testing.T) {
			for _, action := range []string{"/approve", "/deny"} {
				a := c.b.do("POST", authorizePage+action, c.form, c.header...)
				if a.StatusCode != c.status || a.Header.Get("Location") != "" || !strings.Contains(a.body, "This did not work") {
					t.Errorf("%s: %d %s", action, a.StatusCode, a.body)
				}
			}
			if d.decision.Person != "" || d.denied != "" {
				t.Fatal("something was decided")
			}
		})
	}
	// A session is good for the request that it was begun for, and for a while.
	d.want(b.get(page("urn:two")), 303)
	d.clock.Advance(10 * time.Minute)
	d.want(b.do("POST", authorizePage+"/approve", good), 403)
	d.want(b.get(page(requestURI)), 303)
}

// A callback counts for the browser that began, once, and not for ever.
func TestCallback(t *testing.T) {
	d := newDoor(t, nil)
	b := d.browser()
	location := d.want(b.get(page(requestURI)), 303).Header.Get("Location")
	_, state, _ := strings.Cut(location, "?")
	callback := "/office/login/callback?person=P1&" + state
	d.want(d.browser().get(callback), 403) // another browser
	d.want(b.get("/office/login/callback?person=P1&state=x"), 403)
	d.want(b.get(callback), 403) // its cookie went with the first try
	b = d.browser()
	location = d.want(b.get(page(requestURI)), 303).Header.Get("Location")
	_, state, _ = strings.Cut(location, "?")
	d.clock.Advance(idp.StateLifetime)
	d.want(b.get("/office/login/callback?person=P1&"+state), 403)

	// Somebody whom the registry does not know.
	b = d.browser()
	location = d.want(b.get(page(requestURI)), 303).Header.Get("Location")
	_, state, _ = strings.Cut(location, "?")
	a := d.want(b.get("/office/login/callback?person=P2&"+state), 303)
	d.want(b.get(a.Header.Get("Location")), 404)
}

func TestAuthorizeLanguages(t *testing.T) {
	d := newDoor(t, nil)
	d.pending[requestURI].Locales = []string{"tlh", "DE-lu", "fr"}
	b := d.browser()
	a := b.login(requestURI)
	if !strings.Contains(a.body, `<html lang="de">`) || !strings.Contains(a.body, "Führerschein") || !strings.Contains(a.body, "In diese Wallet ausstellen") {
		t.Errorf("ui_locales: %s", a.body)
	}
	// A link switches, keeps the request, and is remembered.
	m := regexp.MustCompile(`<a href="([^"]*)" lang="lb"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatal(a.body)
	}
	a = d.want(b.get(strings.ReplaceAll(m[1], "&amp;", "&")), 200)
	if !strings.Contains(a.body, "An dëse Portefeuille ausstellen") || a.Header.Get("Content-Language") != "lb" {
		t.Errorf("by link: %s", a.body)
	}
	if a = d.want(b.get(page(requestURI)), 200); a.Header.Get("Content-Language") != "lb" {
		t.Error("the choice is forgotten")
	}
	d.pending[requestURI].Locales = nil
	b = d.browser()
	b.lang = "fr-LU, de;q=0.8"
	if a := b.login(requestURI); a.Header.Get("Content-Language") != "fr" || !strings.Contains(a.Header.Get("Vary"), "Accept-Language") {
		t.Errorf("Accept-Language: %v", a.Header)
	}
}

// What fails behind the page is a page, and says no more than its kind.
func TestAuthorizeFailures(t *testing.T) {
	d := newDoor(t, nil)
	b := d.browser()
	form := form0(b.login(requestURI), authorizePage+"/approve")
	for kind, status := range map[problem.Kind]int{problem.Unavailable: 503, problem.Internal: 500, problem.Conflict: 409} {
		d.fail = problem.New(kind, "secret detail")
		if a := d.want(b.do("POST", authorizePage+"/approve", form), status); strings.Contains(a.body, "secret detail") || a.Header.Get("Location") != "" {
			t.Error(a.body)
		}
		d.fail = problem.New(kind, "secret detail")
		if a := d.want(b.get(page(requestURI)), status); strings.Contains(a.body, "secret detail") {
			t.Error(a.body)
		}
	}
	// A redirect URI of an app: the scheme alone can be named.
	d.pending[requestURI].RedirectURI = "eu.example.wallet:/back"
	if csp := d.want(b.get(page(requestURI)), 200).Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' eu.example.wallet:;") {
		t.Error(csp)
	}
}

// Times are those of the office's zone.
func TestAuthorizeZone(t *testing.T) {
	d := newDoor(t, func(c *issuerhttp.PublicConfig) { c.Zone = time.FixedZone("MESZ", 2*3600) })
	expires := d.pending[requestURI].Expires
	if a := d.browser().login(requestURI); !strings.Contains(a.body, expires.Add(2*time.Hour).Format("15:04")+"\u00a0MESZ") {
		t.Error(a.body)
	}
}

func TestAssets(t *testing.T) {
	d := newDoor(t, nil)
	b := d.browser()
	a := b.login(requestURI)
	for _, m := range regexp.MustCompile(`<link rel="[a-z]*" href="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		if a := d.want(b.get(m[1]), 200); a.Header.Get("Cache-Control") != "public, max-age=3600" {
			t.Errorf("%s: %v", m[1], a.Header)
		}
	}
	// Without a login there is no authorization endpoint at all.
	d = newDoor(t, func(c *issuerhttp.PublicConfig) { c.Authorization = nil })
	for _, path := range []string{authorizePage, "/office/par", "/office/login/callback", "/office/login/demo"} {
		d.want(d.browser().get(path), 404)
	}
}
