package ceremony

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/legible"
	"vidimus/internal/pki"
)

// Show writes what would be signed, for people: in words, and to the octet. It says
// the same of the same act on every machine.
func (p *Plan) Show(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s "+format+"\n", append([]any{name}, args...)...)
	}
	a := p.Act
	line("act", "%s", a.Act)
	line("purpose", "%s", strings.ReplaceAll(strings.TrimSpace(a.Purpose), "\n", "\n                   "))
	line("signing key", "%s", legible.Line(a.SigningKey))
	if p.Issuer != nil {
		line("issuer", "%s", legible.Line(p.Issuer.Subject()))
		line("issuer SHA-256", "%x", p.Issuer.Fingerprint)
	} else {
		line("issuer", "itself: self-signed")
	}
	if c := p.Draft.Certificate; c != nil {
		showCertificate(line, c)
	} else {
		showList(line, p.Draft.CRL)
	}
	line("output", "%s", legible.Line(a.Output))
	for _, o := range a.Operators {
		pub, _, _ := publicKey([]byte(o.PublicKey))
		line("operator", "%s, key %s", o.Name, spkiHash(pub))
	}
	line("approvals", "count for %d days", int(a.ApprovalEnds(time.Time{}).Sub(time.Time{})/(24*time.Hour)))
	line("witnesses", "%s", strings.Join(a.Witnesses, ", "))
	line("previous", "%s", a.Transcript.Previous)
	if a.Offline {
		line("offline", "yes: no network while it is signed")
	}
	b.WriteString("\nTBS, hexadecimal\n")
	for part := p.Draft.TBS; len(part) > 0; part = part[min(32, len(part)):] {
		fmt.Fprintf(&b, "%x\n", part[:min(32, len(part))])
	}
	b.WriteString("\nTBS, base64\n")
	for text := jose.EncodeBase64(p.Draft.TBS); text != ""; text = text[min(76, len(text)):] {
		fmt.Fprintf(&b, "%s\n", text[:min(76, len(text))])
	}
	b.WriteString("\n")
	if len(p.Draft.Findings) == 0 {
		line("lint", "clean")
	}
	for _, f := range p.Draft.Findings {
		line("LINT", "%s", legible.Line(f))
	}
	line("SHA-256 of the act", "%x", a.Hash())
	line("SHA-256 of the TBS", "%x", p.TBSHash)
	_, err := io.WriteString(w, legible.Lines(b.String()))
	return err
}

// Behind says why the audit record beside the act would refuse a revocation list, ""
// when it would not or is not here. It is of this machine, so no part of Show.
func (p *Plan) Behind() string {
	h, err := recorded(p.Act.path(p.Act.Audit))
	if err == nil {
		err = p.followsList(h)
	}
	if errors.Is(err, ErrPrevious) {
		return err.Error()
	}
	return ""
}

// Warnings are what the dates say on now: that what is made will have ended by then
// or has not begun, empty when neither. They are of the clock of a machine, so no part
// of Show, and no finding: a rehearsal is held at any time.
func (p *Plan) Warnings(now time.Time) []string {
	from, to := p.template.NotBefore, p.template.NotAfter
	if p.Draft.CRL != nil {
		from, to = p.revocations.ThisUpdate, p.revocations.NextUpdate
	}
	switch {
	case now.After(to):
		return []string{fmt.Sprintf("it has ended by this machine's clock (%s)", now.UTC().Format(time.RFC3339))}
	case now.Before(from):
		days := (from.Sub(now) + 24*time.Hour - 1) / (24 * time.Hour)
		return []string{fmt.Sprintf("it begins in %d days by this machine's clock (%s)", days, now.UTC().Format(time.RFC3339))}
	}
	return nil
}

func showCertificate(line func(string, string, ...any), c *pki.Certificate) {
	line("subject", "%s", legible.Line(c.Subject()))
	line("serial", "%032x", c.Cert.SerialNumber)
	line("not before", "%s", c.NotBefore().UTC().Format(time.RFC3339))
	line("not after", "%s", c.NotAfter().UTC().Format(time.RFC3339))
	line("public key", "%s, SHA-256 of the SPKI %s", c.Cert.PublicKeyAlgorithm, spkiHash(c.PublicKey()))
	line("signature", "%s", c.Cert.SignatureAlgorithm)
	for _, e := range c.Cert.Extensions {
		critical := ""
		if e.Critical {
			critical = "critical, "
		}
		line("extension", "%s, %s%s", extensionName(e.Id), critical, hex.EncodeToString(e.Value))
	}
	line("that is", "%s", usageText(c.Cert.KeyUsage))
	if c.IsCA() {
		line("", "an authority, path length %d", c.Cert.MaxPathLen)
	}
	for _, s := range issuerNames(c) {
		line("", "issuer reached at %s", legible.Line(s))
	}
	for _, id := range c.ExtKeyUsages {
		line("", "usage %s", id)
	}
	for _, s := range c.Cert.CRLDistributionPoints {
		line("", "revocation list at %s", legible.Line(s))
	}
	for _, s := range c.Cert.DNSNames {
		line("", "host %s", legible.Line(s))
	}
	for _, u := range c.Cert.URIs {
		line("", "URI %s", legible.Line(u.String()))
	}
}

// usageText names the bits of a key usage.
func usageText(u x509.KeyUsage) string {
	var out []string
	for _, b := range []struct {
		bit  x509.KeyUsage
		name string
	}{
		{x509.KeyUsageDigitalSignature, "signs messages"}, {x509.KeyUsageContentCommitment, "signs statements (nonRepudiation)"},
		{x509.KeyUsageCertSign, "signs certificates"}, {x509.KeyUsageCRLSign, "signs revocation lists"},
	} {
		if u&b.bit != 0 {
			out, u = append(out, b.name), u&^b.bit
		}
	}
	if u != 0 || len(out) == 0 {
		out = append(out, fmt.Sprintf("key usage %#x", int(u)))
	}
	return strings.Join(out, ", ")
}

// issuerNames are the texts of the issuer alternative name.
func issuerNames(c *pki.Certificate) (out []string) {
	for _, e := range c.Cert.Extensions {
		var names []asn1.RawValue
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 18}) {
			continue
		}
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return []string{"what cannot be read"}
		}
		for _, n := range names {
			out = append(out, string(n.Bytes))
		}
	}
	return out
}

func showList(line func(string, string, ...any), c *pki.CRL) {
	line("number", "%s", c.Number)
	line("this update", "%s", c.ThisUpdate.UTC().Format(time.RFC3339))
	line("next update", "%s", c.NextUpdate.UTC().Format(time.RFC3339))
	line("revoked", "%d", c.Len())
	for _, e := range c.Entries() {
		line("", "%x since %s", e.Serial, e.At.UTC().Format(time.RFC3339))
	}
}

func extensionName(id asn1.ObjectIdentifier) string {
	if name, ok := map[string]string{
		"2.5.29.14": "subject key identifier", "2.5.29.15": "key usage", "2.5.29.17": "subject alternative name", "2.5.29.18": "issuer alternative name",
		"2.5.29.19": "basic constraints", "2.5.29.31": "CRL distribution point", "2.5.29.35": "authority key identifier", "2.5.29.37": "extended key usage",
	}[id.String()]; ok {
		return id.String() + " " + name
	}
	return id.String()
}
