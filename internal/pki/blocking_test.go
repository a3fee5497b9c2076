package pki

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// blocking is one rule of Annex B: a spoiled certificate that the throwaway key has
// signed, and what Lint says, so that the real key never sees it.
type blocking struct {
	rule  string
	says  string
	on    func(Profile, rules) bool // nil: every profile
	spoil func(*spoiled)
}

// spoiled is what is about to be signed.
type spoiled struct {
	*x509.Certificate
	profile Profile
	pub     crypto.PublicKey
	name    Name
}

func (s *spoiled) rename(change func(*Name)) {
	change(&s.name)
	s.RawSubject = s.name.marshal()
}

// own puts an extension beside those of the profile, in the place of one that is the same.
func (s *spoiled) own(e []byte) {
	d := der(e)
	body, _, _ := d.take(tagSequence)
	d = der(body)
	id, _ := d.oid()
	critical := d.has(tagBoolean)
	if critical {
		_, _, _ = d.take(tagBoolean)
	}
	value, _, _ := d.take(tagOctetString)
	s.remove(id)
	s.ExtraExtensions = append(s.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
}

func (s *spoiled) remove(id asn1.ObjectIdentifier) {
	s.ExtraExtensions = slices.DeleteFunc(s.ExtraExtensions, func(e pkix.Extension) bool { return e.Id.Equal(id) })
}

var (
	anyProfile = func(Profile, rules) bool { return true }
	isCA       = func(_ Profile, r rules) bool { return r.ca }
	isLeaf     = func(_ Profile, r rules) bool { return !r.ca }
	isLink     = func(_ Profile, r rules) bool { return r.link }
	below      = func(_ Profile, r rules) bool { return !r.root }
)

// blockings are the rows of the table in Annex B.1, and the rules common to all.
func blockings(t testing.TB) []blocking {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ski := func(pub crypto.PublicKey) []byte {
		bits, _ := subjectKeyBits(spkiOf(pub))
		sum := sha1.Sum(bits)
		return sum[:]
	}
	extension := func(id asn1.ObjectIdentifier, critical bool, value []byte) func(*spoiled) {
		return func(s *spoiled) { s.own(ext(id, critical, value)) }
	}
	return []blocking{
		{"serial number of zero", "serial number is not positive", anyProfile, func(s *spoiled) { s.SerialNumber = new(big.Int) }},
		{"serial number too long", "serial number", anyProfile, func(s *spoiled) { s.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 160) }},
		{"serial number too short", "serial number is shorter than 63 bits", anyProfile, func(s *spoiled) { s.SerialNumber = big.NewInt(1 << 61) }},
		{"too long a life", "validity is longer than", anyProfile, func(s *spoiled) { s.NotAfter = s.NotBefore.AddDate(20, 0, 1) }},
		{"beyond the issuer", "validity is not within the issuer's", below, func(s *spoiled) {
			s.NotBefore = s.NotBefore.AddDate(-5, 0, 0)
			s.NotAfter = s.NotBefore.AddDate(0, 1, 0)
		}},
		{"no common name", "common name is missing", anyProfile, func(s *spoiled) { s.rename(func(n *Name) { n.CommonName = "" }) }},
		{"no country", "country is missing", func(_ Profile, r rules) bool { return r.country }, func(s *spoiled) { s.rename(func(n *Name) { n.Country = "" }) }},
		{"no organization", "organization is missing", func(_ Profile, r rules) bool { return r.organization }, func(s *spoiled) { s.rename(func(n *Name) { n.Organization = "" }) }},
		{"country in lower case", "country is not two upper-case letters as PrintableString", anyProfile, func(s *spoiled) { s.rename(func(n *Name) { n.Country = "ut" }) }},
		{"another country than the issuer", "country differs from the issuer's", func(_ Profile, r rules) bool { return r.likeIssuer || r.link }, func(s *spoiled) { s.rename(func(n *Name) { n.Country = "ZZ" }) }},
		{"another state than the issuer", "state differs from the issuer's", func(_ Profile, r rules) bool { return r.likeIssuer }, func(s *spoiled) { s.rename(func(n *Name) { n.State = "UT-X" }) }},
		{"attribute serialNumber as UTF8String", "serialNumber attribute is not a PrintableString", anyProfile, func(s *spoiled) { s.rename(func(n *Name) { n.SerialNumber = "ä" }) }},
		{"common name as T61String", "attribute 2.5.4.3 is neither PrintableString nor UTF8String", anyProfile, func(s *spoiled) {
			s.RawSubject = bytes.Replace(s.RawSubject, append([]byte{tagPrintableString, byte(len(s.name.CommonName))}, s.name.CommonName...),
				append([]byte{tagT61String, byte(len(s.name.CommonName))}, s.name.CommonName...), 1)
		}},
		{"key on P-224", "key is not on P-256, P-384 or P-521", anyProfile, func(s *spoiled) { s.pub = keyOn(elliptic.P224(), "x").Public(); s.SubjectKeyId = ski(s.pub) }},
		{"RSA key", "key is not on P-256, P-384 or P-521", anyProfile, func(s *spoiled) { s.pub = rsaKey(2048).Public(); s.SubjectKeyId = ski(s.pub) }},
		{"Ed25519 key", "Ed25519 key is not allowed here", func(_ Profile, r rules) bool { return !r.ed25519 }, func(s *spoiled) { s.pub = ed; s.SubjectKeyId = ski(s.pub) }},
		{"subject key identifier of another key", "subject key identifier is not SHA-1 of the key", anyProfile, func(s *spoiled) { s.SubjectKeyId = []byte{1, 2, 3} }},
		{"subject key identifier critical", "subject key identifier incorrectly marked critical", anyProfile, func(s *spoiled) { s.own(ext(oidSubjectKeyID, true, element(tagOctetString, s.SubjectKeyId))) }},
		{"authority key identifier of another key", "authority key identifier is not the issuer's subject key identifier", below, func(s *spoiled) {
			s.AuthorityKeyId = nil
			s.own(extAKI(keyOf("stranger").Public()))
		}},
		{"authority key identifier without a key", "authority key identifier is missing", below, extension(oidAuthorityKeyID, false, element(tagSequence))},
		{"key usage of another profile", "key usage is not exactly", anyProfile, func(s *spoiled) { s.KeyUsage = x509.KeyUsageKeyAgreement }},
		{"key usage and one more", "key usage is not exactly", anyProfile, func(s *spoiled) { s.KeyUsage |= x509.KeyUsageKeyEncipherment }},
		{"key usage not critical", "key usage is not critical", anyProfile, func(s *spoiled) { s.own(extKeyUsage(false, s.KeyUsage)) }},
		{"no key usage", "key usage is missing", anyProfile, func(s *spoiled) { s.KeyUsage = 0 }},
		{"a leaf that is a CA", "basic constraints in a leaf", isLeaf, func(s *spoiled) { s.own(extCA(true, true, 0)) }},
		{"a leaf that says that it is none", "basic constraints in a leaf", isLeaf, func(s *spoiled) { s.own(extCA(true, false, -1)) }},
		{"a CA that is none", "basic constraints do not say CA", isCA, func(s *spoiled) { s.own(extCA(true, false, -1)) }},
		{"no basic constraints", "basic constraints are missing", isCA, func(s *spoiled) { s.BasicConstraintsValid, s.IsCA = false, false }},
		{"basic constraints not critical", "basic constraints are not critical", isCA, func(s *spoiled) { s.own(extCA(false, true, 0)) }},
		{"path length 1", "path length is not 0", isCA, func(s *spoiled) { s.own(extCA(true, true, 1)) }},
		{"no path length", "path length is not 0", isCA, func(s *spoiled) { s.own(extCA(true, true, -1)) }},
		{"extended key usage in a CA", "extended key usage in a CA", isCA, func(s *spoiled) { s.own(extEKU(true, OIDMdlDS)) }},
		{"no extended key usage", "extended key usage is missing", isLeaf, func(s *spoiled) { s.remove(oidExtKeyUsage) }},
		{"extended key usage not critical", "extended key usage is not critical", isLeaf, func(s *spoiled) { s.own(extEKU(false, profiles[s.profile].ekus...)) }},
		{"extended key usage of a TLS server", "extended key usage", func(p Profile, r rules) bool { return !r.ca && !r.ownEKU }, func(s *spoiled) {
			s.own(extEKU(true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}))
		}},
		{"extended key usage of another profile beside", "of another purpose", isLeaf, func(s *spoiled) {
			other := OIDReaderAuth
			if s.profile == ProfileReader {
				other = OIDMdlDS
			}
			s.own(extEKU(true, append(slices.Clone(profiles[s.profile].ekus), other)...))
		}},
		{"any extended key usage beside", "of another purpose", isLeaf, func(s *spoiled) {
			s.own(extEKU(true, append(slices.Clone(profiles[s.profile].ekus), OIDAnyEKU)...))
		}},
		{"no issuer alternative name", "issuer alternative name is missing", func(_ Profile, r rules) bool { return r.issuerAltName }, func(s *spoiled) { s.remove(oidIssuerAltName) }},
		{"issuer alternative name critical", "issuer alternative name is critical", anyProfile, func(s *spoiled) { s.own(extIssuerAltName(true, uriName("https://x.example"))) }},
		{"issuer alternative name of a host", "issuer alternative name has neither mail address nor URI", anyProfile, func(s *spoiled) { s.own(extIssuerAltName(false, element(0x82, []byte("x.example")))) }},
		{"no CRL distribution point", "CRL distribution point is missing", func(_ Profile, r rules) bool { return r.crlDistribution }, func(s *spoiled) { s.CRLDistributionPoints = nil }},
		{"CRL distribution point with reasons", "CRL distribution point holds more than URIs", anyProfile, func(s *spoiled) {
			s.CRLDistributionPoints = nil
			s.own(extCRL(element(tagSequence, element(tagContext0, element(tagContext0, uriName("http://x.example/crl"))), element(0x81, []byte{1, 0x40}))))
		}},
		{"CRL distribution point of another issuer", "CRL distribution point holds more than URIs", anyProfile, func(s *spoiled) {
			s.CRLDistributionPoints = nil
			s.own(extCRL(element(tagSequence, element(tagContext0, element(tagContext0, uriName("http://x.example/crl"))), element(tagContext2, element(0xa4, dn("x"))))))
		}},
		{"CRL distribution point without host", "CRL distribution point is no absolute URI", anyProfile, func(s *spoiled) { s.CRLDistributionPoints = []string{"iaca.crl"} }},
		{"no host in the subject alternative name", "subject alternative name has no DNS name", func(_ Profile, r rules) bool { return r.dnsName }, func(s *spoiled) { s.DNSNames = nil }},
		{"a link without the new name", "subject alternative name is missing, and the name changes", isLink, func(s *spoiled) { s.remove(oidSubjectAltName) }},
		{"a link with another name", "subject alternative name is not the new name", isLink, func(s *spoiled) {
			s.own(ext(oidSubjectAltName, false, element(tagSequence, element(generalNameDirectory, dn("somebody else")))))
		}},
		{"a link to the same key", "key is the issuer's own", isLink, func(s *spoiled) { s.pub = keyOf("utopia iaca").Public(); s.SubjectKeyId = ski(s.pub) }},
		{"policy mappings", "policy mappings may not be there", anyProfile, extension(oidPolicyMappings, false, policyMapping())},
		{"policy constraints", "policy constraints may not be there", anyProfile, extension(oidPolicyConstraints, false, element(tagSequence, element(0x80, []byte{0})))},
		{"name constraints", "name constraints may not be there", isCA, func(s *spoiled) { s.PermittedDNSDomains = []string{"x.example"} }},
		{"inhibit anyPolicy", "inhibit anyPolicy may not be there", anyProfile, extension(oidInhibitAnyPolicy, false, []byte{2, 1, 0})},
		{"freshest CRL", "freshest CRL may not be there", anyProfile, extension(oidFreshestCRL, false, element(tagSequence, crlPoint(uriName("http://x.example"))))},
		{"unknown critical extension", "unknown extension 1.2.3 is critical", anyProfile, extension(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0})},
	}
}

// Every rule of every profile keeps the real key from signing: what the throwaway key
// signed is looked at before.
func TestEveryFindingBlocks(t *testing.T) {
	rulesOf := blockings(t)
	for _, p := range Profiles() {
		t.Run(string(p), func(t *testing.T) {
			issuer, key := issuerOf(t, p)
			tm := template(p)
			if tm.Public == nil {
				tm.Public = key.Public()
			}
			attempt := func(spoil func(*spoiled)) (*Certificate, int, error) {
				x, err := tm.x509(profiles[p], issuer, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				s := &spoiled{x, p, tm.Public, tm.Subject}
				if spoil != nil {
					spoil(s)
				}
				real := &counting{Signer: key}
				c, err := signConforming(s.Certificate, p, issuer, s.pub, real, rand.Reader)
				return c, real.n, err
			}
			if c, n, err := attempt(nil); err != nil || n != 1 || c == nil {
				t.Fatalf("a sound one: signed %d times, %v", n, err)
			}
			for _, b := range rulesOf {
				if !b.on(p, profiles[p]) {
					continue
				}
				t.Run(b.rule, func(t *testing.T) {
					c, n, err := attempt(b.spoil)
					if c != nil || n != 0 || err == nil || !strings.Contains(err.Error(), b.says) {
						t.Errorf("the real key signed %d times: %v, want %q", n, err, b.says)
					}
				})
			}
		})
	}
}

// reading is a key that signs what it can read, and refuses every digest.
type reading struct {
	crypto.Signer
	message []byte
}

func (r *reading) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("a digest says nothing")
}

func (r *reading) SignMessage(rand io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	r.message = bytes.Clone(msg)
	h := opts.HashFunc().New()
	h.Write(msg)
	return r.Signer.Sign(rand, h.Sum(nil), opts)
}

// A key in another process is handed what it signs, whole: the certificate and the
// list are those bytes.
func TestKeyThatReadsWhatItSigns(t *testing.T) {
	issuer, key := root("utopia iaca").cert(t), keyOf("utopia iaca")
	r := &reading{Signer: key}
	c, err := Build(template(ProfileDocumentSignerMDL), issuer, r, rand.Reader)
	if err != nil || !bytes.Equal(r.message, c.Cert.RawTBSCertificate) {
		t.Errorf("certificate: %v", err)
	}
	list, err := BuildCRL(Revocations{Number: big.NewInt(7), ThisUpdate: forgeNow, NextUpdate: forgeNow.AddDate(0, 0, 30)}, issuer, r, rand.Reader)
	if err != nil || !bytes.Equal(r.message, list.signed) {
		t.Errorf("list: %v", err)
	}
}

// What is wrong with a revocation list keeps the real key from signing it, too.
func TestCRLFindingsBlock(t *testing.T) {
	issuer := root("utopia iaca").cert(t)
	real := &counting{Signer: keyOf("utopia iaca")}
	build := func(r Revocations) error {
		_, err := BuildCRL(r, issuer, real, rand.Reader)
		return err
	}
	good := Revocations{Number: big.NewInt(7), ThisUpdate: forgeNow, NextUpdate: forgeNow.AddDate(0, 0, 90)}
	for name, change := range map[string]func(*Revocations){
		"91 days":          func(r *Revocations) { r.NextUpdate = forgeNow.AddDate(0, 0, 91) },
		"ends at once":     func(r *Revocations) { r.NextUpdate = forgeNow },
		"no number":        func(r *Revocations) { r.Number = nil },
		"a date to come":   func(r *Revocations) { r.Revoked = []RevokedCertificate{{big.NewInt(1), forgeNow.Add(time.Hour)}} },
		"no serial number": func(r *Revocations) { r.Revoked = []RevokedCertificate{{nil, forgeNow}} },
		"a serial of zero": func(r *Revocations) { r.Revoked = []RevokedCertificate{{new(big.Int), forgeNow}} },
		"the same one twice": func(r *Revocations) {
			r.Revoked = []RevokedCertificate{{big.NewInt(5), forgeNow}, {big.NewInt(5), forgeNow}}
		},
		"a serial of 22 octets": func(r *Revocations) {
			r.Revoked = []RevokedCertificate{{new(big.Int).Lsh(big.NewInt(1), 175), forgeNow}}
		},
	} {
		r := good
		change(&r)
		if err := build(r); err == nil || real.n != 0 {
			t.Errorf("%s: the real key signed %d times, %v", name, real.n, err)
		}
	}
	if err := build(good); err != nil || real.n != 1 {
		t.Errorf("signed %d times, %v", real.n, err)
	}
	// What we would not write and others may have.
	r := root("utopia iaca")
	long := crlOf(r, 1)
	long.next = utc("261014100000Z")
	late := crlOf(r, 1)
	late.entries = element(tagSequence, entryCRL([]byte{5}, "260620000000Z"))
	negative := crlOf(r, 1)
	negative.entries = element(tagSequence, entryCRL([]byte{0x85}, "260610000000Z"))
	for want, f := range map[string]*forgeCRL{
		"next update is more than 90 days after this update": long,
		"an entry is of a time after this update":            late,
		"an entry with a serial number that is not positive": negative,
		"extension 1.2.3": crlOf(r, 1).with(func(f *forgeCRL) { f.exts = append(f.exts, ext(asn1.ObjectIdentifier{1, 2, 3}, false, []byte{5, 0})) }),
	} {
		if got := LintCRL(f.list(t)); !slices.Equal(got, []string{want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
