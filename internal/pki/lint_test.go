package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"testing"
)

// TestLint spoils one thing at a time and expects exactly the findings that
// belong to it: a rule that says nothing, or one that says too much, fails.
func TestLint(t *testing.T) {
	ds, iaca, vical := ProfileDocumentSignerMDL, ProfileIACA, ProfileVICALSigner
	replace := func(old, new []byte) func(*forge) {
		return func(f *forge) { f.subject = bytes.Replace(f.subject, old, new, 1) }
	}
	for _, tt := range []struct {
		name    string
		profile Profile
		spoil   func(*forge)
		want    []string
	}{
		{"conforming signer", ds, func(*forge) {}, nil},
		{"conforming root", iaca, func(*forge) {}, nil},
		{"zero serial", ds, func(f *forge) { f.serial = []byte{0} }, []string{"serial number is not positive"}},
		{"negative serial", ds, func(f *forge) { f.serial = []byte{0x80} }, []string{"serial number is not positive"}},
		{"short serial", ds, func(f *forge) { f.serial = []byte{0x3f, 1, 2, 3, 4, 5, 6, 7} }, []string{"serial number is shorter than 63 bits"}},
		{"63 bits", ds, func(f *forge) { f.serial = []byte{0x40, 1, 2, 3, 4, 5, 6, 7} }, nil},
		{"long serial", ds, func(f *forge) { f.serial = append([]byte{1}, make([]byte, 20)...) }, []string{"serial number is longer than 20 octets"}},
		{"SHA-1", ds, func(f *forge) { f.inner = algSHA1 }, []string{"signature algorithm is not ECDSA with SHA-256, SHA-384 or SHA-512"}},
		{"RSA key", ds, func(f *forge) { f.key = rsaKey(2048); f.set(extSKI(f.key.Public())) }, []string{"key is not on P-256, P-384 or P-521"}},
		{"X06 458 days", ds, func(f *forge) { f.validity = validityOf("260601000000Z", "270902000000Z") }, []string{"validity is longer than 457 days"}},
		{"457 days", ds, func(f *forge) { f.validity = validityOf("260601000000Z", "270901000000Z") }, nil},
		{"20 years", iaca, func(f *forge) { f.validity = validityOf("250101000000Z", "450101000000Z") }, nil},
		{"X06 20 years and a second", iaca, func(f *forge) { f.validity = validityOf("250101000000Z", "450101000001Z") }, []string{"validity is longer than 20 years"}},
		{"X06 no end", iaca, func(f *forge) { f.validity = validityOf("250101000000Z", "99991231235959Z") }, []string{"validity is longer than 20 years"}},
		{"GeneralizedTime too early", ds, func(f *forge) { f.validity = validityOf("20260601000000Z", "270601000000Z") }, []string{"validity is not in UTCTime through 2049 and GeneralizedTime from 2050"}},
		{"begins before the issuer", ds, func(f *forge) { f.validity = validityOf("241201000000Z", "250601000000Z") }, []string{"validity is not within the issuer's"}},
		{"no country", ds, func(f *forge) { f.subject = Name{CommonName: "ds"}.marshal() }, []string{"country is missing", "country differs from the issuer's"}},
		{"two countries", ds, func(f *forge) { f.subject = twice(Name{Country: "UT"}, Name{Country: "UT", CommonName: "ds"}) }, []string{"country is there more than once"}},
		{"country as UTF8String", ds, replace([]byte{tagPrintableString, 2, 'U', 'T'}, []byte{tagUTF8String, 2, 'U', 'T'}), []string{"country is not two upper-case letters as PrintableString"}},
		{"country in lower case", ds, replace([]byte{tagPrintableString, 2, 'U', 'T'}, []byte{tagPrintableString, 2, 'u', 't'}), []string{"country is not two upper-case letters as PrintableString", "country differs from the issuer's"}},
		{"no common name", ds, func(f *forge) { f.subject = Name{Country: "UT"}.marshal() }, []string{"common name is missing"}},
		{"name as T61String", ds, replace([]byte{tagPrintableString, 9}, []byte{tagT61String, 9}), []string{"attribute 2.5.4.3 is neither PrintableString nor UTF8String"}},
		{"serialNumber as UTF8String", ds, func(f *forge) { f.subject = Name{Country: "UT", CommonName: "ds", SerialNumber: "ä"}.marshal() }, []string{"serialNumber attribute is not a PrintableString"}},
		{"organization missing", vical, func(f *forge) {
			f.set(extKeyUsage(true, x509.KeyUsageContentCommitment)).set(extEKU(true, OIDVICAL))
		}, []string{"organization is missing"}},
		{"same name as issuer", ds, func(f *forge) { f.subject = f.issuer }, []string{"issuer and subject are the same name"}},
		{"other issuer", ds, func(f *forge) { f.issuer = dn("other") }, []string{"issuer is not the subject of the issuing certificate byte for byte"}},
		{"root not self-issued", iaca, func(f *forge) { f.issuer = dn("other") }, []string{"issuer is not the subject of a self-signed root"}},
		{"no SKI", ds, func(f *forge) { f.drop(oidSubjectKeyID) }, []string{"subject key identifier is missing"}},
		{"SKI of another key", ds, func(f *forge) { f.set(extSKI(keyOf("other").Public())) }, []string{"subject key identifier is not SHA-1 of the key"}},
		{"no AKI", ds, func(f *forge) { f.drop(oidAuthorityKeyID) }, []string{"authority key identifier is missing"}},
		{"X08 AKI of another key", ds, func(f *forge) { f.set(extAKI(keyOf("other").Public())) }, []string{"authority key identifier is not the issuer's subject key identifier"}},
		{"AKI of a root, not its own", iaca, func(f *forge) { f.set(extAKI(keyOf("other").Public())) }, []string{"authority key identifier of a root is not its own"}},
		{"AKI of a root, its own", iaca, func(f *forge) { f.set(extAKI(f.key.Public())) }, nil},
		{"no key usage", ds, func(f *forge) { f.drop(oidKeyUsage) }, []string{"key usage is missing"}},
		{"key usage not critical", ds, func(f *forge) { f.set(extKeyUsage(false, x509.KeyUsageDigitalSignature)) }, []string{"key usage is not critical"}},
		{"key usage too wide", ds, func(f *forge) { f.set(extKeyUsage(true, x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment)) }, []string{"key usage is not exactly digitalSignature"}},
		{"root without cRLSign", iaca, func(f *forge) { f.set(extKeyUsage(true, x509.KeyUsageCertSign)) }, []string{"key usage is not exactly keyCertSign and cRLSign"}},
		{"VICAL signer with digitalSignature", vical, func(f *forge) {
			f.subject = Name{Country: "UT", Organization: "O", CommonName: "ds"}.marshal()
			f.set(extEKU(true, OIDVICAL))
		}, []string{"key usage is not exactly nonRepudiation"}},
		{"basic constraints in a leaf", ds, func(f *forge) { f.set(extCA(true, false, -1)) }, []string{"basic constraints in a leaf"}},
		{"root without basic constraints", iaca, func(f *forge) { f.drop(oidBasicConstraints) }, []string{"basic constraints are missing"}},
		{"basic constraints not critical", iaca, func(f *forge) { f.set(extCA(false, true, 0)) }, []string{"basic constraints are not critical"}},
		{"root that is no CA", iaca, func(f *forge) { f.set(extCA(true, false, -1)) }, []string{"basic constraints do not say CA"}},
		{"path length 1", iaca, func(f *forge) { f.set(extCA(true, true, 1)) }, []string{"path length is not 0"}},
		{"no path length", iaca, func(f *forge) { f.set(extCA(true, true, -1)) }, []string{"path length is not 0"}},
		{"no EKU", ds, func(f *forge) { f.drop(oidExtKeyUsage) }, []string{"extended key usage is missing"}},
		{"EKU not critical", ds, func(f *forge) { f.set(extEKU(false, OIDMdlDS)) }, []string{"extended key usage is not critical"}},
		{"EKU without the mDL's", ds, func(f *forge) { f.set(extEKU(true, OIDMdocDS)) }, []string{"extended key usage does not list 1.0.18013.5.1.2", FindingSecondEKU}},
		{"EKU of ISO 23220 beside", ds, func(f *forge) { f.set(extEKU(true, OIDMdlDS, OIDMdocDS)) }, []string{FindingSecondEKU}},
		{"EKU of a reader beside", ds, func(f *forge) { f.set(extEKU(true, OIDMdlDS, OIDReaderAuth)) }, []string{"extended key usage lists 1.0.18013.5.1.6 of another purpose"}},
		{"any EKU beside", ds, func(f *forge) { f.set(extEKU(true, OIDMdlDS, OIDAnyEKU)) }, []string{"extended key usage lists 2.5.29.37.0 of another purpose"}},
		{"EKU of nobody beside", ds, func(f *forge) { f.set(extEKU(true, OIDMdlDS, asn1.ObjectIdentifier{1, 2, 3})) }, []string{"extended key usage lists 1.2.3 of another purpose"}},
		{"EKU twice", ds, func(f *forge) { f.set(extEKU(true, OIDMdlDS, OIDMdlDS)) }, []string{"extended key usage lists 1.0.18013.5.1.2 twice"}},
		{"EKU in a root", iaca, func(f *forge) { f.set(extEKU(true, OIDMdlDS)) }, []string{"extended key usage in a CA"}},
		{"no issuer alternative name", ds, func(f *forge) { f.drop(oidIssuerAltName) }, []string{"issuer alternative name is missing"}},
		{"issuer alternative name critical", ds, func(f *forge) { f.set(extIssuerAltName(true, uriName("https://x.example"))) }, []string{"issuer alternative name is critical", "unknown extension 2.5.29.18 is critical"}},
		{"issuer alternative name empty", ds, func(f *forge) { f.set(extIssuerAltName(false)) }, []string{"issuer alternative name has neither mail address nor URI"}},
		{"issuer alternative name of DNS", ds, func(f *forge) { f.set(extIssuerAltName(false, element(0x82, []byte("x.example")))) }, []string{"issuer alternative name has neither mail address nor URI"}},
		{"issuer alternative name malformed", ds, func(f *forge) { f.set(ext(oidIssuerAltName, false, []byte("x"))) }, []string{"issuer alternative name is malformed"}},
		{"no CRL distribution point", ds, func(f *forge) { f.drop(oidCRLDistribution) }, []string{"CRL distribution point is missing"}},
		{"CRL distribution point malformed", ds, func(f *forge) { f.set(ext(oidCRLDistribution, false, []byte("x"))) }, []string{"CRL distribution point is malformed"}},
		{"CRL distribution point relative", ds, func(f *forge) { f.set(extCRL(crlPoint(uriName("iaca.crl")))) }, []string{"CRL distribution point is no absolute URI"}},
		{"CRL distribution point with reasons", ds, func(f *forge) {
			point := element(tagSequence, element(tagContext0, element(tagContext0, uriName("http://x.example/crl"))), element(0x81, []byte{1, 0x40}))
			f.set(extCRL(point))
		}, []string{"CRL distribution point holds more than URIs"}},
		{"CRL distribution point of another issuer", ds, func(f *forge) {
			point := element(tagSequence, element(tagContext0, element(tagContext0, uriName("http://x.example/crl"))), element(tagContext2, element(0xa4, dn("x"))))
			f.set(extCRL(point))
		}, []string{"CRL distribution point holds more than URIs"}},
		{"CRL distribution point critical", ds, func(f *forge) {
			e := element(tagSequence, crlPoint(uriName("http://x.example/crl")))
			f.set(ext(oidCRLDistribution, true, e))
		}, []string{"CRL distribution point is critical", "unknown extension 2.5.29.31 is critical"}},
		{"policy mappings", ds, func(f *forge) { f.set(ext(oidPolicyMappings, false, policyMapping())) }, []string{"policy mappings may not be there"}},
		{"freshest CRL", ds, func(f *forge) {
			f.set(ext(oidFreshestCRL, false, element(tagSequence, crlPoint(uriName("http://x.example")))))
		}, []string{"freshest CRL may not be there"}},
		{"inhibit anyPolicy", ds, func(f *forge) { f.set(ext(oidInhibitAnyPolicy, true, []byte{2, 1, 0})) }, []string{"inhibit anyPolicy may not be there", "unknown extension 2.5.29.54 is critical"}},
		{"policy constraints", ds, func(f *forge) {
			f.set(ext(oidPolicyConstraints, true, element(tagSequence, element(0x80, []byte{0}))))
		}, []string{"policy constraints may not be there", "unknown extension 2.5.29.36 is critical"}},
		{"name constraints", iaca, func(f *forge) {
			nc := element(tagSequence, element(tagContext0, element(tagSequence, element(0x82, []byte("x.example")))))
			f.set(ext(oidNameConstraints, true, nc))
		}, []string{"name constraints may not be there", "unknown extension 2.5.29.30 is critical"}},
		{"extra extension", ds, func(f *forge) { f.set(ext(asn1.ObjectIdentifier{1, 2, 3}, false, []byte{5, 0})) }, nil},
		{"extra critical extension", ds, func(f *forge) { f.set(ext(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0})) }, []string{"unknown extension 1.2.3 is critical"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := root("utopia iaca")
			f, issuer := r, (*Certificate)(nil)
			if tt.profile != iaca {
				f, issuer = leaf("utopia ds", r), r.cert(t)
			}
			tt.spoil(f)
			if got := Lint(f.cert(t), tt.profile, issuer); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	if got := Lint(root("utopia iaca").cert(t), "webserver", nil); !slices.Equal(got, []string{"unknown profile"}) {
		t.Errorf("%q", got)
	}
}

func policyMapping() []byte {
	id := mustOID(asn1.ObjectIdentifier{1, 2, 3})
	return element(tagSequence, element(tagSequence, id, id))
}
