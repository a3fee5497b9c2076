package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// What crypto/x509 would have refused and we read: see Certificate.Leniencies.
const (
	LenientSerial          = "negative serial number"
	LenientCRLDistribution = "unreadable CRL distribution point"
)

// tbs is a certificate cut into the parts of RFC 5280 section 4.1, each a
// slice of the received bytes: whole elements, but of serial and signature the
// content.
type tbs struct {
	version, algorithm, issuer, validity, subject, key []byte
	serial                                             []byte
	rest                                               []byte // unique identifiers
	signedBytes, outerAlgorithm, signature             []byte
	extensions                                         []pkix.Extension
	rawExtensions                                      [][]byte
	notBefore, notAfter                                time.Time
}

var (
	errStructure  = errors.New("not the structure of RFC 5280 section 4.1 in DER")
	errExtensions = errors.New("extensions are not a list of extensions in DER")
)

// split cuts a certificate and checks what crypto/x509 is loose about: DER of
// the frame, version 3, the exact forms of time, and duplicate extensions.
func split(raw []byte) (*tbs, error) {
	d := der(raw)
	outer, _, ok := d.take(tagSequence)
	if !ok || len(d) != 0 {
		return nil, errStructure
	}
	var t tbs
	var ok1, ok2, ok3 bool
	d = der(outer)
	body, whole, ok1 := d.take(tagSequence)
	t.signedBytes = whole
	_, t.outerAlgorithm, ok2 = d.take(tagSequence)
	t.signature, _, ok3 = d.take(tagBitString)
	if !ok1 || !ok2 || !ok3 || len(d) != 0 {
		return nil, errStructure
	}

	d = der(body)
	if !d.has(tagContext0) {
		return nil, errors.New("version 1, where version 3 is required")
	}
	version, whole, ok := d.take(tagContext0)
	if !ok {
		return nil, errStructure
	}
	if string(version) != "\x02\x01\x02" {
		return nil, errors.New("version is not 3")
	}
	t.version = whole
	var content []byte
	if t.serial, _, ok = d.take(tagInteger); !ok || len(t.serial) == 0 {
		return nil, errStructure
	}
	if _, t.algorithm, ok = d.take(tagSequence); !ok {
		return nil, errStructure
	}
	if content, t.issuer, ok = d.take(tagSequence); !ok {
		return nil, errStructure
	}
	if len(content) == 0 {
		return nil, errors.New("issuer is empty")
	}
	if content, t.validity, ok = d.take(tagSequence); !ok {
		return nil, errStructure
	}
	if err := t.parseValidity(content); err != nil {
		return nil, err
	}
	if _, t.subject, ok = d.take(tagSequence); !ok {
		return nil, errStructure
	}
	if _, t.key, ok = d.take(tagSequence); !ok {
		return nil, errStructure
	}
	before := d
	for _, tag := range []byte{0x81, 0x82} { // issuerUniqueID, subjectUniqueID
		if d.has(tag) {
			if _, _, ok = d.take(tag); !ok {
				return nil, errStructure
			}
		}
	}
	t.rest = before[:len(before)-len(d)]
	if len(d) == 0 {
		return nil, errors.New("version 3 without extensions")
	}
	content, _, ok = d.take(tagContext3)
	if !ok || len(d) != 0 {
		return nil, errStructure
	}
	return &t, t.parseExtensions(content)
}

func (t *tbs) parseValidity(content []byte) error {
	d := der(content)
	var err error
	if t.notBefore, err = d.time(); err != nil {
		return err
	}
	if t.notAfter, err = d.time(); err != nil {
		return err
	}
	if len(d) != 0 {
		return errStructure
	}
	if t.notAfter.Before(t.notBefore) {
		return errors.New("validity ends before it begins")
	}
	return nil
}

// time takes a Time in exactly the two forms of RFC 5280 section 4.1.2.5:
// crypto/x509 also takes a UTCTime without seconds.
func (d *der) time() (at time.Time, err error) {
	tag, text, _, ok := d.next()
	switch {
	case !ok:
		return at, errStructure
	case tag == tagUTCTime && len(text) == 13:
		if at, err = time.Parse("060102150405Z", string(text)); err == nil && at.Year() >= 2050 {
			at = at.AddDate(-100, 0, 0)
		}
	case tag == tagGeneralizedTime && len(text) == 15:
		at, err = time.Parse("20060102150405Z", string(text))
	default:
		err = errors.New("form")
	}
	if err != nil {
		return time.Time{}, errors.New("a time is not in the form of RFC 5280 section 4.1.2.5")
	}
	return at, nil
}

func (t *tbs) parseExtensions(content []byte) error {
	d := der(content)
	list, _, ok := d.take(tagSequence)
	if !ok || len(d) != 0 || len(list) == 0 {
		return errExtensions
	}
	for d = der(list); len(d) > 0; {
		body, whole, ok := d.take(tagSequence)
		if !ok {
			return errExtensions
		}
		var ext pkix.Extension
		e := der(body)
		if ext.Id, ok = e.oid(); !ok {
			return errExtensions
		}
		if e.has(tagBoolean) {
			v, _, ok := e.take(tagBoolean)
			if !ok || len(v) != 1 || (v[0] != 0 && v[0] != 0xff) {
				return errExtensions
			}
			ext.Critical = v[0] == 0xff
		}
		if ext.Value, _, ok = e.take(tagOctetString); !ok || len(e) != 0 {
			return errExtensions
		}
		if len(t.extensions) == maxExtensions {
			return fmt.Errorf("more than %d extensions", maxExtensions)
		}
		for _, have := range t.extensions {
			if have.Id.Equal(ext.Id) {
				return fmt.Errorf("extension %s twice", ext.Id)
			}
		}
		t.extensions = append(t.extensions, ext)
		t.rawExtensions = append(t.rawExtensions, whole)
	}
	return nil
}

// parseStandard reads raw with crypto/x509. Where that fails, a copy without a
// negative serial number, then without the CRL distribution points, is read
// instead, and the received bytes are put back: the copy is never verified,
// hashed or shown. The error is that of the first reading.
func parseStandard(raw []byte, t *tbs) (*x509.Certificate, []string, error) {
	cert, first := x509.ParseCertificate(raw)
	if first == nil {
		return cert, nil, nil
	}
	var leniencies []string
	serial := element(tagInteger, t.serial)
	if t.serial[0]&0x80 != 0 {
		serial = []byte{tagInteger, 1, 1}
		leniencies = append(leniencies, LenientSerial)
	}
	var kept [][]byte
	for i, ext := range t.extensions {
		if ext.Critical || !ext.Id.Equal(oidCRLDistribution) {
			kept = append(kept, t.rawExtensions[i])
		}
	}
	read := func(extensions [][]byte) (*x509.Certificate, error) {
		body := element(tagSequence, t.version, serial, t.algorithm, t.issuer, t.validity, t.subject, t.key, t.rest,
			element(tagContext3, element(tagSequence, extensions...)))
		return x509.ParseCertificate(element(tagSequence, body, t.outerAlgorithm, element(tagBitString, t.signature)))
	}
	err := first
	if leniencies != nil {
		cert, err = read(t.rawExtensions)
	}
	if err != nil && len(kept) > 0 && len(kept) < len(t.rawExtensions) {
		leniencies = append(leniencies, LenientCRLDistribution)
		cert, err = read(kept)
	}
	if err != nil {
		return nil, nil, first
	}
	var number *big.Int
	if rest, err := asn1.Unmarshal(element(tagInteger, t.serial), &number); err != nil || len(rest) != 0 {
		return nil, nil, errors.New("serial number is no DER integer")
	}
	cert.Raw, cert.RawTBSCertificate, cert.SerialNumber, cert.Extensions = raw, t.signedBytes, number, t.extensions
	return cert, leniencies, nil
}
