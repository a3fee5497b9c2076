package statuslist

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

// exampleD is the published key of the draft's examples, kid "12".
const exampleD = "xzUEdsyLosZF0acZGRAjTKImb0lQvAvssDK5XIZELd0"

const listURI = "https://status.example/lists/7"

var now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

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

// world is a status signer with a certificate.
type world struct {
	signer, other *ecdsa.PrivateKey
	chain         [][]byte
	root          []byte
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{signer: key(tb, exampleD), other: key(tb, "5K5SCos8zf9zRemGGUl6yfok-_NiiryNZsvANWMhF-I")}
	root := key(tb, "WsGosxrp0XK7VEviPL9xBm3fBb7Xys2vLhPGhESNoXY")
	rootTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Country: []string{"UT"}, CommonName: "Utopia IACA"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	w.root = certificate(tb, rootTemplate, rootTemplate, root.Public(), root)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{Country: []string{"UT"}, CommonName: "Utopia status signer"},
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	w.chain = [][]byte{certificate(tb, leaf, rootTemplate, w.signer.Public(), root)}
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

func claims() Claims {
	return Claims{Subject: listURI, IssuedAt: now.Add(-time.Minute), Expires: now.Add(14 * 24 * time.Hour), TTL: 5 * time.Minute, AggregationURI: "https://status.example/lists?a=1&b=2"}
}

// list16 holds the statuses 0, 1, 2 (where they fit) at the indices 0, 1, 2.
func list16(tb testing.TB, bits int) *List {
	tb.Helper()
	l, err := New(bits, 16)
	if err != nil {
		tb.Fatal(err)
	}
	set := map[uint64]Status{1: Invalid, 15: Invalid}
	if bits > 1 {
		set[2], set[14] = Suspended, Of(3)
	}
	for i, s := range set {
		if err := l.Set(i, s); err != nil {
			tb.Fatal(err)
		}
	}
	return l
}

func body(tb testing.TB, l *List) *Body {
	tb.Helper()
	b, err := Build(l)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// both signs one body as JWT and as CWT.
func (w *world) both(tb testing.TB, b *Body, c Claims) map[Format][]byte {
	tb.Helper()
	jwt, err := b.SignJWT(w.signer, c, w.chain, random(1))
	if err != nil {
		tb.Fatal(err)
	}
	cwt, err := b.SignCWT(w.signer, c, w.chain, random(1))
	if err != nil {
		tb.Fatal(err)
	}
	return map[Format][]byte{FormatJWT: []byte(jwt), FormatCWT: cwt}
}

// verified parses and verifies.
func (w *world) verified(tb testing.TB, token []byte) *Token {
	tb.Helper()
	t, err := ParseToken(token)
	if err != nil {
		tb.Fatal(err)
	}
	if err := t.Verify(w.signer.Public()); err != nil {
		tb.Fatal(err)
	}
	return t
}

// jwt signs any claims as any type.
func (w *world) jwt(tb testing.TB, typ any, payload string) []byte {
	tb.Helper()
	header := map[string]any{}
	if typ != nil {
		header["typ"] = typ
	}
	token, err := jose.Sign(w.signer, header, []byte(payload), random(1))
	if err != nil {
		tb.Fatal(err)
	}
	return []byte(token)
}

// cwt signs any claims as any type.
func (w *world) cwt(tb testing.TB, typ any, payload []byte) []byte {
	tb.Helper()
	protected := map[any]any{}
	if typ != nil {
		protected[cose.LabelType] = typ
	}
	token, err := cose.SignSign1(w.signer, payload, cose.SignOptions{Protected: protected, Tagged: true}, random(1))
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// claimSet is a CWT claims set of the example list, with changes; a nil value
// removes the claim.
func claimSet(change map[uint64]any) []byte {
	set := map[uint64]any{claimSubject: listURI, claimIssuedAt: now.Unix(), claimStatusList: map[string]any{"bits": 1, "lst": exampleLst()}}
	for k, v := range change {
		set[k] = v
		if v == nil {
			delete(set, k)
		}
	}
	return cbor.MustMarshal(set)
}

func exampleLst() []byte {
	z, err := Compress([]byte{0xb9, 0xa3})
	if err != nil {
		panic(err)
	}
	return z
}
