package issuer_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// The office's interface answers whoever has the token, and nobody else.
func TestOfficeGuard(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	base := "http://" + o.app.Addresses().Office
	token := strings.TrimSpace(string(o.read(o.cfg.Path("secrets/office.token"))))
	offer := `{"key":"k","person":"P-1","documents":{"mdl":"DL-1"}}`
	for name, header := range map[string][]string{
		"none":        nil,
		"wrong":       {"Authorization", "Bearer " + strings.Repeat("0", len(token))},
		"shorter":     {"Authorization", "Bearer " + token[:len(token)-1]},
		"longer":      {"Authorization", "Bearer " + token + "0"},
		"no scheme":   {"Authorization", token},
		"basic":       {"Authorization", "Basic " + token},
		"other case":  {"Authorization", "Bearer " + strings.ToUpper(token)},
		"by a cookie": {"Cookie", "Authorization=Bearer " + token},
	} {
		t.Run(name, func(t *testing.T) {
			for what, status := range map[string]int{
				"offer":     first(o.post(base+issuerhttp.OfficePath, "application/json", offer, header...)),
				"revoke":    first(o.post(base+issuerhttp.OfficePath+"/revoke", "application/json", `{"key":"k"}`, header...)),
				"documents": first(o.get(base+"/office/v1/documents?person=P-1", header...)),
			} {
				if status != http.StatusUnauthorized {
					t.Errorf("%s: %d", what, status)
				}
			}
		})
	}
	good := []string{"Authorization", "Bearer " + token}
	if status, _, body := o.post(base+issuerhttp.OfficePath, "application/json", offer, good...); status != http.StatusOK {
		t.Errorf("with the token: %d %s", status, body)
	}
	if status, _, _ := o.post(base+issuerhttp.OfficePath, "application/json", offer, append(good, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")...); status != http.StatusForbidden {
		t.Errorf("a page of another site with the token: %d", status)
	}
	if strings.Contains(o.log.String(), token) {
		t.Error("the token is in the log")
	}
}

func first(status int, _ http.Header, _ string) int { return status }

func TestOfficeDocuments(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	o.push(issuer.Annulment("ID-2"))
	base := "http://" + o.app.Addresses().Office + "/office/v1/documents"
	good := []string{"Authorization", "Bearer " + strings.TrimSpace(string(o.read(o.cfg.Path("secrets/office.token"))))}
	for query, want := range map[string]string{
		"?person=P-1":               `200 {"person":"P-1","copies":[{"configuration":"mdl","document":"DL-1","type":"mdl"},{"configuration":"pid-mdoc","document":"ID-1","type":"pid"},{"configuration":"pid-sd-jwt","document":"ID-1","type":"pid"}]}`,
		"?document=DL-3":            `200 {"person":"P-3",`,
		"?person=P-2":               `"document":"ID-2","type":"pid","refusal":"`,
		"?person=P-9":               `404 {"error":"not_found"`,
		"?document=DL-9":            `404 {"error":"not_found"`,
		"":                          `400 {"error":"invalid_request"`,
		"?person=P-1&document=DL-1": `400 {"error":"invalid_request"`,
		"?person=P-1&x=y":           `400 {"error":"invalid_request"`,
	} {
		status, header, body := o.get(base+query, good...)
		if !strings.Contains(fmt.Sprintf("%d %s", status, body), want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
		if header.Get("Cache-Control") != "no-store" || strings.Contains(body, "Weber") {
			t.Errorf("%s: %v %s", query, header, body)
		}
	}
	if status, _, _ := o.post(base, "application/json", "{}", good...); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}

// What a clerk wishes and what cannot be had.
func TestDesk(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	second := issuer.FileEvent{Event: "document-put", Person: "P-1", Payload: json.RawMessage(
		`{"number":"ID-1b","type":"pid","issue_date":"2026-01-01","issuing_authority":"Utopia Interior","issuing_country":"UT"}`)}
	library := issuer.FileEvent{Event: "document-put", Person: "P-2", Payload: json.RawMessage(
		`{"number":"DL-2","type":"mdl","issue_date":"2020-01-01","expiry_date":"2021-01-01","issuing_authority":"Utopia Roads","issuing_country":"UT"}`)}
	o.push(second, library)
	for name, tt := range map[string]struct {
		wish issuer.OfferWish
		want []string // configurations offered, or
		err  string
	}{
		"all of one":        {issuer.OfferWish{Person: "P-3"}, []string{"mdl", "pid-mdoc", "pid-sd-jwt"}, ""},
		"by a document":     {issuer.OfferWish{Documents: []string{"DL-3"}}, []string{"mdl"}, ""},
		"by two documents":  {issuer.OfferWish{Documents: []string{"DL-1", "ID-1b"}}, []string{"mdl", "pid-mdoc", "pid-sd-jwt"}, ""},
		"one configuration": {issuer.OfferWish{Person: "P-3", Configurations: []string{"pid-mdoc"}}, []string{"pid-mdoc"}, ""},
		"what is left":      {issuer.OfferWish{Person: "P-2"}, []string{"pid-mdoc", "pid-sd-jwt"}, ""},
		"two fit":           {issuer.OfferWish{Person: "P-1"}, nil, "several documents fit (ID-1, ID-1b)"},
		"expired":           {issuer.OfferWish{Documents: []string{"DL-2"}}, nil, "mdl: DL-2: "},
		"unknown type":      {issuer.OfferWish{Person: "P-3", Configurations: []string{"boat"}}, nil, "boat: no document of its type, or no such configuration"},
		"of another":        {issuer.OfferWish{Person: "P-3", Documents: []string{"DL-1"}}, nil, "no document DL-1"},
		"nobody":            {issuer.OfferWish{Person: "P-9"}, nil, "not_found"},
		"nothing":           {issuer.OfferWish{}, nil, "a person or a document is wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.wish.Key = name
			offer, err := o.desk().Offer(t.Context(), tt.wish)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v", err)
				}
				return
			}
			o.must(err)
			object, _, err := oid4vci.ParseOfferURI(offer.URI, true)
			o.must(err)
			if !slices.Equal(object.ConfigurationIDs, tt.want) || len(offer.TxCode) != 6 || !offer.Expires.Equal(start.Add(10*time.Minute)) {
				t.Errorf("offered %v, tx_code of %d, until %s", object.ConfigurationIDs, len(offer.TxCode), offer.Expires)
			}
			o.must(o.desk().Revoke(t.Context(), name))
			if _, err := o.desk().Offer(t.Context(), tt.wish); err == nil {
				t.Error("a revoked offer is made again")
			}
		})
	}
	o.must(o.stop())
	if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-1"}); err == nil || !strings.Contains(err.Error(), "issuer serve") {
		t.Errorf("an office that does not run: %v", err)
	}
}

// The listener for this machine has metrics, health and profiles; the public
// one has none of it but health.
func TestPrivateListener(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	at := o.app.Addresses()
	for url, want := range map[string]string{
		"http://" + at.Metrics + "/healthz":                               "ok",
		"http://" + at.Metrics + "/readyz":                                "ready",
		"http://" + at.Public + "/readyz":                                 "ready",
		"http://" + at.Metrics + "/debug/pprof/goroutine?debug=1":         "goroutine profile",
		"http://" + at.Public + "/.well-known/openid-credential-issuer":   `"credential_issuer":"` + o.cfg.PublicURL + `"`,
		"http://" + at.Public + "/.well-known/oauth-authorization-server": `"token_endpoint":"` + o.cfg.PublicURL + `/token"`,
	} {
		if status, _, body := o.get(url); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	_, _, body := o.get("http://" + at.Metrics + "/metrics")
	for _, want := range []string{
		`vidimus_http_requests_total{kind="",listener="registry",method="POST",route="/registry/v1/events/batch",status="200"} 1`,
		"vidimus_status_list_age_seconds 0", "vidimus_certificate_seconds_left 3.766", `vidimus_rotation_seconds_left{what="signers.mdl"} 3.766`, `vidimus_rotation_seconds_left{what="iaca"} 2.8`, "vidimus_store_commits", "vidimus_status_publish_failures_total 0",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/office/v1/documents?person=P-1", "/registry/v1/events/x"} {
		if status, _, _ := o.get("http://" + at.Public + path); status != http.StatusNotFound {
			t.Errorf("the public listener answers %s with %d", path, status)
		}
	}
	if !strings.Contains(o.log.String(), "NOT SAFE FOR PRODUCTION USE") {
		t.Error("--dev is not logged")
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(o.read(o.cfg.Path("secrets/service.key")))))
	if err != nil || len(secret) != 32 {
		t.Errorf("secret of %d bytes, %v", len(secret), err)
	}
}

// The batch size that is announced is kept by every configuration.
func TestMetadata(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.add("fishing.yaml", strings.Replace(fishing, "signer: angler", "signer: pid\nbatch_size: 7", 1))
	o.serve()
	_, _, body := o.get(o.cfg.PublicURL + "/.well-known/openid-credential-issuer")
	m, err := oid4vci.ParseIssuerMetadata([]byte(body), o.cfg.PublicURL, true)
	o.must(err)
	if m.BatchCredentialIssuance == nil || m.BatchCredentialIssuance.BatchSize != 7 || len(m.Configurations) != 4 {
		t.Errorf("batch %+v, %d configurations", m.BatchCredentialIssuance, len(m.Configurations))
	}
	if m.Configurations["fishing"].DocType != "org.example.fishing.1" || m.Display[0].Name != "Utopia" {
		t.Errorf("%+v", m)
	}
	_, _, body = o.get(o.cfg.PublicURL + "/.well-known/oauth-authorization-server")
	s, err := oid4vci.ParseServerMetadata([]byte(body), o.cfg.PublicURL, true)
	o.must(err)
	if !s.PreAuthorizedAnonymousAccess || !slices.Equal(s.GrantTypesSupported, []string{oid4vci.GrantPreAuthorized, "authorization_code", "refresh_token"}) || !s.RequirePushedAuthorizationRequests {
		t.Errorf("%+v", s)
	}
}

// A licence of a type that a file adds, from the event to the wallet.
func TestAddedType(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.add("fishing.yaml", strings.Replace(fishing, "signer: angler", "signer: pid", 1))
	o.serve().people()
	o.push(issuer.FileEvent{Event: "document-put", Person: "P-3", Payload: json.RawMessage(
		`{"number":"FL-3","type":"fishing","issue_date":"2026-01-01","issuing_authority":"Inland Waters","issuing_country":"UT"}`)})
	w := rawWallet{o, newKey(t)}
	offer := o.offer(issuer.OfferWish{Documents: []string{"FL-3"}})
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, copy := w.credential("fishing", token, w.nonce(), w.proof(o.cfg.PublicURL+"/credential", token)); status != http.StatusOK || copy == "" {
		t.Errorf("%d %s", status, code)
	}
}

// Who has the token may say for which officer it asks, and the record has that
// as its word; nobody who is no officer, is disabled or may not do it.
func TestOfficeNamesOfficer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.cfg.Console.Officers = []issuer.Officer{
		{ID: "anna", Name: "Anna", Human: "1", Roles: []string{"editor"}},
		{ID: "gone", Name: "Gone", Human: "2", Roles: []string{"editor"}, Disabled: true},
		{ID: "reads", Name: "Reads", Human: "3", Roles: []string{"reader"}},
	}
	o.serve().people()
	base := "http://" + o.app.Addresses().Office
	good := []string{"Authorization", "Bearer " + strings.TrimSpace(string(o.read(o.cfg.Path("secrets/office.token"))))}
	offer := func(key string, headers ...string) int {
		return first(o.post(base+issuerhttp.OfficePath, "application/json", `{"key":"`+key+`","person":"P-1","documents":{"mdl":"DL-1"}}`, append(slices.Clone(good), headers...)...))
	}
	for name, want := range map[string]int{"anna": 200, "gone": 400, "reads": 403, "nobody": 400, "": 400, "Anna": 400} {
		if got := offer("k "+name, "Vidimus-Officer", name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
	if got := first(o.get(base+"/office/v1/documents?person=P-1", append(slices.Clone(good), "Vidimus-Officer", "reads")...)); got != 200 {
		t.Errorf("a reader who reads: %d", got)
	}
	if got := first(o.post(base+issuerhttp.OfficePath, "application/json", "{}", "Vidimus-Officer", "anna")); got != 401 {
		t.Errorf("without the token: %d", got)
	}
	if got := offer("k"); got != 200 {
		t.Errorf("in nobody's name: %d", got)
	}
	var record strings.Builder
	o.must(o.app.Store().WriteAudit(t.Context(), &record))
	if n := strings.Count(record.String(), `"actor":"office:anna"`); n != 1 {
		t.Errorf("%d lines in the name of the officer", n)
	}
	if n := strings.Count(record.String(), `"actor":"office"`); n != 1 {
		t.Errorf("%d lines in the name of the office", n)
	}
}
