package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"
)

// Lint holds c against profile p, whose issuer is issuer (nil for a root, or
// when it is not at hand: then the rules about it are not applied). Each
// finding is one short stable text; none means that c conforms.
//
// Lint judges what an issuer wrote. It is stricter than Validate, checks no
// signature, and is no reason for a reader to refuse.
func Lint(c *Certificate, p Profile, issuer *Certificate) []string {
	r, ok := profiles[p]
	if !ok {
		return []string{"unknown profile"}
	}
	l := &linter{c: c, p: p, r: r, issuer: issuer}
	for _, step := range []func(){
		l.serial, l.algorithm, l.validity, l.subject, l.names, l.identifiers, l.keyUsage, l.basicConstraints,
		l.extKeyUsage, l.issuerAltName, l.crlDistribution, l.alternativeNames, l.link, l.extensions,
	} {
		step()
	}
	return l.findings
}

// FindingSecondEKU is about a signer of mobile driving licences that has the usage
// of ISO/IEC 23220-4 too, as drafts of the second edition advise and as we wrote
// it ourselves. Annex B has one usage, and readers exist that refuse two: no new
// certificate gets it, and those that have it serve until they end.
const FindingSecondEKU = "extended key usage lists 1.0.23220.4.1.2 beside that of Annex B"

type linter struct {
	c, issuer *Certificate
	p         Profile
	r         rules
	findings  []string
}

func (l *linter) add(format string, args ...any) {
	l.findings = append(l.findings, fmt.Sprintf(format, args...))
}

func (l *linter) serial() {
	n := l.c.Cert.SerialNumber
	switch {
	case n.Sign() <= 0:
		l.add("serial number is not positive")
	case n.BitLen() > 8*maxSerialOctets-1:
		l.add("serial number is longer than 20 octets")
	case n.BitLen() < minSerialBits:
		l.add("serial number is shorter than 63 bits")
	}
}

func (l *linter) algorithm() {
	if signatureAlgorithm(l.c.Cert.SignatureAlgorithm, false) != nil {
		l.add("signature algorithm is not ECDSA with SHA-256, SHA-384 or SHA-512")
	}
	_, ed := l.c.PublicKey().(ed25519.PublicKey)
	switch {
	case ed && !l.r.ed25519:
		l.add("Ed25519 key is not allowed here")
	case !ed && issuerKey(l.c.PublicKey(), false) != nil:
		l.add("key is not on P-256, P-384 or P-521")
	}
	if k, ok := l.c.PublicKey().(*ecdsa.PublicKey); ok {
		bits, ok := subjectKeyBits(l.c.Cert.RawSubjectPublicKeyInfo)
		if !ok || len(bits) != 1+2*((k.Curve.Params().BitSize+7)/8) || bits[0] != 4 {
			l.add("key is not an uncompressed point")
		}
	}
}

func (l *linter) validity() {
	from, to := l.c.NotBefore(), l.c.NotAfter()
	if l.r.ca {
		if to.After(from.AddDate(l.r.maxYears, 0, 0)) {
			l.add("validity is longer than %d years", l.r.maxYears)
		}
	} else if to.Sub(from) > l.r.max {
		l.add("validity is longer than %d days", l.r.max/day)
	}
	if t, err := split(l.c.Raw); err == nil && !shortestTimes(t) {
		l.add("validity is not in UTCTime through 2049 and GeneralizedTime from 2050")
	}
	if l.issuer != nil && (to.After(l.issuer.NotAfter()) || from.Before(l.issuer.NotBefore())) {
		l.add("validity is not within the issuer's")
	}
}

// shortestTimes checks the choice between the two forms of time, RFC 5280
// section 4.1.2.5.
func shortestTimes(t *tbs) bool {
	d := der(t.validity)
	seq, _, _ := d.take(tagSequence)
	d = der(seq)
	for _, at := range []time.Time{t.notBefore, t.notAfter} {
		if tag, _, _, _ := d.next(); (tag == tagUTCTime) != (at.Year() < 2050) {
			return false
		}
	}
	return true
}

func (l *linter) subject() {
	one := func(id asn1.ObjectIdentifier, name string, mandatory bool) {
		switch n := len(values(l.c.subject, id)); {
		case n == 0 && mandatory:
			l.add("%s is missing", name)
		case n > 1:
			l.add("%s is there more than once", name)
		}
	}
	one(oidAttrCountry, "country", l.r.country)
	one(oidAttrCommonName, "common name", true)
	one(oidAttrOrganization, "organization", l.r.organization)
	one(oidAttrState, "state", false)
	for _, a := range l.c.subject {
		switch {
		case a.id.Equal(oidAttrCountry):
			if a.tag != tagPrintableString || !isCountry(a.text) {
				l.add("country is not two upper-case letters as PrintableString")
			}
		case a.id.Equal(oidAttrSerialNumber):
			if a.tag != tagPrintableString {
				l.add("serialNumber attribute is not a PrintableString")
			}
		case a.tag != tagPrintableString && a.tag != tagUTF8String:
			l.add("attribute %s is neither PrintableString nor UTF8String", a.id)
		}
		if !a.valid {
			l.add("attribute %s is not text of its string type", a.id)
		}
	}
}

func isCountry(s string) bool {
	return len(s) == 2 && 'A' <= s[0] && s[0] <= 'Z' && 'A' <= s[1] && s[1] <= 'Z'
}

func (l *linter) names() {
	if l.r.root {
		if !l.c.SelfIssued() {
			l.add("issuer is not the subject of a self-signed root")
		}
		return
	}
	if l.c.SelfIssued() && !l.r.link {
		l.add("issuer and subject are the same name")
	}
	if l.issuer == nil {
		return
	}
	if !bytes.Equal(l.c.RawIssuer, l.issuer.RawSubject) {
		l.add("issuer is not the subject of the issuing certificate byte for byte")
	}
	if l.r.likeIssuer {
		if l.c.Country != l.issuer.Country {
			l.add("country differs from the issuer's")
		}
		if l.c.State != l.issuer.State {
			l.add("state differs from the issuer's")
		}
	}
}

func (l *linter) identifiers() {
	ski := l.c.extension(oidSubjectKeyID)
	if ski == nil {
		l.add("subject key identifier is missing")
	} else {
		bits, _ := subjectKeyBits(l.c.Cert.RawSubjectPublicKeyInfo)
		if sum := keyDigest(bits); !bytes.Equal(l.c.SubjectKeyID(), sum[:]) {
			l.add("subject key identifier is not SHA-1 of the key")
		}
		if ski.Critical {
			l.add("subject key identifier is critical")
		}
	}
	aki := l.c.extension(oidAuthorityKeyID)
	switch {
	case aki != nil && aki.Critical:
		l.add("authority key identifier is critical")
	case l.r.root:
		if aki != nil && len(l.c.AuthorityKeyID()) > 0 && !bytes.Equal(l.c.AuthorityKeyID(), l.c.SubjectKeyID()) {
			l.add("authority key identifier of a root is not its own")
		}
	case len(l.c.AuthorityKeyID()) == 0:
		l.add("authority key identifier is missing")
	case l.issuer != nil && !bytes.Equal(l.c.AuthorityKeyID(), l.issuer.SubjectKeyID()):
		l.add("authority key identifier is not the issuer's subject key identifier")
	}
}

func (l *linter) keyUsage() {
	ext := l.c.extension(oidKeyUsage)
	if ext == nil {
		l.add("key usage is missing")
		return
	}
	if !ext.Critical {
		l.add("key usage is not critical")
	}
	if l.c.Cert.KeyUsage != l.r.keyUsage {
		l.add("key usage is not exactly %s", usageText(l.r.keyUsage))
	}
}

func usageText(u x509.KeyUsage) string {
	switch u {
	case caUsage:
		return "keyCertSign and cRLSign"
	case x509.KeyUsageContentCommitment:
		return "nonRepudiation"
	}
	return "digitalSignature"
}

func (l *linter) basicConstraints() {
	ext := l.c.extension(oidBasicConstraints)
	switch {
	case !l.r.ca && ext != nil:
		l.add("basic constraints in a leaf")
	case !l.r.ca:
	case ext == nil:
		l.add("basic constraints are missing")
	case !ext.Critical:
		l.add("basic constraints are not critical")
	case !l.c.IsCA():
		l.add("basic constraints do not say CA")
	case l.c.Cert.MaxPathLen != 0 || !l.c.Cert.MaxPathLenZero:
		l.add("path length is not 0")
	}
}

func (l *linter) extKeyUsage() {
	ext := l.c.extension(oidExtKeyUsage)
	if len(l.r.ekus) == 0 {
		if ext != nil {
			l.add("extended key usage in a CA")
		}
		return
	}
	if ext == nil {
		l.add("extended key usage is missing")
		return
	}
	if !ext.Critical {
		l.add("extended key usage is not critical")
	}
	if !l.r.ownEKU && !l.c.HasExtKeyUsage(l.r.ekus[0]) {
		l.add("extended key usage does not list %s", l.r.ekus[0])
	}
	for i, id := range l.c.ExtKeyUsages {
		known := slices.ContainsFunc(l.r.ekus, id.Equal)
		switch {
		case l.r.besides != nil && id.Equal(l.r.besides):
			l.add("%s", FindingSecondEKU)
		case foreignEKU(l.p, id) || !known && !l.r.ownEKU:
			l.add("extended key usage lists %s of another purpose", id)
		}
		if slices.ContainsFunc(l.c.ExtKeyUsages[:i], id.Equal) {
			l.add("extended key usage lists %s twice", id)
		}
	}
}

func (l *linter) issuerAltName() {
	ext := l.c.extension(oidIssuerAltName)
	if ext == nil {
		if l.r.issuerAltName {
			l.add("issuer alternative name is missing")
		}
		return
	}
	if ext.Critical {
		l.add("issuer alternative name is critical")
	}
	d := der(ext.Value)
	content, _, ok := d.take(tagSequence)
	list, ok2 := parseGeneralNames(content)
	if !ok || !ok2 || len(d) != 0 {
		l.add("issuer alternative name is malformed")
		return
	}
	for _, g := range list {
		if (g.tag == generalNameMail || g.tag == generalNameURI) && g.text != "" {
			return
		}
	}
	l.add("issuer alternative name has neither mail address nor URI")
}
