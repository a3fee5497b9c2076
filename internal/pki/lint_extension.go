package pki

import (
	"bytes"
	"encoding/asn1"
	"net/url"
	"slices"
)

// forbiddenExtensions is Annex B.1.1: these may not be in any certificate.
var forbiddenExtensions = []struct {
	id   asn1.ObjectIdentifier
	name string
}{
	{oidPolicyMappings, "policy mappings"},
	{oidNameConstraints, "name constraints"},
	{oidPolicyConstraints, "policy constraints"},
	{oidInhibitAnyPolicy, "inhibit anyPolicy"},
	{oidFreshestCRL, "freshest CRL"},
}

func (l *linter) crlDistribution() {
	ext := l.c.extension(oidCRLDistribution)
	if ext == nil {
		if l.r.crlDistribution {
			l.add("CRL distribution point is missing")
		}
		return
	}
	if ext.Critical {
		l.add("CRL distribution point is critical")
	}
	points, ok := parseCRLDistribution(ext.Value)
	switch {
	case !ok:
		l.add("CRL distribution point is malformed")
	case points.other:
		l.add("CRL distribution point holds more than URIs")
	}
	for _, s := range points.uris {
		if u, err := url.Parse(s); err != nil || !u.IsAbs() || u.Host == "" {
			l.add("CRL distribution point is no absolute URI")
			return
		}
	}
}

func (l *linter) alternativeNames() {
	if l.r.dnsName && len(l.c.Cert.DNSNames) == 0 {
		l.add("subject alternative name has no DNS name")
	}
}

// link holds a link certificate against the root whose key signs it: the new key,
// in the same country, and the new name once more where it changes (Annex B).
func (l *linter) link() {
	if !l.r.link || l.issuer == nil {
		return
	}
	if bytes.Equal(l.c.Cert.RawSubjectPublicKeyInfo, l.issuer.Cert.RawSubjectPublicKeyInfo) {
		l.add("key is the issuer's own: a link certifies another one")
	}
	if l.c.Country != l.issuer.Country {
		l.add("country differs from the issuer's")
	}
	if bytes.Equal(l.c.RawSubject, l.issuer.RawSubject) {
		return
	}
	ext := l.c.extension(oidSubjectAltName)
	if ext == nil {
		l.add("subject alternative name is missing, and the name changes")
		return
	}
	d := der(ext.Value)
	content, _, ok := d.take(tagSequence)
	list, ok2 := parseGeneralNames(content)
	if !ok || !ok2 || len(d) != 0 || !slices.ContainsFunc(list, func(g generalName) bool {
		return g.tag == generalNameDirectory && g.text == string(l.c.RawSubject)
	}) {
		l.add("subject alternative name is not the new name")
	}
}

func (l *linter) extensions() {
	for _, f := range forbiddenExtensions {
		if l.c.extension(f.id) != nil {
			l.add("%s may not be there", f.name)
		}
	}
	for _, id := range l.c.unknownCritical() {
		l.add("unknown extension %s is critical", id)
	}
}

// understood are the extensions that may be critical: those whose rules
// Validate applies, the subject alternative name, which callers match, and
// certificate policies, which bind nobody as long as no policy constraints are
// accepted (RFC 5280 section 6.1.1, initial-policy-set any-policy).
var understood = []asn1.ObjectIdentifier{oidKeyUsage, oidBasicConstraints, oidExtKeyUsage, oidSubjectAltName, oidPolicies}

// unknownCritical lists the critical extensions that must make a path fail.
// Key identifiers are among them: RFC 5280 forbids them to be critical.
func (c *Certificate) unknownCritical() []asn1.ObjectIdentifier {
	var out []asn1.ObjectIdentifier
next:
	for _, ext := range c.Cert.Extensions {
		if !ext.Critical {
			continue
		}
		for _, id := range understood {
			if ext.Id.Equal(id) {
				continue next
			}
		}
		out = append(out, ext.Id)
	}
	return out
}
