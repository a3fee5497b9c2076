package bundle

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// What cannot be used is left out and named.
func TestLeftOut(t *testing.T) {
	w := newWorld(t)
	day := 24 * time.Hour
	ended := w.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: pki.Name{Country: "UT", CommonName: "Old Utopia"},
		NotBefore: start.AddDate(-9, 0, 0), NotAfter: start.Add(-day)}, nil)
	c := w.contents(1, start)
	w.must(c.Anchors.Add(trust.Anchor{Cert: ended.Cert, Scope: trust.Scope{Purposes: []trust.Purpose{trust.VICAL}}}))
	stranger := newWorld(t).crl(1, start)
	c.CRLs = append(c.CRLs, stranger, w.crl(0, start.Add(-40*day)), w.crl(0, start.Add(-day))) // of a stranger, ended, older
	c.Lists = append(c.Lists, w.list("https://issuer.example/ended", start.Add(-2*day), day)...)
	c.Lists = append(c.Lists, w.list(listURI, start.Add(-day), 9*day)...) // older than the one there
	b := w.build(c)
	all := strings.Join(b.LeftOut, "\n")
	for _, want := range []string{"Old Utopia", "ended on 2026-06-14", "none of the anchors has signed it", "revocation list 2 of", "https://issuer.example/ended (jwt): ended on", "https://issuer.example/ended (cwt)"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %s", want, all)
		}
	}
	if len(b.LeftOut) != 5 || len(b.Bundle.Lists()) != 3 || len(b.Bundle.CRLs().All()) != 1 || b.Bundle.CRLs().All()[0].Number.Cmp(big.NewInt(1)) != 0 {
		t.Errorf("%d lists, %d revocation lists, left out %s", len(b.Bundle.Lists()), len(b.Bundle.CRLs().All()), all)
	}
	if !b.Bundle.Lists()[1].Issued.Equal(start) {
		t.Error("the older list went in")
	}
}

func TestBuildRefuses(t *testing.T) {
	w := newWorld(t)
	stranger := newWorld(t)
	forged := bytes.Clone(w.IACA.Cert.Raw)
	forged[len(forged)-1] ^= 1
	badSelf, err := pki.ParseCertificate(forged)
	w.must(err)
	scope := trust.Scope{Purposes: []trust.Purpose{trust.VICAL}}
	for name, c := range map[string]struct {
		change func(*Contents)
		says   string
	}{
		"no anchors":                {func(c *Contents) { c.Anchors = nil }, "no anchor"},
		"X02 forged self-signature": {func(c *Contents) { w.must(c.Anchors.Add(trust.Anchor{Cert: badSelf, Scope: scope})) }, "its own signature does not verify"},
		"anchors from the future": {func(c *Contents) {
			a := c.Anchors.All()[0]
			a.AsOf = start.Add(time.Hour)
			w.must(c.Anchors.Add(a))
		}, "to come"},
		"no number":                     {func(c *Contents) { c.Sequence = 0 }, "sequence"},
		"no publisher":                  {func(c *Contents) { c.Publisher = "" }, "publisher"},
		"ended before":                  {func(c *Contents) { c.Expires = c.Issued }, "order"},
		"for ever":                      {func(c *Contents) { c.Expires = c.Issued.AddDate(1, 0, 0) }, "lives longer"},
		"X11 a broken revocation list":  {func(c *Contents) { c.CRLs = [][]byte{c.CRLs[0][:50]} }, "revocation list 0"},
		"X11 revocation list of 50 MB":  {func(c *Contents) { c.CRLs = [][]byte{make([]byte, 50<<20)} }, "revocation list 0"},
		"two lists of one number":       {func(c *Contents) { c.CRLs = append(c.CRLs, w.crl(1, start, big.NewInt(77))) }, "two lists with the number 1"},
		"S13 a list from the future":    {func(c *Contents) { c.Lists = w.list(listURI, start.Add(time.Hour), time.Hour) }, "to come"},
		"a list of a stranger":          {func(c *Contents) { c.Lists = stranger.list(listURI, start, time.Hour) }, "path"},
		"a list that was changed":       {func(c *Contents) { c.Lists[1] = flipped(c.Lists[1], len(c.Lists[1])-1) }, "signature"},
		"no list":                       {func(c *Contents) { c.Lists = [][]byte{[]byte("x")} }, "list 0"},
		"a list that contradicts":       {func(c *Contents) { c.Lists = append(c.Lists, w.list(listURI, start, 24*time.Hour, 9)...) }, "two tokens"},
		"a list asked for and not here": {func(c *Contents) { c.URIs = []string{"https://x.example"} }, "not there"},
		"no policy":                     {func(c *Contents) { c.Policy = []byte("colours: green") }, "colours"},
		"no country":                    {func(c *Contents) { c.Countries = []string{"UT", "utopia"} }, "utopia"},
		"a signer from the past": {func(c *Contents) {
			c.Issued = start.AddDate(0, 0, -40)
			c.Anchors, c.CRLs, c.Lists = &trust.Store{}, nil, nil
			w.must(c.Anchors.Add(trust.Anchor{Cert: w.IACA.Cert, Scope: scope}))
		}, "not-yet-valid"},
	} {
		t.Run(name, func(t *testing.T) {
			contents := w.contents(1, start)
			c.change(&contents)
			b, err := Build(contents, w.BundleSigner.Key, w.BundleSigner.Chain, rand.Reader)
			if b != nil || !errors.Is(err, ErrBuild) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Build(w.contents(1, start), w.ReceiptSigner.Key, w.BundleSigner.Chain, rand.Reader); !errors.Is(err, ErrBuild) {
		t.Errorf("the key of another: %v", err)
	}
	if _, err := Build(w.contents(1, start), w.BundleSigner.Key, nil, rand.Reader); !errors.Is(err, ErrBuild) {
		t.Errorf("without certificate: %v", err)
	}
}

// What two lists say alike goes in once, as of the later; what they say beside each
// other stays.
func TestTwoSources(t *testing.T) {
	w := newWorld(t)
	c := w.contents(1, start)
	later := w.anchors().All()[0]
	later.AsOf, later.Source = start, "Utopia, later"
	w.must(c.Anchors.Add(later))
	other := later
	other.DocTypes = []string{"org.example.boat"}
	w.must(c.Anchors.Add(other))
	all := w.build(c).Bundle.Trust().All()
	if len(all) != 2 || all[0].Source != "Utopia, later" || !all[0].AsOf.Equal(start) || all[1].DocTypes[0] != "org.example.boat" {
		t.Errorf("%+v", all)
	}
	first, second := NextSequence(0, start), NextSequence(uint64(start.Unix()), start)
	if first != uint64(start.Unix()) || second != first+1 || NextSequence(first+100, start) != first+101 || NextSequence(3, time.Time{}) != 4 {
		t.Errorf("numbers %d, %d", first, second)
	}
}

// A mirror that gives older lists than last time does not take a revocation back.
func TestBuildGoesOn(t *testing.T) {
	w := newWorld(t)
	day := 24 * time.Hour
	first := w.contents(5, start.Add(day))
	c := w.contents(6, start.Add(2*day))
	c.Lists = append(w.list(listURI, start, 20*day), w.names(start.Add(2*day), "gone"))
	c.CRLs = [][]byte{w.crl(3, start)}
	c.Previous = w.build(first).Bundle
	b := w.build(c)
	if all := strings.Join(b.LeftOut, "\n"); len(b.LeftOut) != 3 || !strings.Contains(all, "the one of last time, of 2026-06-16T10:00:00Z, stays") || !strings.Contains(all, "revocation list 3: number 5 was there last time") {
		t.Errorf("left out %s", all)
	}
	for _, l := range b.Bundle.Lists() {
		want := start.Add(day)
		if l.Identifiers {
			want = start.Add(2 * day)
		}
		if !l.Issued.Equal(want) {
			t.Errorf("%s of %s", l.URI, l.Issued)
		}
	}
	w.listOf(b.Bundle, 1)
	if got, err := b.Bundle.Status(listURI, b.Bundle.Lists()[1].Format, 7, start.Add(2*day)); err != nil || got.String() == "VALID" {
		t.Errorf("%v, %v", got, err)
	}
	if b.Bundle.CRLs().All()[0].Number.Int64() != 5 {
		t.Errorf("revocation list %s", b.Bundle.CRLs().All()[0].Number)
	}
	c.Issued = start.Add(22 * day) // what has ended comes back by no way
	c.Expires, c.Lists, c.CRLs = c.Issued.Add(day), [][]byte{w.names(c.Issued)}, nil
	if lists := w.build(c).Bundle.Lists(); len(lists) != 1 {
		t.Errorf("%+v", lists)
	}
}

// The same contents make the same bundle, but for its signature.
func TestBuildIsStable(t *testing.T) {
	w := newWorld(t)
	c := w.contents(1, start)
	one := payloadOf(t, w.build(c).Data)
	c.Lists[0], c.Lists[2] = c.Lists[2], c.Lists[0]
	if !bytes.Equal(one, payloadOf(t, w.build(c).Data)) {
		t.Error("the order of the lists changes the bundle")
	}
}
