package pki

// crlDistribution is the part of the extension that Annex B speaks of.
type crlDistribution struct {
	uris []string
	// other is set when a point names something else than URIs, restricts the
	// reasons, or names another CRL issuer, all forbidden by Annex B.
	other bool
}

// parseCRLDistribution reads CRLDistributionPoints, RFC 5280 section 4.2.1.13.
// A distribution point name that is a bare GeneralNames or a URI without its
// wrapping, as seen in real certificates, is not accepted.
func parseCRLDistribution(value []byte) (crlDistribution, bool) {
	var out crlDistribution
	d := der(value)
	seq, _, ok := d.take(tagSequence)
	if !ok || len(d) != 0 || len(seq) == 0 {
		return out, false
	}
	for d = der(seq); len(d) > 0; {
		body, _, ok := d.take(tagSequence)
		if !ok {
			return out, false
		}
		p := der(body)
		if p.has(tagContext0) {
			name, _, ok := p.take(tagContext0)
			if !ok {
				return out, false
			}
			n := der(name)
			tag, names, _, ok := n.next()
			if !ok || len(n) != 0 {
				return out, false
			}
			switch tag {
			case tagContext0:
				list, ok := parseGeneralNames(names)
				if !ok {
					return out, false
				}
				for _, g := range list {
					if g.tag == generalNameURI {
						out.uris = append(out.uris, g.text)
					} else {
						out.other = true
					}
				}
			case tagContext1:
				out.other = true
			default:
				return out, false
			}
		} else {
			out.other = true
		}
		for len(p) > 0 {
			tag, _, _, ok := p.next()
			if !ok || (tag != 0x81 && tag != tagContext2) {
				return out, false
			}
			out.other = true
		}
	}
	return out, true
}

// Tags of GeneralName that lint looks at, RFC 5280 section 4.2.1.6.
const (
	generalNameMail      = 0x81
	generalNameDirectory = 0xa4 // explicit: around a Name
	generalNameURI       = 0x86
)

type generalName struct {
	tag  byte
	text string
}

// parseGeneralNames reads the content of a GeneralNames.
func parseGeneralNames(content []byte) ([]generalName, bool) {
	var out []generalName
	for d := der(content); len(d) > 0; {
		tag, text, _, ok := d.next()
		if !ok || tag&0xc0 != 0x80 {
			return nil, false
		}
		out = append(out, generalName{tag, string(text)})
	}
	return out, true
}
