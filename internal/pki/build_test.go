package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// template is a good one for each profile, below what issuerOf gives.
func template(p Profile) Template {
	t := Template{
		Profile:       p,
		Subject:       Name{Country: "UT", Organization: "Utopia", CommonName: "new " + string(p)},
		NotBefore:     forgeNow.AddDate(0, 0, -1),
		IssuerAltName: "https://utopia.example/contact", CRLDistributionPoint: "https://utopia.example/crl",
		DNSNames: []string{"issuer.example"}, URIs: []string{"https://issuer.example"},
	}
	r := profiles[p]
	if r.root || r.ca {
		t.DNSNames, t.URIs = nil, nil
	} else {
		t.Public = keyOf("subject of " + string(p)).Public()
	}
	if p == ProfileIACALink {
		t.Public = keyOf("new iaca").Public()
	}
	return t
}

// issuerOf gives the issuing certificate and key: nil and the own key for a
// root.
func issuerOf(t testing.TB, p Profile) (*Certificate, crypto.Signer) {
	t.Helper()
	if profiles[p].root {
		return nil, keyOf("self of " + string(p))
	}
	return root("utopia iaca").cert(t), keyOf("utopia iaca")
}

func mustBuild(t testing.TB, tm Template) *Certificate {
	t.Helper()
	issuer, signer := issuerOf(t, tm.Profile)
	c, err := Build(tm, issuer, signer, rand.Reader)
	if err != nil {
		t.Fatalf("%s: %v", tm.Profile, err)
	}
	return c
}

func TestBuildEveryProfile(t *testing.T) {
	if len(Profiles()) != len(profiles) {
		t.Errorf("%d profiles listed, %d with rules", len(Profiles()), len(profiles))
	}
	for _, p := range Profiles() {
		t.Run(string(p), func(t *testing.T) {
			c := mustBuild(t, template(p))
			issuer, _ := issuerOf(t, p)
			if got := Lint(c, p, issuer); len(got) > 0 {
				t.Errorf("findings %q", got)
			}
			r := profiles[p]
			if n := c.Cert.SerialNumber.BitLen(); n != 127 {
				t.Errorf("serial number of %d bits", n)
			}
			if r.root != c.SelfSigned() || r.ca != c.IsCA() || c.Country != "UT" {
				t.Errorf("root %t, CA %t, country %q", c.SelfSigned(), c.IsCA(), c.Country)
			}
			// A zero NotAfter is the longest that is allowed.
			want := c.NotBefore().Add(r.max)
			if r.ca {
				want = c.NotBefore().AddDate(r.maxYears, 0, 0)
			}
			if issuer != nil && want.After(issuer.NotAfter()) {
				want = issuer.NotAfter()
			}
			if !c.NotAfter().Equal(want) {
				t.Errorf("valid until %v, want %v", c.NotAfter(), want)
			}
			// A leaf stands in for no other leaf.
			for _, q := range Profiles() {
				if q != p && !r.ca && !profiles[q].ca && len(Lint(c, q, issuer)) == 0 {
					t.Errorf("passes for %s as well", q)
				}
			}
		})
	}
}

// TestBuildAgainstStandardLibrary: crypto/x509's own path validation as an
// independent judge of what Build writes.
func TestBuildAgainstStandardLibrary(t *testing.T) {
	ca := mustBuild(t, template(ProfileIACA))
	tm := template(ProfileDocumentSignerMDL)
	ds, err := Build(tm, ca, keyOf("self of iaca"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	chains, err := ds.Cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: forgeNow, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil || len(chains) != 1 {
		t.Fatalf("%v, %v", chains, err)
	}
	if !slices.EqualFunc(ds.Cert.UnknownExtKeyUsage, []asn1.ObjectIdentifier{OIDMdlDS}, asn1.ObjectIdentifier.Equal) {
		t.Errorf("extended key usage %v", ds.Cert.UnknownExtKeyUsage)
	}
	if !slices.Equal(ds.Cert.DNSNames, []string{"issuer.example"}) || !slices.Equal(ds.Cert.CRLDistributionPoints, []string{"https://utopia.example/crl"}) {
		t.Errorf("names %v, CRL %v", ds.Cert.DNSNames, ds.Cert.CRLDistributionPoints)
	}
}

func TestBuildKeys(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k := keyOn(curve, "ca")
		c, err := Build(template(ProfileIACA), nil, k, rand.Reader)
		if err != nil || !c.SelfSigned() {
			t.Errorf("%s root: %v", curve.Params().Name, err)
			continue
		}
		pub, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tm := template(ProfileDocumentSignerMDL)
		tm.Public = pub
		ds, err := Build(tm, c, k, rand.Reader)
		if err != nil {
			t.Errorf("Ed25519 signer below %s: %v", curve.Params().Name, err)
			continue
		}
		if _, err := Validate([][]byte{ds.Raw}, []*Certificate{c}, mdl); err != nil {
			t.Error(err)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBuildRefuses(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	iaca := root("utopia iaca").cert(t)
	signer := keyOf("utopia iaca")
	stateIACA := root("state iaca").with(func(f *forge) {
		f.subject = Name{Country: "UT", State: "UT-A", CommonName: "state iaca"}.marshal()
		f.issuer = f.subject
	}).cert(t)
	ds := template(ProfileDocumentSignerMDL)
	change := func(f func(*Template)) Template { tm := ds; f(&tm); return tm }
	for _, tt := range []struct {
		name, text string
		tm         Template
		issuer     *Certificate
		signer     crypto.Signer
		rand       io.Reader
	}{
		{"unknown profile", "unknown profile", change(func(tm *Template) { tm.Profile = "webserver" }), iaca, signer, rand.Reader},
		{"no signer", "needs a signer", ds, iaca, nil, rand.Reader},
		{"no random source", "needs a signer", ds, iaca, signer, nil},
		{"leaf without issuer", "self-signed", ds, nil, signer, rand.Reader},
		{"root with issuer", "self-signed", template(ProfileIACA), iaca, signer, rand.Reader},
		{"signer of another CA", "not the issuing certificate's", ds, iaca, keyOf("other"), rand.Reader},
		{"root of another key", "not the signer's", func() Template { tm := template(ProfileIACA); tm.Public = keyOf("other").Public(); return tm }(), nil, signer, rand.Reader},
		{"Ed25519 root", "may not sign certificates", template(ProfileIACA), nil, ed, rand.Reader},
		{"P-224 root", "P-256, P-384 or P-521", template(ProfileIACA), nil, keyOn(elliptic.P224(), "ca"), rand.Reader},
		{"RSA leaf", "not on P-256", change(func(tm *Template) { tm.Public = rsaKey(2048).Public() }), iaca, signer, rand.Reader},
		{"no key", "public key", change(func(tm *Template) { tm.Public = nil }), iaca, signer, rand.Reader},
		{"458 days", "longer than 457 days", change(func(tm *Template) { tm.NotAfter = tm.NotBefore.AddDate(0, 0, 458) }), iaca, signer, rand.Reader},
		{"longer than the issuer", "not within the issuer's", change(func(tm *Template) {
			tm.NotBefore = iaca.NotAfter().AddDate(0, 0, -1)
			tm.NotAfter = iaca.NotAfter().AddDate(0, 0, 1)
		}), iaca, signer, rand.Reader},
		{"no country", "country is missing", change(func(tm *Template) { tm.Subject.Country = "" }), iaca, signer, rand.Reader},
		{"other country", "country differs", change(func(tm *Template) { tm.Subject.Country = "ZZ" }), iaca, signer, rand.Reader},
		{"country in lower case", "two upper-case letters", change(func(tm *Template) { tm.Subject.Country = "ut" }), iaca, signer, rand.Reader},
		{"state that the issuer has not", "state differs", change(func(tm *Template) { tm.Subject.State = "UT-A" }), iaca, signer, rand.Reader},
		{"state of the issuer missing", "state differs", ds, stateIACA, keyOf("state iaca"), rand.Reader},
		{"no common name", "common name is missing", change(func(tm *Template) { tm.Subject.CommonName = "" }), iaca, signer, rand.Reader},
		{"serialNumber with umlaut", "serialNumber attribute", change(func(tm *Template) { tm.Subject.SerialNumber = "ü" }), iaca, signer, rand.Reader},
		{"common name not UTF-8", "invalid UTF-8", change(func(tm *Template) { tm.Subject.CommonName = "\xff" }), iaca, signer, rand.Reader},
		{"no contact", "issuer alternative name is missing", change(func(tm *Template) { tm.IssuerAltName = "" }), iaca, signer, rand.Reader},
		{"no CRL", "CRL distribution point is missing", change(func(tm *Template) { tm.CRLDistributionPoint = "" }), iaca, signer, rand.Reader},
		{"CRL without scheme", "no absolute URI", change(func(tm *Template) { tm.CRLDistributionPoint = "utopia.example/crl" }), iaca, signer, rand.Reader},
		{"bad URI", "URI", change(func(tm *Template) { tm.URIs = []string{"https://[::1"} }), iaca, signer, rand.Reader},
		{"EKU of a fixed profile", "is fixed", change(func(tm *Template) { tm.ExtKeyUsages = []asn1.ObjectIdentifier{OIDReaderAuth} }), iaca, signer, rand.Reader},
		{"PID signer that signs mDLs", "another purpose", func() Template {
			tm := template(ProfileDocumentSignerPID)
			tm.ExtKeyUsages = []asn1.ObjectIdentifier{OIDPIDSigner, OIDMdlDS}
			return tm
		}(), iaca, signer, rand.Reader},
		{"PID signer for any purpose", "another purpose", func() Template {
			tm := template(ProfileDocumentSignerPID)
			tm.ExtKeyUsages = []asn1.ObjectIdentifier{OIDAnyEKU}
			return tm
		}(), iaca, signer, rand.Reader},
		{"PID signer without DNS name", "no DNS name", func() Template { tm := template(ProfileDocumentSignerPID); tm.DNSNames = nil; return tm }(), iaca, signer, rand.Reader},
		{"K06 random source fails", "drawing a serial number", ds, iaca, signer, readerFunc(func([]byte) (int, error) { return 0, errors.New("gone") })},
		{"K06 random source all zero", "repeats one octet", ds, iaca, signer, readerFunc(func(p []byte) (int, error) { clear(p); return len(p), nil })},
		{"K02 signer that signs with another key", "signing", ds, iaca, impostor{signer, keyOf("other")}, rand.Reader},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Build(tt.tm, tt.issuer, tt.signer, tt.rand)
			if err == nil || c != nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
}

// impostor shows one public key and signs with another.
type impostor struct {
	crypto.Signer
	other *ecdsa.PrivateKey
}

func (i impostor) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return i.other.Sign(rand, digest, opts)
}

// counting counts what the real key is asked to sign.
type counting struct {
	crypto.Signer
	n int
}

func (c *counting) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	c.n++
	return c.Signer.Sign(rand, digest, opts)
}

// TestBuildLintsBeforeSigning: the real key signs once, and never what lint
// refuses.
func TestBuildLintsBeforeSigning(t *testing.T) {
	s := &counting{Signer: keyOf("utopia iaca")}
	iaca := root("utopia iaca").cert(t)
	tm := template(ProfileDocumentSignerMDL)
	if _, err := Build(tm, iaca, s, rand.Reader); err != nil || s.n != 1 {
		t.Fatalf("signed %d times, %v", s.n, err)
	}
	tm.Subject.Country = "ZZ"
	if _, err := Build(tm, iaca, s, rand.Reader); !errors.Is(err, ErrProfile) || s.n != 1 {
		t.Fatalf("signed %d times, %v", s.n, err)
	}
}

func TestBuildTimes(t *testing.T) {
	tm := template(ProfileDocumentSignerMDL)
	tm.NotBefore = time.Date(2026, 6, 1, 12, 0, 0, 999, time.FixedZone("east", 7200))
	tm.NotAfter = tm.NotBefore.AddDate(0, 3, 0)
	c := mustBuild(t, tm)
	if got := c.NotBefore(); !got.Equal(time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("begins %v", got)
	}
	if bytes.Equal(mustBuild(t, tm).Cert.SerialNumber.Bytes(), c.Cert.SerialNumber.Bytes()) {
		t.Error("a serial number twice")
	}
}

func TestBuildMailContact(t *testing.T) {
	tm := template(ProfileDocumentSignerMDL)
	tm.IssuerAltName = "office@utopia.example"
	c := mustBuild(t, tm)
	want := element(tagSequence, element(generalNameMail, []byte("office@utopia.example")))
	if e := c.extension(oidIssuerAltName); !bytes.Equal(e.Value, want) || e.Critical {
		t.Errorf("%x", e.Value)
	}
}
