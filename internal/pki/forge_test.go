package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"sync"
	"testing"
	"time"
)

// forge writes certificates that no library would: every part can be set, and
// the whole is signed all the same. The zero value is not useful; begin with
// root, authority or leaf.
type forge struct {
	version  []byte // whole element, nil leaves it out
	serial   []byte // content of the INTEGER
	inner    []byte // AlgorithmIdentifier inside, and outside unless outer is set
	outer    []byte
	issuer   []byte
	validity []byte
	subject  []byte
	spki     []byte
	rest     []byte
	exts     [][]byte
	noExts   bool
	key      crypto.Signer // the subject's
	by       crypto.Signer // the issuer's
	hash     crypto.Hash
	signed   func(sig []byte) []byte // spoils the signature
}

var (
	forgeNow   = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	algSHA256  = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}))
	algSHA1    = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}))
	algRSA     = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}), []byte{5, 0})
	algRSASHA1 = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}), []byte{5, 0})
	algEd25519 = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 3, 101, 112}))
	version3   = element(tagContext0, []byte{2, 1, 2})
)

// keyOf gives one key per name for the whole run: generating is the slow part.
func keyOf(name string) *ecdsa.PrivateKey { return keyOn(elliptic.P256(), name) }

func keyOn(c elliptic.Curve, name string) *ecdsa.PrivateKey {
	id := c.Params().Name + name
	if k, ok := forgeKeys.Load(id); ok {
		return k.(*ecdsa.PrivateKey)
	}
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	got, _ := forgeKeys.LoadOrStore(id, k)
	return got.(*ecdsa.PrivateKey)
}

var forgeKeys sync.Map

func rsaKey(bits int) *rsa.PrivateKey {
	if k, ok := forgeKeys.Load(bits); ok {
		return k.(*rsa.PrivateKey)
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	got, _ := forgeKeys.LoadOrStore(bits, k)
	return got.(*rsa.PrivateKey)
}

func spkiOf(pub crypto.PublicKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic(err)
	}
	return b
}

func skiOf(pub crypto.PublicKey) []byte {
	bits, _ := subjectKeyBits(spkiOf(pub))
	sum := sha1.Sum(bits)
	return sum[:]
}

func dn(cn string) []byte { return Name{Country: "UT", CommonName: cn}.marshal() }

func validityOf(from, to string) []byte {
	enc := func(s string) []byte {
		if len(s) == 15 {
			return element(tagGeneralizedTime, []byte(s))
		}
		return element(tagUTCTime, []byte(s))
	}
	return element(tagSequence, enc(from), enc(to))
}

// ext writes one Extension.
func ext(id asn1.ObjectIdentifier, critical bool, value []byte) []byte {
	parts := [][]byte{mustOID(id)}
	if critical {
		parts = append(parts, []byte{1, 1, 0xff})
	}
	return element(tagSequence, append(parts, element(tagOctetString, value))...)
}

func extSKI(pub crypto.PublicKey) []byte {
	return ext(oidSubjectKeyID, false, element(tagOctetString, skiOf(pub)))
}

func extAKI(pub crypto.PublicKey) []byte {
	return ext(oidAuthorityKeyID, false, element(tagSequence, element(0x80, skiOf(pub))))
}

func extKeyUsage(critical bool, u x509.KeyUsage) []byte {
	var b byte // bit 0 of KeyUsage is the highest of the octet
	for i := range 8 {
		if u&(1<<i) != 0 {
			b |= 0x80 >> i
		}
	}
	unused := byte(0)
	for b != 0 && b&(1<<unused) == 0 {
		unused++
	}
	return ext(oidKeyUsage, critical, element(tagBitString, []byte{unused, b}))
}

// extCA writes basicConstraints; a negative length leaves it out.
func extCA(critical, ca bool, length int) []byte {
	var parts [][]byte
	if ca {
		parts = append(parts, []byte{1, 1, 0xff})
	}
	if length >= 0 {
		parts = append(parts, []byte{2, 1, byte(length)})
	}
	return ext(oidBasicConstraints, critical, element(tagSequence, parts...))
}

func extEKU(critical bool, ids ...asn1.ObjectIdentifier) []byte {
	var list []byte
	for _, id := range ids {
		list = append(list, mustOID(id)...)
	}
	return ext(oidExtKeyUsage, critical, element(tagSequence, list))
}

func uriName(s string) []byte { return element(generalNameURI, []byte(s)) }

func extCRL(points ...[]byte) []byte {
	return ext(oidCRLDistribution, false, element(tagSequence, points...))
}

func crlPoint(names ...[]byte) []byte {
	return element(tagSequence, element(tagContext0, element(tagContext0, names...)))
}

func extIssuerAltName(critical bool, names ...[]byte) []byte {
	return ext(oidIssuerAltName, critical, element(tagSequence, names...))
}

// root is a conforming IACA named cn, valid from 2025 through 2033.
func root(cn string) *forge {
	k := keyOf(cn)
	return &forge{
		version: version3, serial: []byte{0x4d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, inner: algSHA256,
		issuer: dn(cn), subject: dn(cn), validity: validityOf("250101000000Z", "331231235959Z"),
		key: k, by: k, hash: crypto.SHA256,
		exts: [][]byte{extSKI(k.Public()), extKeyUsage(true, caUsage), extCA(true, true, 0),
			extIssuerAltName(false, uriName("https://utopia.example")), extCRL(crlPoint(uriName("https://utopia.example/iaca.crl")))},
	}
}

// authority is an intermediate CA below issuer, with the path length given, or
// none when it is negative.
func authority(cn string, issuer *forge, length int) *forge {
	k := keyOf(cn)
	f := leaf(cn, issuer)
	f.key = k
	f.validity = issuer.validity
	f.exts = [][]byte{extSKI(k.Public()), extAKI(issuer.key.Public()), extKeyUsage(true, caUsage), extCA(true, true, length)}
	return f
}

// leaf is a conforming mDL document signer below issuer.
func leaf(cn string, issuer *forge) *forge {
	k := keyOf(cn)
	f := &forge{
		version: version3, serial: []byte{0x4d, 9, 2, 3, 4, 5, 6, 7, 8, 9, 10}, inner: algSHA256,
		issuer: issuer.subject, subject: dn(cn), validity: validityOf("260601000000Z", "270601000000Z"),
		key: k, by: issuer.key, hash: crypto.SHA256,
		exts: [][]byte{extSKI(k.Public()), extAKI(issuer.key.Public()), extKeyUsage(true, x509.KeyUsageDigitalSignature),
			extEKU(true, OIDMdlDS), extIssuerAltName(false, uriName("https://utopia.example")),
			extCRL(crlPoint(uriName("https://utopia.example/iaca.crl")))},
	}
	if _, rsa := issuer.key.(*rsa.PrivateKey); rsa {
		f.inner = algRSA
	}
	return f
}

// set replaces the extension of the same kind, or adds it.
func (f *forge) set(e []byte) *forge {
	f.drop(extID(e))
	f.exts = append(f.exts, e)
	return f
}

func (f *forge) drop(id asn1.ObjectIdentifier) *forge {
	var kept [][]byte
	for _, e := range f.exts {
		if !extID(e).Equal(id) {
			kept = append(kept, e)
		}
	}
	f.exts = kept
	return f
}

func (f *forge) with(change func(*forge)) *forge { change(f); return f }

func extID(e []byte) asn1.ObjectIdentifier {
	d := der(e)
	body, _, _ := d.take(tagSequence)
	d = der(body)
	id, _ := d.oid()
	return id
}

// der signs and gives the bytes.
func (f *forge) der(t testing.TB) []byte {
	t.Helper()
	if f.spki == nil {
		f.spki = spkiOf(f.key.Public())
	}
	parts := [][]byte{f.version, element(tagInteger, f.serial), f.inner, f.issuer, f.validity, f.subject, f.spki, f.rest}
	if !f.noExts {
		parts = append(parts, element(tagContext3, element(tagSequence, f.exts...)))
	}
	body := element(tagSequence, parts...)
	var digest []byte
	switch f.hash {
	case crypto.SHA256:
		d := sha256.Sum256(body)
		digest = d[:]
	case crypto.SHA384:
		d := sha512.Sum384(body)
		digest = d[:]
	case crypto.SHA1:
		d := sha1.Sum(body)
		digest = d[:]
	}
	var sig []byte
	var err error
	if k, ok := f.by.(ed25519.PrivateKey); ok {
		sig = ed25519.Sign(k, body)
	} else if sig, err = f.by.Sign(rand.Reader, digest, f.hash); err != nil {
		t.Fatalf("forging: %v", err)
	}
	if f.signed != nil {
		sig = f.signed(sig)
	}
	outer := f.outer
	if outer == nil {
		outer = f.inner
	}
	return element(tagSequence, body, outer, element(tagBitString, []byte{0}, sig))
}

// cert is der, parsed.
func (f *forge) cert(t testing.TB) *Certificate {
	t.Helper()
	c, err := ParseCertificate(f.der(t))
	if err != nil {
		t.Fatalf("forging: %v", err)
	}
	return c
}

// mdl is how an mDL reader validates.
var mdl = PathOptions{Now: forgeNow, Purposes: []asn1.ObjectIdentifier{OIDMdlDS, OIDMdocDS}, RequireEKU: true, CheckCountry: true}

// reasonOf gives the Reason of a failed path, "" for success.
func reasonOf(t testing.TB, p *Path, err error) string {
	t.Helper()
	if err == nil {
		if p == nil || p.Leaf == nil || p.Anchor == nil {
			t.Fatal("success without a path")
		}
		return ""
	}
	if p != nil {
		t.Fatal("a path beside an error")
	}
	pe, ok := err.(*PathError)
	if !ok {
		t.Fatalf("not a PathError: %v", err)
	}
	return pe.Reason
}
