package sdjwt

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/jose"
)

func splitToken(token string) []string { return strings.Split(token, ".") }

type mainExample struct {
	Issued       string          `json:"issued"`
	Presentation string          `json:"presentation"`
	IssuerJWK    json.RawMessage `json:"issuer_jwk"`
	Audience     string          `json:"aud"`
	Nonce        string          `json:"nonce"`
	IssuedAt     int64           `json:"iat"`
	SDHash       string          `json:"sd_hash"`
}

func readMainExample(tb testing.TB) mainExample {
	tb.Helper()
	data, err := os.ReadFile("testdata/rfc9901/main-example.json")
	if err != nil {
		tb.Fatal(err)
	}
	var e mainExample
	if err := jose.DecodeJSON(data, &e); err != nil {
		tb.Fatal(err)
	}
	return e
}

// TestMainExampleDigests: RFC 9901, section 5.1.
func TestMainExampleDigests(t *testing.T) {
	e := readMainExample(t)
	s, err := Parse(e.Issued)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4", "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo",
		"JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE", "PorFbpKuVu6xymJagvkFsFXAbRoc2JGlAUA2BA4o7cI",
		"XQ_3kPKt1XyX7KANkqVR6yZ2Va5NrPIvPYbyMvRKBMM", "XzFrzwscM6Gn6CJDc6vVK8BkMnfG8vOSKfpPIZdAfdE",
		"gbOsI4Edq2x2Kw-w5wPEzakob9hV1cRD0ATN3oQL9JM", "CrQe7S5kqBAHt-nMYXgc6bdt2SH5aTY1sU_M-PgkjPI",
		"pFndjkZ_VCzmyTa6UjlZo3dh-ko8aIKQc9DlGzhaVYo", "7Cf6JkPudry3lcbwHgeZ8khAv1U1OSlerP0VkBJrWZ0",
	}
	var got []string
	for _, d := range s.Disclosures {
		got = append(got, digestOf(hashes[SHA256], d.Encoded))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
	p, err := s.Process()
	if err != nil {
		t.Fatal(err)
	}
	if p.Claims["family_name"] != "Doe" || p.Subject != "user_42" || len(p.Disclosed()) != 10 {
		t.Errorf("claims %v", p.Claims)
	}
	if v, ok := p.Value(Path{Name("nationalities"), Index(1)}); !ok || v != "DE" {
		t.Errorf("second nationality = %v", v)
	}
}

// TestMainExamplePresentation: RFC 9901, section 5.2, every check.
func TestMainExamplePresentation(t *testing.T) {
	e := readMainExample(t)
	issuer, err := jose.ParsePublicKey(e.IssuerJWK)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(e.Presentation)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(e.IssuedAt, 0)
	findings := []Finding{s.VerifyType("example+sd-jwt"), s.VerifySignature(issuer.Public, "ES256")}
	p, more := s.VerifyDisclosures()
	findings = append(findings, more...)
	findings = append(findings, p.VerifyValidity(ValidityOptions{Now: at, RequireExpires: true}))
	findings = append(findings, s.KeyBindingFindings(KeyBindingOptions{Nonce: e.Nonce, Audience: e.Audience, Now: at, Algorithms: []string{"ES256"}})...)
	for _, f := range findings {
		if f.Result != Pass {
			t.Error(f)
		}
	}
	if got := digestOf(hashes[SHA256], s.bound); got != e.SDHash {
		t.Errorf("sd_hash = %s, want %s", got, e.SDHash)
	}
	want := decode(t, `{"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,"sub":"user_42",
		"nationalities":["US"],"family_name":"Doe","given_name":"John",
		"address":{"street_address":"123 Main St","locality":"Anytown","region":"Anystate","country":"US"},
		"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc","y":"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}}}`)
	if diff := cmp.Diff(want, any(p.Claims)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	disclosed := []string{`["family_name"]`, `["address"]`, `["given_name"]`, `["nationalities",0]`}
	var got []string
	for _, path := range p.Disclosed() {
		got = append(got, path.String())
	}
	if diff := cmp.Diff(disclosed, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

// TestMainExampleIsNoCredential: without vct and with its own typ it is an
// SD-JWT, but no SD-JWT VC.
func TestMainExampleIsNoCredential(t *testing.T) {
	s, err := Parse(readMainExample(t).Presentation)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := s.VerifyDisclosures()
	if f := s.VerifyType(); f.Result != Fail || f.Check != CheckType {
		t.Error(f)
	}
	if f := p.VerifyVCT(); f.Result != Fail || f.Check != CheckVCT {
		t.Error(f)
	}
}

// TestSpecificationVectors are the two disclosures of RFC 9901, section 4.2.
func TestSpecificationVectors(t *testing.T) {
	for _, v := range []struct {
		encoded, digest, salt, name string
		value                       any
	}{
		{"WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0", "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0", "_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"},
		{"WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0", "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs", "lklxF5jMYlGTPUovMNIvCA", "", "FR"},
	} {
		d, err := parseDisclosure(v.encoded)
		if err != nil {
			t.Fatal(err)
		}
		if d.Salt != v.salt || d.Name != v.name || d.Property != (v.name != "") || d.Value != v.value {
			t.Errorf("disclosure reads as %+v", d)
		}
		if got := digestOf(hashes[SHA256], v.encoded); got != v.digest {
			t.Errorf("digest = %s, want %s", got, v.digest)
		}
	}
}

// TestHolderReproducesPresentation: choosing the same claims from the issued
// form gives the disclosures of the RFC's presentation, in issue order.
func TestHolderReproducesPresentation(t *testing.T) {
	e := readMainExample(t)
	issued, err := Parse(e.Issued)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := issued.Present(Selection(Names("family_name"), Names("address"), Names("given_name"), Path{Name("nationalities"), Index(0)}),
		key(t, holderD), e.Nonce, e.Audience, time.Unix(e.IssuedAt, 0), random(1))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := Parse(e.Presentation)
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(s *SDJWT) (list []string) {
		for _, d := range s.Disclosures {
			list = append(list, d.Encoded)
		}
		slices.Sort(list)
		return list
	}
	if diff := cmp.Diff(encoded(theirs), encoded(ours)); diff != "" {
		t.Errorf("disclosures (-theirs +ours):\n%s", diff)
	}
	if err := ours.VerifyKeyBinding(KeyBindingOptions{Nonce: e.Nonce, Audience: e.Audience, Now: time.Unix(e.IssuedAt, 0)}); err != nil {
		t.Error(err)
	}
}
