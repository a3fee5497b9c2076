package sdjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"os"
	"testing"
	"time"

	"vidimus/internal/jose"
)

// The keys of the sd-jwt-python test suite: published, so fit for tests alone.
const (
	issuerD = "Ur2bNKuBPOrAaxsRnbSH6hIhmNTxSGXshDSUD1a1y7g"
	holderD = "5K5SCos8zf9zRemGGUl6yfok-_NiiryNZsvANWMhF-I"
)

const (
	verifierID = "x509_san_dns:verifier.example"
	nonce      = "n-0S6_WzA2Mj"
)

var now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// key makes a P-256 key from its private number in base64url.
func key(tb testing.TB, d string) *ecdsa.PrivateKey {
	tb.Helper()
	number, err := jose.DecodeBase64URL(d)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), number)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// stream gives the same bytes for the same seed.
type stream struct{ state uint64 }

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		s.state += 0x9e3779b97f4a7c15
		z := (s.state ^ s.state>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		p[i] = byte(z >> 56)
	}
	return len(p), nil
}

func random(seed uint64) io.Reader { return &stream{state: seed} }

// world is an issuer with a certificate, and a holder.
type world struct {
	issuer, holder *ecdsa.PrivateKey
	chain          [][]byte
	root           []byte
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{issuer: key(tb, issuerD), holder: key(tb, holderD)}
	root := key(tb, "WsGosxrp0XK7VEviPL9xBm3fBb7Xys2vLhPGhESNoXY")
	rootTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Country: []string{"UT"}, CommonName: "Utopia IACA"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	w.root = certificate(tb, rootTemplate, rootTemplate, root.Public(), root)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{Country: []string{"UT"}, CommonName: "Utopia PID signer"},
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0), DNSNames: []string{"issuer.example"},
	}
	w.chain = [][]byte{certificate(tb, leaf, rootTemplate, w.issuer.Public(), root)}
	return w
}

func certificate(tb testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) []byte {
	tb.Helper()
	der, err := x509.CreateCertificate(random(7), template, parent, public, signer)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// copyOf is a complete copy for the holder.
func (w *world) copyOf() Copy {
	return Copy{
		Issuer: "https://issuer.example", NotBefore: now.Add(-time.Hour), Expires: now.Add(14 * 24 * time.Hour),
		Confirmation: w.holder.Public(), Status: &StatusReference{Index: 48213, URI: "https://status.example/lists/7"},
	}
}

func (w *world) issue(tb testing.TB, t *Template, c Copy, seed uint64) *SDJWT {
	tb.Helper()
	p, err := t.Prepare(c, random(seed))
	if err != nil {
		tb.Fatal(err)
	}
	compact, err := p.Sign(w.issuer, w.chain, random(seed))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := Parse(compact)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// present makes a presentation for the verifier of these tests.
func (w *world) present(tb testing.TB, s *SDJWT, choose func(Path) bool) *SDJWT {
	tb.Helper()
	compact, err := s.Present(choose, w.holder, nonce, verifierID, now, random(3))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := Parse(compact)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func kbOptions() KeyBindingOptions {
	return KeyBindingOptions{Nonce: nonce, Audience: verifierID, Now: now.Add(time.Second), Skew: time.Minute}
}

// pid20 is the claims of the benchmark workload.
func pid20(tb testing.TB) Object {
	tb.Helper()
	data, err := os.ReadFile("../../testdata/workload/pid20.json")
	if err != nil {
		tb.Fatal(err)
	}
	var workload struct {
		Claims map[string]any `json:"claims"`
	}
	if err := jose.DecodeJSON(data, &workload); err != nil {
		tb.Fatal(err)
	}
	o, _ := members(workload.Claims)
	return o
}

func pidTemplate(tb testing.TB, opt Options) *Template {
	tb.Helper()
	t, err := NewTemplate("urn:eudi:pid:1", pid20(tb), opt)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// decode reads JSON as the package itself does.
func decode(tb testing.TB, text string) any {
	tb.Helper()
	var v any
	if err := jose.DecodeJSON([]byte(text), &v); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return v
}
