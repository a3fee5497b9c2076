package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func annexD(t testing.TB) map[string]*Certificate {
	t.Helper()
	var in map[string]string
	readJSON(t, "annex-d/certificates.json", &in)
	out := map[string]*Certificate{}
	for name, text := range in {
		out[name] = parseHex(t, text)
	}
	return out
}

type realAnchor struct {
	Source  string `json:"source"`
	Subject string `json:"subject"`
	DER     string `json:"der_hex"`
}

func realAnchors(t testing.TB) []realAnchor {
	t.Helper()
	var out []realAnchor
	readJSON(t, "trust-anchors/anchors.json", &out)
	return out
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func parseHex(t testing.TB, text string) *Certificate {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnnexD(t *testing.T) {
	c := annexD(t)
	at := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		leaf, anchor string
		opt          PathOptions
	}{
		{"ds_certificate", "iaca_certificate", PathOptions{Purposes: []asn1.ObjectIdentifier{OIDMdlDS}, CheckCountry: true}},
		{"reader_certificate", "reader_root_certificate", PathOptions{Purposes: []asn1.ObjectIdentifier{OIDReaderAuth}}},
	} {
		tt.opt.Now, tt.opt.RequireEKU, tt.opt.StrictEKU = at, true, true
		anchors := []*Certificate{c[tt.anchor]}
		p, err := Validate([][]byte{c[tt.leaf].Raw}, anchors, tt.opt)
		if err != nil || len(p.Warnings) > 0 {
			t.Errorf("%s: %v, %v", tt.leaf, p, err)
		}
		// Each bit of the leaf's signed bytes and signature counts.
		raw := bytes.Clone(c[tt.leaf].Raw)
		for i := range raw {
			raw[i] ^= 0x10
			if p, err := Validate([][]byte{raw}, anchors, tt.opt); err == nil {
				t.Errorf("%s: still valid with octet %d changed: %v", tt.leaf, i, p)
			}
			raw[i] ^= 0x10
		}
		tt.opt.Now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		p, err = Validate([][]byte{c[tt.leaf].Raw}, anchors, tt.opt)
		if got := reasonOf(t, p, err); got != ReasonExpired {
			t.Errorf("%s today: %s", tt.leaf, got)
		}
		// Swapping the purposes must not do.
		tt.opt.Now, tt.opt.Purposes = at, []asn1.ObjectIdentifier{OIDVICAL}
		p, err = Validate([][]byte{c[tt.leaf].Raw}, anchors, tt.opt)
		if got := reasonOf(t, p, err); got != ReasonEKU {
			t.Errorf("%s as list signer: %s", tt.leaf, got)
		}
	}
}

// TestAnnexDFindings: the worked example's own departures from Annex B.
func TestAnnexDFindings(t *testing.T) {
	c := annexD(t)
	notURI := []string{"CRL distribution point holds more than URIs"} // a dNSName "example.com"
	for _, tt := range []struct {
		cert    string
		profile Profile
		issuer  string
	}{
		{"iaca_certificate", ProfileIACA, ""},
		{"ds_certificate", ProfileDocumentSignerMDL, "iaca_certificate"},
		{"reader_root_certificate", ProfileReaderCA, ""},
		{"reader_certificate", ProfileReader, "reader_root_certificate"},
	} {
		if got := Lint(c[tt.cert], tt.profile, c[tt.issuer]); !slices.Equal(got, notURI) {
			t.Errorf("%s: %q", tt.cert, got)
		}
	}
}

func TestRealAnchors(t *testing.T) {
	counts := map[string]int{}
	leaves := 0
	for i, a := range realAnchors(t) {
		raw, err := hex.DecodeString(a.DER)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCertificate(raw)
		if err != nil {
			t.Errorf("anchor %d, %s: %v", i, a.Subject, err)
			continue
		}
		std, err := x509.ParseCertificate(raw)
		if err != nil || len(c.Leniencies) > 0 {
			t.Errorf("anchor %d: %v, %v", i, err, c.Leniencies)
		} else if !std.NotAfter.Equal(c.NotAfter()) || !bytes.Equal(std.RawSubject, c.RawSubject) || !bytes.Equal(std.RawIssuer, c.RawIssuer) ||
			len(std.Subject.Country) == 1 && std.Subject.Country[0] != c.Country || len(std.ExtKeyUsage)+len(std.UnknownExtKeyUsage) != len(c.ExtKeyUsages) {
			t.Errorf("anchor %d reads otherwise in crypto/x509", i)
		}
		if strings.Contains(a.Subject, "DS") || strings.Contains(a.Subject, "Document Signer") {
			leaves++
			if c.Anchor() == nil {
				t.Errorf("a document signer may be an anchor: %s", a.Subject)
			}
			continue
		}
		if err := c.Anchor(); err != nil || !c.SelfSigned() {
			t.Errorf("anchor %d, %s: %v", i, a.Subject, err)
		}
		for _, f := range Lint(c, ProfileIACA, nil) {
			counts[f]++
		}
	}
	if leaves != 2 {
		t.Errorf("%d document signers among the anchors, expected 2", leaves)
	}
	if !maps.Equal(counts, anchorFindings) {
		t.Errorf("findings %v, recorded %v", counts, anchorFindings)
	}
}

// anchorFindings is what lint says of the 45 roots, and of how many: a record
// of what the field looked like in 2025. None is a reason to refuse an anchor.
var anchorFindings = map[string]int{
	"CRL distribution point is missing":                                     4,
	"country is not two upper-case letters as PrintableString":              2,
	"extended key usage in a CA":                                            14, // EUDI reference roots, 1.3.130.2.0.0.1.7
	"issuer alternative name is missing":                                    2,
	"path length is not 0":                                                  9,
	"validity is not in UTCTime through 2049 and GeneralizedTime from 2050": 1,
}

func TestParseLeniently(t *testing.T) {
	r := root("utopia iaca")
	good := leaf("utopia ds", r)
	bare := func(value []byte) func(*forge) {
		return func(f *forge) { f.set(ext(oidCRLDistribution, false, value)) }
	}
	opt := mdl
	opt.AllowOddSerial = true
	for _, tt := range []struct {
		name  string
		spoil func(*forge)
		want  []string
	}{
		{"good", func(*forge) {}, nil},
		{"negative serial", func(f *forge) { f.serial = []byte{0xd5, 7} }, []string{LenientSerial}},
		{"bare URI", bare(element(tagSequence, uriName("http://x.example/crl"))), []string{LenientCRLDistribution}},
		{"GeneralNames without wrapping", bare(element(tagSequence, element(tagSequence, element(tagContext0, uriName("http://x.example"))))), []string{LenientCRLDistribution}},
		{"text", bare([]byte("http://x.example/crl")), []string{LenientCRLDistribution}},
		{"empty", bare(nil), []string{LenientCRLDistribution}},
		{"both", func(f *forge) { f.serial = []byte{0xd5, 7}; bare(nil)(f) }, []string{LenientSerial, LenientCRLDistribution}},
		{"empty issuer alternative name", func(f *forge) { f.set(extIssuerAltName(false)) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := *good
			f.exts = slices.Clone(good.exts)
			tt.spoil(&f)
			raw := f.der(t)
			c, err := ParseCertificate(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(c.Leniencies, tt.want) || !bytes.Equal(c.Raw, raw) || !bytes.Equal(c.Cert.Raw, raw) {
				t.Errorf("leniencies %q", c.Leniencies)
			}
			if negative := slices.Contains(tt.want, LenientSerial); (c.Cert.SerialNumber.Sign() < 0) != negative {
				t.Errorf("serial %v", c.Cert.SerialNumber)
			}
			// Leniency in reading is none in verifying.
			p, err := Validate([][]byte{raw}, []*Certificate{r.cert(t)}, opt)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.want {
				if !slices.Contains(p.Warnings, warnLenient+": "+s) {
					t.Errorf("not warned of %s: %q", s, p.Warnings)
				}
			}
			raw = bytes.Clone(raw)
			for i := range raw {
				raw[i] ^= 1
				if _, err := Validate([][]byte{raw}, []*Certificate{r.cert(t)}, opt); err == nil {
					t.Fatalf("valid with octet %d changed", i)
				}
				raw[i] ^= 1
			}
		})
	}
	t.Run("critical CRL distribution point is not skipped", func(t *testing.T) {
		f := leaf("utopia ds", r).set(ext(oidCRLDistribution, true, nil))
		if _, err := ParseCertificate(f.der(t)); !errors.Is(err, ErrMalformed) {
			t.Errorf("read: %v", err)
		}
	})
}

func TestParseCertificateRefuses(t *testing.T) {
	good := leaf("utopia ds", root("utopia iaca")).der(t)
	for name, raw := range map[string][]byte{
		"empty":          nil,
		"not DER":        []byte("-----BEGIN CERTIFICATE-----"),
		"trailing byte":  append(bytes.Clone(good), 0),
		"truncated":      good[:len(good)-1],
		"twice":          append(bytes.Clone(good), good...),
		"too large":      make([]byte, MaxCertificateBytes+1),
		"indefinite":     append([]byte{0x30, 0x80}, good[4:]...),
		"long length":    append([]byte{0x30, 0x83, 0}, good[2:]...),
		"huge length":    {0x30, 0x84, 0xff, 0xff, 0xff, 0xff},
		"high tag":       {0x3f, 0x81, 0},
		"empty sequence": {0x30, 0},
	} {
		if c, err := ParseCertificate(raw); !errors.Is(err, ErrMalformed) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestCertificateNames(t *testing.T) {
	r := root("utopia iaca")
	san := ext(oidSubjectAltName, false, element(tagSequence, element(0x82, []byte("issuer.example")), element(0x82, []byte("*.wild.example")), uriName("https://issuer.example")))
	c := leaf("utopia ds", r).set(san).cert(t)
	if !c.HasDNSName("Issuer.Example") || c.HasDNSName("other.example") || c.HasDNSName("a.wild.example") || c.HasDNSName("") {
		t.Errorf("DNS names %v", c.Cert.DNSNames)
	}
	if !c.HasURI("https://issuer.example") || c.HasURI("https://issuer.example/") {
		t.Errorf("URIs %v", c.Cert.URIs)
	}
	if c.SelfIssued() || c.SelfSigned() || !r.cert(t).SelfSigned() {
		t.Error("self-signed or not")
	}
	if s := c.String(); !strings.Contains(s, "utopia ds") || len(s) < 20 {
		t.Errorf("String %q", s)
	}
}

// TestNamesInLogs is H14: a stranger's name stays on one line and short.
func TestNamesInLogs(t *testing.T) {
	l := leaf("ds", root("utopia iaca")).with(func(f *forge) {
		f.subject = Name{Country: "UT", CommonName: "x\n2026-06-15 verdict=green\x1b[32m" + strings.Repeat("y", 4000)}.marshal()
		f.issuer = Name{Country: "UT", CommonName: "a\r\nb\u2028c"}.marshal()
	})
	_, err := Validate([][]byte{l.der(t)}, nil, mdl)
	if got := reasonOf(t, nil, err); got != ReasonNoAnchor {
		t.Fatal(got)
	}
	if s := err.Error(); strings.ContainsAny(s, "\n\r\x1b\u2028") || len(s) > 600 {
		t.Errorf("%d octets: %.300q", len(s), s)
	}
}

func TestParsedOwnsItsBytes(t *testing.T) {
	raw := leaf("ds", root("utopia iaca")).der(t)
	c, err := ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(raw)
	clear(raw)
	if !bytes.Equal(c.Raw, want) || !bytes.Contains(want, c.RawSubject) || !bytes.Contains(want, c.Cert.RawTBSCertificate) {
		t.Error("the certificate changed with the caller's buffer")
	}
}

func TestDecodeText(t *testing.T) {
	for _, tt := range []struct {
		tag   byte
		in    string
		want  string
		valid bool
	}{
		{tagUTF8String, "é", "é", true}, {tagUTF8String, "\xff", "\xff", false},
		{tagPrintableString, "UT", "UT", true}, {tagPrintableString, "a@b", "a@b", false},
		{tagIA5String, "a@b", "a@b", true}, {tagIA5String, "\x80", "", false},
		{tagT61String, "\xe9", "é", true},
		{tagBMPString, "\x00U\x00T", "UT", true}, {tagBMPString, "\x00U\x00", "", false},
		{tagUniversalString, "\x00\x00\x00U", "U", true}, {tagUniversalString, "\x00", "", false},
		{tagInteger, "\x01", "", false},
	} {
		if got, valid := decodeText(tt.tag, []byte(tt.in)); got != tt.want || valid != tt.valid {
			t.Errorf("%#x %q: %q, %t", tt.tag, tt.in, got, valid)
		}
	}
}

func TestPEM(t *testing.T) {
	a, b := root("utopia iaca").cert(t), root("arcadia iaca").cert(t)
	text := EncodePEM(a, b)
	got, err := ParsePEM(append([]byte("# two roots\n"), text...))
	if err != nil || len(got) != 2 || !got[0].Equal(a) || !got[1].Equal(b) {
		t.Fatalf("%v, %v", got, err)
	}
	for name, in := range map[string]string{
		"empty":         "",
		"private key":   string(text) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"broken inside": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if got, err := ParsePEM([]byte(in)); !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
