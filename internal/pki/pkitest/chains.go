package pkitest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"testing"
	"time"

	"vidimus/internal/pki"
)

// Chain is what somebody shows as a proof of who signs, with the key of its leaf,
// on P-256: only the certificates are at fault.
type Chain struct {
	Name string
	// Reasons are those of pki.PathError that it may be refused with; none for a
	// chain that holds.
	Reasons []string
	DER     [][]byte // leaf first
	Key     *ecdsa.PrivateKey
}

// chainForge makes certificates with the standard library, which checks little of
// what it writes.
type chainForge struct {
	t   testing.TB
	now time.Time
	ca  Entity
	eku asn1.ObjectIdentifier
}

// Chains are the crucial cases of path validation below an authority of path length
// zero, for whatever room reads chains: leaves are for one purpose, at an instant.
func Chains(t testing.TB, now time.Time, authority Entity, purpose asn1.ObjectIdentifier) []Chain {
	f := &chainForge{t, now, authority, purpose}
	parent := func(change func(*x509.Certificate)) *x509.Certificate {
		c := *authority.Cert.Cert
		change(&c)
		return &c
	}
	leaf := func(name string, change func(*x509.Certificate), reasons ...string) Chain {
		der, key := f.make(authority.Cert.Cert, authority.Key, change)
		return Chain{name, reasons, [][]byte{der}, key}
	}
	under := func(name string, above *x509.Certificate, by *ecdsa.PrivateKey, reasons ...string) Chain {
		der, key := f.make(above, by, nil)
		return Chain{name, reasons, [][]byte{der}, key}
	}
	below := func(name string, change func(*x509.Certificate), reasons ...string) Chain {
		middle, by := f.make(authority.Cert.Cert, authority.Key, change)
		above, err := x509.ParseCertificate(middle)
		f.must(err)
		der, key := f.make(above, by, nil)
		return Chain{name, reasons, [][]byte{der, middle}, key}
	}
	ca := func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.UnknownExtKeyUsage = "below", true, true, x509.KeyUsageCertSign, nil
		c.MaxPathLenZero = true
	}
	broken := leaf("a bit of the leaf", nil, pki.ReasonSignature)
	broken.DER[0][bytes.Index(broken.DER[0], []byte("leaf"))] ^= 1 // "meaf"
	alone, key := f.make(nil, nil, nil)
	stranger, by := f.make(nil, nil, func(c *x509.Certificate) { ca(c); c.Subject.CommonName = "a stranger" })
	above, err := x509.ParseCertificate(stranger)
	f.must(err)
	strange := under("an authority that nobody knows", above, by, pki.ReasonNoAnchor)
	strange.DER = append(strange.DER, stranger)
	return []Chain{
		leaf("sound", nil),
		broken,
		{"signed by itself", []string{pki.ReasonSelfSigned}, [][]byte{alone}, key},
		strange,
		under("another key of the authority's name", parent(func(c *x509.Certificate) { c.PublicKey = nil }), f.key(), pki.ReasonSignature),
		under("the key identifier of another", parent(func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3} }), authority.Key, pki.ReasonNoAnchor),
		under("the authority's name in capitals", parent(func(c *x509.Certificate) { c.RawSubject = bytes.ToUpper(c.RawSubject) }), authority.Key, pki.ReasonNoAnchor),
		leaf("an authority as leaf", func(c *x509.Certificate) { ca(c); c.KeyUsage |= x509.KeyUsageDigitalSignature }, pki.ReasonCA),
		below("a leaf below a leaf", func(c *x509.Certificate) { c.Subject.CommonName = "above" }, pki.ReasonCA, pki.ReasonPathLength),
		below("an authority below, against the path length", ca, pki.ReasonPathLength),
		leaf("an unknown critical extension", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, pki.ReasonCritical),
		leaf("an unknown extension", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}
		}),
		leaf("an extension twice", func(c *x509.Certificate) {
			twice := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}
			c.ExtraExtensions = []pkix.Extension{twice, twice}
		}, pki.ReasonMalformed),
		leaf("name constraints", func(c *x509.Certificate) {
			c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{IssuerHost}, true
		}, pki.ReasonCritical),
		leaf("a key that may not sign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, pki.ReasonKeyUsage),
		leaf("a key that may sign certificates", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, pki.ReasonKeyUsage),
		leaf("another purpose", func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, pki.ReasonEKU),
		leaf("any purpose", func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}, pki.ReasonEKU),
		leaf("ended a second ago", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, pki.ReasonExpired),
		leaf("ends now", func(c *x509.Certificate) { c.NotAfter = now }),
		leaf("begins in a second", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, pki.ReasonNotYetValid),
		leaf("ends before it begins", func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Hour) }, pki.ReasonMalformed, pki.ReasonExpired),
	}
}

func (f *chainForge) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *chainForge) key() *ecdsa.PrivateKey {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.must(err)
	return key
}

// make signs a leaf; without an issuer it signs itself.
func (f *chainForge) make(issuer *x509.Certificate, by *ecdsa.PrivateKey, change func(*x509.Certificate)) ([]byte, *ecdsa.PrivateKey) {
	f.t.Helper()
	key := f.key()
	point, err := key.PublicKey.Bytes()
	f.must(err)
	id := sha1.Sum(point)
	home, err := url.Parse(IssuerURL)
	f.must(err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	f.must(err)
	c := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{Country: []string{Country}, Organization: []string{"Utopia"}, CommonName: "a leaf"},
		NotBefore: f.now.AddDate(0, 0, -30), NotAfter: f.now.AddDate(0, 0, 300), KeyUsage: x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{f.eku}, SubjectKeyId: id[:], DNSNames: []string{IssuerHost}, URIs: []*url.URL{home},
	}
	if change != nil {
		change(c)
	}
	if issuer == nil {
		issuer, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, key.Public(), by)
	f.must(err)
	return der, key
}
