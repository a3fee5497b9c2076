package verification

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"strings"
	"testing"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
)

// Names in certificates count for SD-JWTs alone, whose iss must be one of the
// signer's: the cases of x509-limbo about alternative names (webpki::san, webpki::cn),
// with the host that is looked for in iss. Stricter than the web: a wildcard stands
// for nobody, and neither does the common name.
func TestIssuerNames(t *testing.T) {
	uri, err := url.Parse("https://issuer.example/a")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		iss  string
		san  []string // DNS
		more func(*x509.Certificate)
		ok   bool
	}{
		"exact-dns-san":                            {"https://issuer.example", []string{"issuer.example"}, nil, true},
		"second of two":                            {"https://issuer.example", []string{"other.example", "issuer.example"}, nil, true},
		"letters of the other case":                {"https://ISSUER.example", []string{"issuer.Example"}, nil, true},
		"a port beside":                            {"https://issuer.example:8443", []string{"issuer.example"}, nil, true},
		"a URI, exactly":                           {"https://issuer.example/a", nil, func(c *x509.Certificate) { c.URIs = []*url.URL{uri} }, true},
		"a URI, not exactly":                       {"https://issuer.example/b", nil, func(c *x509.Certificate) { c.URIs = []*url.URL{uri} }, false},
		"exact-localhost-ip-san":                   {"https://127.0.0.1", nil, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }, false},
		"mismatch-domain-san":                      {"https://issuer.example", []string{"issuer.test"}, nil, false},
		"mismatch-subdomain-san":                   {"https://abc.issuer.example", []string{"def.issuer.example"}, nil, false},
		"mismatch-subdomain-apex-san":              {"https://issuer.example", []string{"abc.issuer.example"}, nil, false},
		"mismatch-apex-subdomain-san":              {"https://abc.issuer.example", []string{"issuer.example"}, nil, false},
		"leftmost-wildcard-san":                    {"https://issuer.example", []string{"*.example"}, nil, false},
		"public-suffix-multi-label-wildcard-san":   {"https://issuer.co.uk", []string{"*.co.uk"}, nil, false},
		"wildcard-embedded-leftmost-san":           {"https://issuer.example", []string{"iss*.example"}, nil, false},
		"wildcard-match-across-labels-san":         {"https://a.issuer.example", []string{"*.example"}, nil, false},
		"san-wildcard-only":                        {"https://issuer.example", []string{"*"}, nil, false},
		"no-san":                                   {"https://issuer.example", nil, func(c *x509.Certificate) { c.Subject.CommonName = "issuer.example" }, false},
		"cn::not-in-san":                           {"https://issuer.example", []string{"other.example"}, func(c *x509.Certificate) { c.Subject.CommonName = "issuer.example" }, false},
		"cn::utf8-vs-punycode-mismatch":            {"https://bücher.example", []string{"xn--bcher-kva.example"}, nil, false},
		"unicode-emoji-san":                        {"https://😜.example", []string{"xn--628h.example"}, nil, false},
		"a letter that folds into ASCII":           {"https://i\u017fsuer.example", []string{"issuer.example"}, nil, false},
		"a dot at the end":                         {"https://issuer.example.", []string{"issuer.example"}, nil, false},
		"somebody before the host":                 {"https://issuer.example@other.example", []string{"issuer.example"}, nil, false},
		"the host within another":                  {"https://issuer.example.other.example", []string{"issuer.example"}, nil, false},
		"without TLS":                              {"http://issuer.example", []string{"issuer.example"}, nil, false},
		"san-critical-with-nonempty-subject":       {"https://issuer.example", nil, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{dnsName(true, "issuer.example")} }, true},
		"the same, of another purpose of the name": {"https://issuer.example", nil, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@issuer.example"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ca := w.authority(nil, []string{"UT"})
			template := &x509.Certificate{Subject: pkix.Name{CommonName: "Leaf by hand"}, KeyUsage: x509.KeyUsageDigitalSignature,
				UnknownExtKeyUsage: []asn1.ObjectIdentifier{pki.OIDPIDSigner}, DNSNames: tt.san}
			if tt.more != nil {
				tt.more(template)
			}
			o := w.sdOptions()
			o.Trust = w.trusting(ca)
			r := SDJWT(w.bind(w.token(*w.below(ca, template), map[string]any{"iss": tt.iss})), o)
			sane(t, r)
			got := check(r, "sd.path")
			if tt.ok != (got.Result != Fail) || !tt.ok && !strings.Contains(got.Detail, "iss is") || tt.ok != (r.Verdict.Authenticity == policy.Genuine) {
				t.Errorf("sd.path %s: %s, %+v", got.Result, got.Detail, r.Verdict)
			}
		})
	}
}

// dnsName is a subject alternative name.
func dnsName(critical bool, host string) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: critical,
		Value: append([]byte{0x30, byte(2 + len(host)), 0x82, byte(len(host))}, host...)}
}
