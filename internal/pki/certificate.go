package pki

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// What a certificate or a chain can fail at. A *PathError matches one of the
// last four with errors.Is.
var (
	// ErrMalformed is for bytes that are no certificate.
	ErrMalformed = errors.New("malformed certificate")
	// ErrPath is for a chain that does not hold together.
	ErrPath = errors.New("certificate path does not hold")
	// ErrUntrusted is for a chain that leads to no anchor of ours.
	ErrUntrusted = errors.New("no trust anchor")
	// ErrProfile is for a certificate that may not do what it does.
	ErrProfile = errors.New("certificate outside its profile")
	// ErrExpired is for a certificate outside its validity; nothing else is
	// wrong with the path.
	ErrExpired = errors.New("certificate outside its validity")
)

// Certificate is an X.509 certificate as received. It is immutable: share it
// freely between goroutines.
type Certificate struct {
	// Raw is a copy of the DER as received; RawSubject and RawIssuer are slices
	// of it.
	Raw, RawSubject, RawIssuer []byte
	// Cert is the certificate as crypto/x509 reads it, never nil. For a
	// certificate with Leniencies the unreadable parts are missing from it,
	// but Raw, RawTBSCertificate and SerialNumber are the received ones.
	Cert *x509.Certificate
	// Country and State are the subject's C and ST as text, empty when absent.
	Country, State string
	// ExtKeyUsages is the extended key usage, nil when the extension is absent.
	ExtKeyUsages []asn1.ObjectIdentifier
	// ExtKeyUsageCritical tells whether that extension is critical.
	ExtKeyUsageCritical bool
	// Fingerprint is SHA-256 over Raw.
	Fingerprint [sha256.Size]byte
	// Leniencies names what crypto/x509 would not have read: LenientSerial,
	// LenientCRLDistribution.
	Leniencies []string

	subject []attribute
	serial  []byte                // content of the serial number, as received
	words   atomic.Pointer[words] // made when first asked for
}

// words are a certificate for people.
type words struct{ name, subject, serial string }

// ParseCertificate reads one DER certificate, at most MaxCertificateBytes long.
// Every error matches ErrMalformed, and the certificate is then nil.
//
// The signature is not checked here: that is Validate's work.
func ParseCertificate(raw []byte) (*Certificate, error) {
	if len(raw) > MaxCertificateBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(raw), MaxCertificateBytes)
	}
	raw = bytes.Clone(raw) // what is trusted must not change under a cache
	parts, err := split(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	cert, leniencies, err := parseStandard(raw, parts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c := &Certificate{
		Raw: raw, RawSubject: parts.subject, RawIssuer: parts.issuer,
		Cert:        cert,
		Fingerprint: sha256.Sum256(raw),
		Leniencies:  leniencies,
	}
	c.serial = parts.serial
	var ok bool
	if c.subject, ok = parseName(parts.subject); !ok {
		return nil, fmt.Errorf("%w: subject is no distinguished name", ErrMalformed)
	}
	if v := values(c.subject, oidAttrCountry); len(v) > 0 {
		c.Country = v[0].text
	}
	if v := values(c.subject, oidAttrState); len(v) > 0 {
		c.State = v[0].text
	}
	if ext := c.extension(oidExtKeyUsage); ext != nil {
		if c.ExtKeyUsages, ok = parseExtKeyUsages(ext.Value); !ok {
			return nil, fmt.Errorf("%w: extended key usage", ErrMalformed)
		}
		c.ExtKeyUsageCritical = ext.Critical
	}
	return c, nil
}

// PublicKey is the subject's key: *ecdsa.PublicKey, ed25519.PublicKey,
// *rsa.PublicKey, or another that no path accepts.
func (c *Certificate) PublicKey() crypto.PublicKey { return c.Cert.PublicKey }

// NotBefore and NotAfter bound the validity, both inclusive.
func (c *Certificate) NotBefore() time.Time { return c.Cert.NotBefore }

// NotAfter is the last instant of the validity.
func (c *Certificate) NotAfter() time.Time { return c.Cert.NotAfter }

// SubjectKeyID is the content of the subject key identifier, nil when absent.
func (c *Certificate) SubjectKeyID() []byte { return c.Cert.SubjectKeyId }

// AuthorityKeyID is the keyIdentifier of the authority key identifier, nil
// when absent.
func (c *Certificate) AuthorityKeyID() []byte { return c.Cert.AuthorityKeyId }

// IsCA tells whether basicConstraints says CA:TRUE.
func (c *Certificate) IsCA() bool { return c.Cert.BasicConstraintsValid && c.Cert.IsCA }

// SelfIssued tells whether subject and issuer are the same bytes.
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// SelfSigned tells whether the certificate is signed with its own key. A
// self-issued certificate signed with another key of the same name, as a link
// certificate is, is not self-signed.
func (c *Certificate) SelfSigned() bool {
	return c.SelfIssued() && verifySignature(c, c) == nil
}

// HasExtKeyUsage tells whether the extended key usage lists id itself.
func (c *Certificate) HasExtKeyUsage(id asn1.ObjectIdentifier) bool {
	for _, have := range c.ExtKeyUsages {
		if have.Equal(id) {
			return true
		}
	}
	return false
}

// HasDNSName tells whether the subject alternative name lists host as a
// dNSName, letters compared without case. A wildcard stands only for itself.
func (c *Certificate) HasDNSName(host string) bool {
	for _, have := range c.Cert.DNSNames {
		// Letters outside of ASCII that fold into it, such as the sign of the kelvin, are longer.
		if len(have) == len(host) && strings.EqualFold(have, host) {
			return true
		}
	}
	return false
}

// HasURI tells whether the subject alternative name lists exactly this URI.
func (c *Certificate) HasURI(uri string) bool {
	for _, have := range c.Cert.URIs {
		if have.String() == uri {
			return true
		}
	}
	return false
}

// Equal compares the received bytes.
func (c *Certificate) Equal(o *Certificate) bool {
	return c != nil && o != nil && bytes.Equal(c.Raw, o.Raw)
}

// String names the certificate for people and logs: subject and the first
// bytes of the fingerprint.
func (c *Certificate) String() string { return c.inWords().name }

// Subject is the whole subject by RFC 4514, with whatever characters it has.
func (c *Certificate) Subject() string { return c.inWords().subject }

// Serial is the serial number, hexadecimal.
func (c *Certificate) Serial() string { return c.inWords().serial }

func (c *Certificate) inWords() *words {
	if w := c.words.Load(); w != nil {
		return w
	}
	w := &words{subject: c.Cert.Subject.String(), serial: c.Cert.SerialNumber.Text(16)}
	w.name = oneLine(w.subject) + " (" + hex.EncodeToString(c.Fingerprint[:6]) + ")"
	c.words.Store(w)
	return w
}

// nameText is a name for one line of a log: RFC 4514, see oneLine.
func nameText(n pkix.Name) string { return oneLine(n.String()) }

// oneLine replaces control characters, since the name may be a stranger's, and
// cuts at 200 octets.
func oneLine(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, s), "\ufffd")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}

func (c *Certificate) extension(id asn1.ObjectIdentifier) *pkix.Extension {
	for i := range c.Cert.Extensions {
		if c.Cert.Extensions[i].Id.Equal(id) {
			return &c.Cert.Extensions[i]
		}
	}
	return nil
}

// parseExtKeyUsages reads a non-empty SEQUENCE OF KeyPurposeId.
func parseExtKeyUsages(value []byte) ([]asn1.ObjectIdentifier, bool) {
	d := der(value)
	seq, _, ok := d.take(tagSequence)
	if !ok || len(d) != 0 || len(seq) == 0 {
		return nil, false
	}
	var out []asn1.ObjectIdentifier
	for d = der(seq); len(d) > 0; {
		id, ok := d.oid()
		if !ok {
			return nil, false
		}
		out = append(out, id)
	}
	return out, true
}
