package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// Template is what the caller decides of a certificate; the Profile decides
// the rest.
type Template struct {
	Profile Profile
	Subject Name
	// RawSubject takes the place of Subject, as DER: a link certificate has the name
	// of the root that it certifies byte for byte, whoever made that.
	RawSubject []byte
	// Serial is the serial number; nil draws one. Who fixes it draws it with NewSerial.
	Serial *big.Int
	// NotBefore and NotAfter are rounded down to the second. A NotAfter of
	// zero is NotBefore plus the longest that the profile and the issuer allow.
	NotBefore, NotAfter time.Time
	// IssuerAltName is how to reach the issuer: a URI, or a mail address.
	// Empty writes no such extension.
	IssuerAltName string
	// CRLDistributionPoint is the URI of the issuer's CRL, empty for none.
	CRLDistributionPoint string
	// DNSNames and URIs make the subject alternative name.
	DNSNames, URIs []string
	// ExtKeyUsages replaces the profile's own where the profile is
	// configurable: PID signer, status signer, access certificate.
	ExtKeyUsages []asn1.ObjectIdentifier
	// Public is the subject's key. For a self-signed root it may be nil.
	Public crypto.PublicKey
}

// Build makes a certificate: issuer is nil for a self-signed root, signer is
// the issuer's key, rand feeds the serial number (16 octets, 126 random bits)
// where the template has none, and the signature.
//
// What will be signed is first signed with a throwaway key on the same curve
// and held against Lint, so that the real key never signs a certificate that
// does not conform; then it is signed with signer, and the signed bytes of both
// are compared. Errors about the template match ErrProfile.
func Build(t Template, issuer *Certificate, signer crypto.Signer, rand io.Reader) (*Certificate, error) {
	if signer == nil || rand == nil {
		return nil, errors.New("building a certificate needs a signer and a random source")
	}
	r, err := t.rules(issuer)
	if err != nil {
		return nil, err
	}
	if issuer == nil {
		if t.Public == nil {
			t.Public = signer.Public()
		}
		if !samePublicKey(t.Public, signer.Public()) {
			return nil, errors.New("the key of a self-signed root is not the signer's")
		}
	} else if !samePublicKey(issuer.PublicKey(), signer.Public()) {
		return nil, errors.New("the signer's key is not the issuing certificate's")
	}
	template, err := t.x509(r, issuer, rand)
	if err != nil {
		return nil, err
	}
	return signConforming(template, t.Profile, issuer, t.Public, signer, rand)
}

// rules are those of the template's profile, below this issuer.
func (t Template) rules(issuer *Certificate) (rules, error) {
	r, ok := profiles[t.Profile]
	switch {
	case !ok:
		return rules{}, fmt.Errorf("%w: unknown profile %q", ErrProfile, t.Profile)
	case r.root != (issuer == nil):
		return rules{}, fmt.Errorf("%w: %s is self-signed: %t, issuer given: %t", ErrProfile, t.Profile, r.root, issuer != nil)
	}
	return r, nil
}

// signConforming signs what a throwaway key has signed before and Lint found nothing
// about; the real key is not asked for anything else.
func signConforming(template *x509.Certificate, p Profile, issuer *Certificate, pub crypto.PublicKey, signer crypto.Signer, rand io.Reader) (*Certificate, error) {
	draft, err := signDraft(template, issuer, pub, signer.Public(), rand)
	if err != nil {
		return nil, err
	}
	if findings := Lint(draft, p, issuer); len(findings) > 0 {
		return nil, fmt.Errorf("%w: %s: %s", ErrProfile, p, strings.Join(findings, "; "))
	}
	cert, err := sign(template, issuer, pub, signer, rand)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if !bytes.Equal(draft.Cert.RawTBSCertificate, cert.Cert.RawTBSCertificate) {
		return nil, errors.New("what was signed is not what was linted")
	}
	by := issuer
	if by == nil {
		by = cert
	}
	if err := verifySignature(cert, by); err != nil {
		return nil, fmt.Errorf("checking the signature made: %w", err)
	}
	return cert, nil
}

// signDraft signs with a throwaway key that stands in for like.
func signDraft(template *x509.Certificate, issuer *Certificate, pub, like crypto.PublicKey, rand io.Reader) (*Certificate, error) {
	throwaway, err := throwawayKey(like)
	if err != nil {
		return nil, err
	}
	draft, err := sign(template, issuer, pub, throwaway, rand)
	if err != nil {
		return nil, fmt.Errorf("signing the draft: %w", err)
	}
	return draft, nil
}

// sign makes and parses one certificate. The parent's key is left out so that
// the draft can be signed with another one.
func sign(template *x509.Certificate, issuer *Certificate, pub crypto.PublicKey, signer crypto.Signer, rand io.Reader) (*Certificate, error) {
	parent := &x509.Certificate{RawSubject: template.RawSubject}
	if issuer != nil {
		parent = &x509.Certificate{RawSubject: issuer.RawSubject, SubjectKeyId: issuer.SubjectKeyID()}
	}
	raw, err := x509.CreateCertificate(rand, template, parent, pub, signer)
	if err != nil {
		return nil, err
	}
	return ParseCertificate(raw)
}

// x509 turns the template into crypto/x509's. Extensions whose form Annex B
// fixes are written out here: a critical EKU and the issuer alternative name.
func (t Template) x509(r rules, issuer *Certificate, rand io.Reader) (*x509.Certificate, error) {
	serial := t.Serial
	if serial == nil {
		var err error
		if serial, err = NewSerial(rand); err != nil {
			return nil, err
		}
	}
	ski, err := keyID(t.Public)
	if err != nil {
		return nil, err
	}
	notBefore := t.NotBefore.UTC().Truncate(time.Second)
	notAfter := t.NotAfter.UTC().Truncate(time.Second)
	if t.NotAfter.IsZero() {
		notAfter = notBefore.Add(r.max)
		if r.ca {
			notAfter = notBefore.AddDate(r.maxYears, 0, 0)
		}
		if issuer != nil && issuer.NotAfter().Before(notAfter) {
			notAfter = issuer.NotAfter()
		}
	}
	out := &x509.Certificate{
		SerialNumber: serial,
		RawSubject:   t.Subject.marshal(),
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		KeyUsage:     r.keyUsage,
		SubjectKeyId: ski,
		DNSNames:     t.DNSNames,
	}
	if t.RawSubject != nil {
		out.RawSubject = t.RawSubject
	}
	if r.ca {
		out.BasicConstraintsValid, out.IsCA, out.MaxPathLenZero = true, true, true
	}
	if issuer != nil {
		// crypto/x509 leaves it out of self-issued link certificates otherwise.
		out.AuthorityKeyId = issuer.SubjectKeyID()
	}
	if t.CRLDistributionPoint != "" {
		out.CRLDistributionPoints = []string{t.CRLDistributionPoint}
	}
	for _, s := range t.URIs {
		u, err := url.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("%w: URI %q: %w", ErrProfile, s, err)
		}
		out.URIs = append(out.URIs, u)
	}
	if r.link && issuer != nil {
		if len(t.DNSNames)+len(t.URIs) > 0 {
			return nil, fmt.Errorf("%w: a link certificate names no host and no URI", ErrProfile)
		}
		if !bytes.Equal(out.RawSubject, issuer.RawSubject) { // presentation of the new name, Annex B
			out.ExtraExtensions = append(out.ExtraExtensions, pkix.Extension{
				Id: oidSubjectAltName, Value: element(tagSequence, element(generalNameDirectory, out.RawSubject))})
		}
	}
	if t.IssuerAltName != "" {
		tag := byte(generalNameURI)
		if !strings.Contains(t.IssuerAltName, ":") {
			tag = generalNameMail
		}
		out.ExtraExtensions = append(out.ExtraExtensions, pkix.Extension{
			Id: oidIssuerAltName, Value: element(tagSequence, element(tag, []byte(t.IssuerAltName)))})
	}
	ekus := r.ekus
	if len(t.ExtKeyUsages) > 0 {
		if !r.ownEKU {
			return nil, fmt.Errorf("%w: the extended key usage of %s is fixed", ErrProfile, t.Profile)
		}
		ekus = t.ExtKeyUsages
	}
	if len(ekus) > 0 {
		var list []byte
		for _, id := range ekus {
			b, err := asn1.Marshal(id)
			if err != nil {
				return nil, fmt.Errorf("%w: extended key usage: %w", ErrProfile, err)
			}
			list = append(list, b...)
		}
		out.ExtraExtensions = append(out.ExtraExtensions, pkix.Extension{
			Id: oidExtKeyUsage, Critical: true, Value: element(tagSequence, list)})
	}
	return out, nil
}

// NewSerial draws 16 octets, the first between 0x40 and 0x7f: positive, never
// shorter, 126 random bits where Annex B asks for 63 and advises 71.
func NewSerial(rand io.Reader) (*big.Int, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return nil, fmt.Errorf("drawing a serial number: %w", err)
	}
	same := true
	for _, x := range b {
		same = same && x == b[0]
	}
	if same {
		return nil, errors.New("drawing a serial number: the random source repeats one octet")
	}
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b[:]), nil
}

// keyID is SHA-1 over the subjectPublicKey's bits, method 1 of RFC 5280
// section 4.2.1.2, which Annex B asks for. It identifies and protects nothing.
func keyID(pub crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %w", ErrProfile, err)
	}
	bits, ok := subjectKeyBits(spki)
	if !ok {
		return nil, fmt.Errorf("%w: public key", ErrMalformed)
	}
	sum := keyDigest(bits)
	return sum[:], nil
}

// subjectKeyBits gives the content of the BIT STRING of a
// SubjectPublicKeyInfo without the octet of unused bits.
func subjectKeyBits(spki []byte) ([]byte, bool) {
	d := der(spki)
	seq, _, ok := d.take(tagSequence)
	if !ok {
		return nil, false
	}
	d = der(seq)
	if _, _, ok = d.take(tagSequence); !ok {
		return nil, false
	}
	bits, _, ok := d.take(tagBitString)
	if !ok || len(bits) < 1 || bits[0] != 0 {
		return nil, false
	}
	return bits[1:], true
}

// throwawayKey makes a key that signs with the same algorithm as pub's.
func throwawayKey(pub crypto.PublicKey) (crypto.Signer, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return ecdsa.GenerateKey(k.Curve, rand.Reader)
		}
	case ed25519.PublicKey:
		return nil, fmt.Errorf("%w: an Ed25519 key may not sign certificates", ErrProfile)
	}
	return nil, fmt.Errorf("%w: certificates are signed with EC keys on P-256, P-384 or P-521", ErrProfile)
}

func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
