package bundle

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

const (
	mdl       = "org.iso.18013.5.1.mDL"
	publisher = "https://issuer.example/bundle"
	listURI   = "https://issuer.example/status/1"
	namesURI  = "https://issuer.example/identifiers/1"
)

var start = pkitest.Now

// world is an authority that publishes bundles.
type world struct {
	*pkitest.World
	t testing.TB
}

func newWorld(t testing.TB) *world { return &world{pkitest.NewWorld(t), t} }

func (w *world) pins() []*pki.Certificate { return []*pki.Certificate{w.OperationsCA.Cert} }

func (w *world) anchors() *trust.Store {
	s := &trust.Store{}
	w.must(s.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "Utopia", AsOf: start.Add(-time.Hour),
		Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc, trust.StatusList}, DocTypes: []string{mdl}}}))
	return s
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// list is a status list in both forms, with these indices revoked.
func (w *world) list(uri string, at time.Time, life time.Duration, revoked ...uint64) [][]byte {
	w.t.Helper()
	l, err := statuslist.New(1, statuslist.DefaultEntries)
	w.must(err)
	for _, i := range revoked {
		w.must(l.Set(i, statuslist.Invalid))
	}
	body, err := statuslist.Build(l)
	w.must(err)
	c := statuslist.Claims{Subject: uri, IssuedAt: at, Expires: at.Add(life), TTL: time.Hour}
	jwt, err := body.SignJWT(w.StatusSigner.Key, c, w.StatusSigner.Chain, rand.Reader)
	w.must(err)
	cwt, err := body.SignCWT(w.StatusSigner.Key, c, w.StatusSigner.Chain, rand.Reader)
	w.must(err)
	return [][]byte{[]byte(jwt), cwt}
}

func (w *world) names(at time.Time, ids ...string) []byte {
	w.t.Helper()
	var all [][]byte
	for _, id := range ids {
		all = append(all, []byte(id))
	}
	token, err := statuslist.SignIdentifierList(all, w.StatusSigner.Key,
		statuslist.Claims{Subject: namesURI, IssuedAt: at, Expires: at.Add(30 * 24 * time.Hour)}, w.StatusSigner.Chain, rand.Reader)
	w.must(err)
	return token
}

func (w *world) crl(number int64, at time.Time, revoked ...*big.Int) []byte {
	w.t.Helper()
	r := pki.Revocations{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.Add(30 * 24 * time.Hour)}
	for _, serial := range revoked {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: serial, At: at})
	}
	list, err := pki.BuildCRL(r, w.IACA.Cert, w.IACA.Key, rand.Reader)
	w.must(err)
	return list.Raw
}

// contents are those of a bundle of every kind of section.
func (w *world) contents(sequence uint64, at time.Time) Contents {
	return Contents{
		Publisher: publisher, Sequence: sequence, Issued: at, Expires: at.Add(30 * 24 * time.Hour),
		Anchors: w.anchors(), CRLs: [][]byte{w.crl(int64(sequence), at)},
		Lists:  append(w.list(listURI, at, 20*24*time.Hour, 7), w.names(at, "gone")),
		Policy: []byte("version: roadside-1\nstatus: {fresh: 1d, usable: 4d, refuse: 6d}\n"),
	}
}

func (w *world) build(c Contents) *Built {
	w.t.Helper()
	b, err := Build(c, w.BundleSigner.Key, w.BundleSigner.Chain, rand.Reader)
	w.must(err)
	return b
}

// bundle makes and opens one.
func (w *world) bundle(sequence uint64, at time.Time) *Bundle {
	w.t.Helper()
	b, err := Open(w.build(w.contents(sequence, at)).Data, w.pins(), at)
	w.must(err)
	return b
}

// large is a bundle of so many anchors and lists, a hundredth of each list revoked.
func (w *world) large(anchors, lists int) []byte {
	w.t.Helper()
	c := Contents{Publisher: publisher, Sequence: 1, Issued: start, Expires: start.Add(30 * 24 * time.Hour), Anchors: w.anchors()}
	for i := range anchors - 1 {
		e := w.MustIssue(w.t, pki.Template{Profile: pki.ProfileIACA, Subject: pki.Name{Country: "UT", Organization: "Utopia", CommonName: fmt.Sprintf("Canton %d", i)}}, nil)
		w.must(c.Anchors.Add(trust.Anchor{Cert: e.Cert, Source: "Utopia", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{mdl}}}))
	}
	for i := range lists {
		var revoked []uint64
		for range statuslist.DefaultEntries / 100 {
			n, err := rand.Int(rand.Reader, big.NewInt(statuslist.DefaultEntries))
			w.must(err)
			revoked = append(revoked, n.Uint64())
		}
		c.Lists = append(c.Lists, w.list(fmt.Sprintf("https://issuer.example/status/%d", i), start, 20*24*time.Hour, revoked...)...)
	}
	return w.build(c).Data
}

// flipped is data with one bit changed.
func flipped(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

// withSum is the file of a mark around any body.
func withSum(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(sum[:], body...)
}
