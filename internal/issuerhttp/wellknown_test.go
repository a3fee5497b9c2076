package issuerhttp_test

import (
	"strings"
	"testing"

	"vidimus/internal/issuerhttp"
)

// Metadata by what the wallet asks for: OpenID4VCI 1.0, sections 12.2.2 and
// 12.2.3. Bad input D06: whatever is asked, the answer is made before.
func TestMetadataNegotiation(t *testing.T) {
	d := newDoor(t, func(c *issuerhttp.PublicConfig) {
		c.SignedMetadata = func() []byte { return []byte("a.signed.jwt") }
		c.Localized = func() map[string][]byte {
			return map[string][]byte{"de": []byte(`{"in":"de"}`), "fr": []byte(`{"in":"fr"}`)}
		}
	})
	at := d.public + "/.well-known/openid-credential-issuer/office"
	for name, c := range map[string]struct {
		accept, language   string
		status             int
		typ, body, content string
	}{
		"nothing asked":     {"", "", 200, "application/json", "credential_issuer", ""},
		"anything":          {"*/*", "", 200, "application/json", "credential_issuer", ""},
		"JSON":              {"application/json", "", 200, "application/json", "credential_issuer", ""},
		"signed":            {"application/jwt", "de", 200, "application/jwt", "a.signed.jwt", ""},
		"rather signed":     {"application/json;q=0.5, application/jwt", "", 200, "application/jwt", "a.signed.jwt", ""},
		"both":              {"application/jwt, application/json", "", 200, "application/json", "credential_issuer", ""},
		"H16/q of 2":        {"application/jwt;q=2", "", 406, "application/json", "not_acceptable", ""},
		"H16/5000 entries":  {strings.Repeat("a/b,", 2000), "", 200, "application/json", "credential_issuer", ""},
		"XML":               {"application/xml", "", 406, "application/json", "not_acceptable", ""},
		"German":            {"", "de-AT, fr;q=0.5", 200, "application/json", `{"in":"de"}`, "de"},
		"another language":  {"", "pt", 200, "application/json", "credential_issuer", ""},
		"any language":      {"", "*", 200, "application/json", "credential_issuer", ""},
		"D06/junk language": {"", strings.Repeat("x-y;q=z,", 500) + "de", 200, "application/json", "credential_issuer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if c.accept != "" {
				header = append(header, "Accept", c.accept)
			}
			if c.language != "" {
				header = append(header, "Accept-Language", c.language)
			}
			a := d.want(d.do("GET", at, "", header...), c.status)
			if a.Header.Get("Content-Type") != c.typ || !strings.Contains(a.body, c.body) || a.Header.Get("Content-Language") != c.content || a.Header.Get("Vary") != "Accept, Accept-Language" {
				t.Errorf("%s, %v", a.body, a.Header)
			}
		})
	}
	// The authorization server's document is not signed, and D07: nobody else's
	// is here.
	d.want(d.do("GET", d.public+"/.well-known/oauth-authorization-server/office", "", "Accept", "application/jwt"), 406)
	for _, p := range []string{"/other", "/office/x", "/../office", "/%2e%2e/office", "//office"} {
		d.want(d.do("GET", d.public+"/.well-known/openid-credential-issuer"+p, ""), 404)
	}
}

// Pictures are the same for ever, and nothing but pictures.
func TestLogos(t *testing.T) {
	d := newDoor(t, func(c *issuerhttp.PublicConfig) {
		c.Logos = map[string]issuerhttp.Logo{"a1.svg": {Type: "image/svg+xml", Data: []byte("<svg/>")}, "b2.png": {Type: "image/png", Data: []byte("png")}}
	})
	a := d.want(d.do("GET", d.public+"/office/logo/a1.svg", "", "Origin", "https://wallet.example"), 200)
	for name, want := range map[string]string{
		"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; sandbox", "Access-Control-Allow-Origin": "*",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if a = d.want(d.do("GET", d.public+"/office/logo/b2.png", ""), 200); a.body != "png" || a.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	for _, p := range []string{"/office/logo/c3.svg", "/office/logo/", "/office/logo/../a1.svg", "/logo/a1.svg"} {
		d.want(d.do("GET", d.public+p, ""), 404)
	}
	d.want(d.do("GET", newDoor(t, nil).public+"/office/logo/a1.svg", ""), 404)
}

func TestOldWellKnown(t *testing.T) {
	const at = "/office/.well-known/openid-credential-issuer"
	d := newDoor(t, nil)
	d.want(d.do("GET", d.public+at, ""), 404)
	d.want(d.do("GET", d.public+"/.well-known/oauth-protected-resource/office", ""), 404)
	d = newDoor(t, func(c *issuerhttp.PublicConfig) { c.OldWellKnown = true })
	d.want(d.do("GET", d.public+at, ""), 200)
	d.want(d.do("GET", d.public+"/office/.well-known/oauth-authorization-server", ""), 200)
}
