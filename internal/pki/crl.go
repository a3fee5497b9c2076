package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// ErrCRL is for a certificate revocation list that cannot be used: malformed,
// outside the profile, or not signed by whom it speaks for.
var ErrCRL = errors.New("revocation list refused")

// CRL is a certificate revocation list as ISO/IEC 18013-5 Annex B profiles it:
// full, direct, with a number and a next update. It is immutable: share it
// freely between goroutines.
type CRL struct {
	// Raw is a copy of the DER as received; RawIssuer is a slice of it.
	Raw, RawIssuer []byte
	// Number grows from list to list of one issuer.
	Number *big.Int
	// ThisUpdate is when the issuer wrote the list, NextUpdate when it promised
	// the next one: after that the list tells nothing of who is not in it.
	ThisUpdate, NextUpdate time.Time
	// AuthorityKeyID names the key that signed.
	AuthorityKeyID []byte
	// Fingerprint is SHA-256 over Raw.
	Fingerprint [sha256.Size]byte
	// Warnings are departures from the profile that change no answer.
	Warnings []string

	revoked           map[string]time.Time // by the content of the serial number
	signed, signature []byte
	algorithm         x509.SignatureAlgorithm
	name              string // number and date, for details
}

// Extensions of a revocation list and of its entries (RFC 5280, 5.2 and 5.3).
var (
	oidCRLNumber         = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDeltaCRL          = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingPoint      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidCertificateIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
)

// algorithmsCRL are the signature algorithms of a list, with the parameters that
// their identifier must have.
var algorithmsCRL = []struct {
	id         asn1.ObjectIdentifier
	parameters string
	algorithm  x509.SignatureAlgorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, "", x509.ECDSAWithSHA256},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, "", x509.ECDSAWithSHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, "", x509.ECDSAWithSHA512},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, "\x05\x00", x509.SHA256WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, "\x05\x00", x509.SHA384WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, "\x05\x00", x509.SHA512WithRSA},
}

// ParseCRL reads one revocation list in DER, at most MaxCRLBytes long. Every
// error matches ErrCRL, and the list is then nil. The signature is not checked
// here: that is Verify's work.
//
// Refused beside what is no RFC 5280 list: version 1, no next update, no number,
// no authority key identifier, an empty list of entries, delta lists, and every
// list with an issuing distribution point, since such a one speaks for a part of
// the certificates only, or for those of others.
func ParseCRL(raw []byte) (*CRL, error) {
	if len(raw) > MaxCRLBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrCRL, len(raw), MaxCRLBytes)
	}
	raw = bytes.Clone(raw)
	c := &CRL{Raw: raw, Fingerprint: sha256.Sum256(raw), revoked: map[string]time.Time{}}
	if err := c.parse(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCRL, err)
	}
	c.name = fmt.Sprintf("list %s of %s", c.Number, c.ThisUpdate.Format(time.RFC3339))
	return c, nil
}

// Signed gives what the signature is over, DER, and the algorithm that the list names.
func (c *CRL) Signed() (tbs []byte, algorithm x509.SignatureAlgorithm) { return c.signed, c.algorithm }

var errStructureCRL = errors.New("not the structure of RFC 5280 section 5.1 in DER")

func (c *CRL) parse() error {
	d := der(c.Raw)
	outer, _, ok := d.take(tagSequence)
	if !ok || len(d) != 0 {
		return errStructureCRL
	}
	d = der(outer)
	body, whole, ok1 := d.take(tagSequence)
	_, algorithm, ok2 := d.take(tagSequence)
	signature, _, ok3 := d.take(tagBitString)
	if !ok1 || !ok2 || !ok3 || len(d) != 0 || len(signature) < 2 || signature[0] != 0 {
		return errStructureCRL
	}
	c.signed, c.signature = whole, signature[1:]

	d = der(body)
	if version, _, ok := d.take(tagInteger); !ok || string(version) != "\x01" {
		return errors.New("version is not 2")
	}
	_, inner, ok := d.take(tagSequence)
	if !ok || !bytes.Equal(inner, algorithm) {
		return errors.New("signature algorithm differs inside and outside")
	}
	if err := c.parseAlgorithm(algorithm); err != nil {
		return err
	}
	name, issuer, ok := d.take(tagSequence)
	if !ok || len(name) == 0 {
		return errors.New("no issuer")
	}
	c.RawIssuer = issuer
	var err error
	if c.ThisUpdate, err = d.time(); err != nil {
		return err
	}
	if !d.has(tagUTCTime) && !d.has(tagGeneralizedTime) {
		return errors.New("no next update: nobody knows how long it counts")
	}
	if c.NextUpdate, err = d.time(); err != nil {
		return err
	}
	if !c.NextUpdate.After(c.ThisUpdate) {
		return errors.New("next update is not after this update")
	}
	if d.has(tagSequence) {
		list, _, ok := d.take(tagSequence)
		if !ok {
			return errStructureCRL
		}
		if err := c.parseEntries(list); err != nil {
			return err
		}
	}
	if !d.has(tagContext0) {
		return errors.New("no extensions, so no number")
	}
	extensions, _, ok := d.take(tagContext0)
	if !ok || len(d) != 0 {
		return errStructureCRL
	}
	return c.parseExtensions(extensions)
}

func (c *CRL) parseAlgorithm(identifier []byte) error {
	d := der(identifier)
	content, _, _ := d.take(tagSequence)
	d = der(content)
	id, ok := d.oid()
	if !ok {
		return errStructureCRL
	}
	for _, a := range algorithmsCRL {
		if a.id.Equal(id) && string(d) == a.parameters {
			c.algorithm = a.algorithm
			return nil
		}
	}
	return fmt.Errorf("signature algorithm %s", id)
}

// parseEntries reads revokedCertificates. The list is absent when nothing is
// revoked (RFC 5280, 5.1.2.6), never empty.
func (c *CRL) parseEntries(list []byte) error {
	if len(list) == 0 {
		return errors.New("an empty list of entries")
	}
	for d := der(list); len(d) > 0; {
		if len(c.revoked) == MaxCRLEntries {
			return fmt.Errorf("more than %d entries", MaxCRLEntries)
		}
		entry, _, ok := d.take(tagSequence)
		if !ok {
			return errStructureCRL
		}
		e := der(entry)
		serial, _, ok := e.take(tagInteger)
		if !ok || len(serial) == 0 || len(serial) > maxSerialOctets+1 {
			return errors.New("an entry without a serial number")
		}
		at, err := e.time()
		if err != nil {
			return err
		}
		if len(e) > 0 {
			extensions, err := parseExtensionList(e)
			if err != nil {
				return err
			}
			for _, ext := range extensions {
				if ext.critical || ext.id.Equal(oidCertificateIssuer) {
					return fmt.Errorf("an entry with the extension %s", ext.id)
				}
			}
			c.warn("entries have extensions")
		}
		if _, twice := c.revoked[string(serial)]; twice {
			return errors.New("a serial number twice")
		}
		c.revoked[string(serial)] = at
	}
	return nil
}

// extensionCRL is one extension of a list or of an entry.
type extensionCRL struct {
	id       asn1.ObjectIdentifier
	critical bool
	value    []byte
}

// parseExtensionList reads SEQUENCE OF Extension, each kind at most once.
func parseExtensionList(raw der) ([]extensionCRL, error) {
	list, _, ok := raw.take(tagSequence)
	if !ok || len(raw) != 0 || len(list) == 0 {
		return nil, errExtensions
	}
	var out []extensionCRL
	for d := der(list); len(d) > 0; {
		body, _, ok := d.take(tagSequence)
		if !ok || len(out) == maxExtensions {
			return nil, errExtensions
		}
		var ext extensionCRL
		e := der(body)
		if ext.id, ok = e.oid(); !ok {
			return nil, errExtensions
		}
		if e.has(tagBoolean) {
			v, _, ok := e.take(tagBoolean)
			if !ok || len(v) != 1 || v[0] != 0xff {
				return nil, errExtensions
			}
			ext.critical = true
		}
		if ext.value, _, ok = e.take(tagOctetString); !ok || len(e) != 0 {
			return nil, errExtensions
		}
		if slices.ContainsFunc(out, func(o extensionCRL) bool { return o.id.Equal(ext.id) }) {
			return nil, fmt.Errorf("extension %s twice", ext.id)
		}
		out = append(out, ext)
	}
	return out, nil
}

// parseExtensions reads the extensions of the list: its number and the key that
// signed it are mandatory, what narrows the list is refused unread.
func (c *CRL) parseExtensions(raw []byte) error {
	extensions, err := parseExtensionList(raw)
	if err != nil {
		return err
	}
	for _, ext := range extensions {
		switch {
		case ext.id.Equal(oidDeltaCRL):
			return errors.New("a delta list")
		case ext.id.Equal(oidIssuingPoint):
			return errors.New("an issuing distribution point: the list is partial or indirect")
		case ext.critical:
			return fmt.Errorf("critical extension %s", ext.id)
		case ext.id.Equal(oidCRLNumber):
			d := der(ext.value)
			number, _, ok := d.take(tagInteger)
			if !ok || len(d) != 0 || len(number) == 0 || len(number) > maxSerialOctets || number[0]&0x80 != 0 {
				return errors.New("number of the list is no number of at most 20 octets")
			}
			c.Number = new(big.Int).SetBytes(number)
		case ext.id.Equal(oidAuthorityKeyID):
			d := der(ext.value)
			id, _, ok := d.take(tagSequence)
			if !ok || len(d) != 0 {
				return errExtensions
			}
			d = der(id)
			if c.AuthorityKeyID, _, ok = d.take(0x80); !ok || len(c.AuthorityKeyID) == 0 {
				return errors.New("authority key identifier without a key identifier")
			}
		default:
			c.warn("extension " + ext.id.String())
		}
	}
	switch {
	case c.Number == nil:
		return errors.New("no number")
	case c.AuthorityKeyID == nil:
		return errors.New("no authority key identifier")
	}
	return nil
}

func (c *CRL) warn(text string) {
	if !slices.Contains(c.Warnings, text) {
		c.Warnings = append(c.Warnings, text)
	}
}

// Len is the number of revoked certificates.
func (c *CRL) Len() int { return len(c.revoked) }

// RevokedAt tells since when a certificate of the list's issuer is revoked. Ask
// for certificates of other issuers and the answer means nothing.
func (c *CRL) RevokedAt(cert *Certificate) (time.Time, bool) {
	at, ok := c.revoked[string(cert.serial)]
	return at, ok
}

// Entries gives what the list names, in the order of the serial numbers: for whoever
// writes the next one.
func (c *CRL) Entries() []RevokedCertificate {
	out := make([]RevokedCertificate, 0, len(c.revoked))
	for content, at := range c.revoked {
		out = append(out, RevokedCertificate{Serial: new(big.Int).SetBytes([]byte(content)), At: at})
	}
	slices.SortFunc(out, func(a, b RevokedCertificate) int { return a.Serial.Cmp(b.Serial) })
	return out
}

// Verify decides whether issuer wrote the list: same name byte for byte, same
// key identifier, a key that may sign lists and did. Errors match ErrCRL.
func (c *CRL) Verify(issuer *Certificate, allowRSA bool) error {
	switch {
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject):
		return fmt.Errorf("%w: written by another authority than %s", ErrCRL, issuer)
	case len(issuer.SubjectKeyID()) > 0 && !bytes.Equal(c.AuthorityKeyID, issuer.SubjectKeyID()):
		return fmt.Errorf("%w: signed with another key than that of %s", ErrCRL, issuer)
	case !issuer.IsCA():
		return fmt.Errorf("%w: %s is no CA", ErrCRL, issuer)
	case issuer.extension(oidKeyUsage) != nil && issuer.Cert.KeyUsage&x509.KeyUsageCRLSign == 0:
		return fmt.Errorf("%w: %s may not sign revocation lists", ErrCRL, issuer)
	}
	if err := signatureAlgorithm(c.algorithm, allowRSA); err != nil {
		return fmt.Errorf("%w: %w", ErrCRL, err)
	}
	if err := issuerKey(issuer.PublicKey(), allowRSA); err != nil {
		return fmt.Errorf("%w: %w", ErrCRL, err)
	}
	if err := issuer.Cert.CheckSignature(c.algorithm, c.signed, c.signature); err != nil {
		return fmt.Errorf("%w: %w", ErrCRL, err)
	}
	return nil
}

// NextNumber is that of a list that is made at an instant to follow another one, nil
// where there was none: the instant in microseconds, so that an issuer that lost its lists
// does not step back, and one that never saw what it had signed does not use the number
// again. Where the last number is above that already it grows by the seconds since.
func NextNumber(last *CRL, now time.Time) *big.Int {
	number := big.NewInt(now.UnixMicro())
	if last == nil || number.Cmp(last.Number) > 0 {
		return number
	}
	since := max(0, int64(now.Sub(last.ThisUpdate)/time.Second))
	return number.Add(last.Number, big.NewInt(1+since))
}

// Supersedes tells whether the list may take the place of an earlier one of the
// same issuer and key: the same bytes, or a higher number that is not written
// earlier. A lower number is a step back, the same number with other bytes a
// contradiction. Errors match ErrCRL.
func (c *CRL) Supersedes(old *CRL) error {
	switch order := c.Number.Cmp(old.Number); {
	case !bytes.Equal(c.RawIssuer, old.RawIssuer) || !bytes.Equal(c.AuthorityKeyID, old.AuthorityKeyID):
		return fmt.Errorf("%w: of another issuer or key", ErrCRL)
	case order < 0:
		return fmt.Errorf("%w: number %s, and %s was there before", ErrCRL, c.Number, old.Number)
	case order == 0 && !bytes.Equal(c.Raw, old.Raw):
		return fmt.Errorf("%w: two lists with the number %s", ErrCRL, c.Number)
	case c.ThisUpdate.Before(old.ThisUpdate):
		return fmt.Errorf("%w: written before the one that it follows", ErrCRL)
	}
	return nil
}
