package pki

import (
	"encoding/asn1"
	"net/url"
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
