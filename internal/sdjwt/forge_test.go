package sdjwt

import (
	"crypto"
	"strings"
	"testing"

	"vidimus/internal/jose"
)

// forgery is an SD-JWT made by hand, with whatever it should not have. It is
// signed by the right issuer: what refuses it is not the signature.
type forgery struct {
	header      map[string]any
	payload     string   // JSON; "@0" stands for the digest of disclosure 0, and so on
	disclosures []string // JSON, may refer to those before them with "@n"
	encoded     []string // as encoded; filled by make
	kb          string   // appended as it is
}

// digest names: "@0" to "@9".
func (f *forgery) fill(text string) string {
	for i, encoded := range f.encoded {
		text = strings.ReplaceAll(text, "@"+string(rune('0'+i)), digestOf(hashes[SHA256], encoded))
	}
	return text
}

func (f *forgery) encode() {
	for _, d := range f.disclosures {
		f.encoded = append(f.encoded, jose.EncodeBase64URL([]byte(f.fill(d))))
	}
}

func (f *forgery) compact(tb testing.TB, signer crypto.Signer) string {
	tb.Helper()
	if f.encoded == nil {
		f.encode()
	}
	header := f.header
	if header == nil {
		header = map[string]any{"typ": Type}
	}
	token, err := jose.Sign(signer, header, []byte(f.fill(f.payload)), random(5))
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(token + "~")
	for _, d := range f.encoded {
		b.WriteString(d + "~")
	}
	return b.String() + f.kb
}

// failing runs all checks that need no options and gives the id of the first
// that fails, "" when all pass.
func failing(w *world, compact string) string {
	s, err := Parse(compact)
	if err != nil {
		return CheckOf(err)
	}
	return failingParsed(w, s)
}

func failingParsed(w *world, s *SDJWT) string {
	findings := []Finding{s.VerifyType(), s.VerifySignature(w.issuer.Public())}
	p, more := s.VerifyDisclosures()
	findings = append(findings, more...)
	if p != nil {
		findings = append(findings, p.VerifyValidity(ValidityOptions{Now: now}), p.VerifyVCT("urn:eudi:pid:1"))
		if _, err := p.Status(); err != nil {
			return CheckOf(err)
		}
	}
	findings = append(findings, s.KeyBindingFindings(KeyBindingOptions{NotRequired: true, Now: now})...)
	for _, f := range findings {
		if f.Result == Fail {
			return f.Check
		}
	}
	return ""
}
