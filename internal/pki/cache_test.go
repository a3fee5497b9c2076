package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	r, other := root("utopia iaca"), root("arcadia iaca")
	l := leaf("utopia ds", r)
	chain, anchors := [][]byte{l.der(t)}, []*Certificate{r.cert(t)}
	c := NewCache(4)
	first, err := c.Validate(chain, anchors, mdl)
	if err != nil || c.Len() != 1 {
		t.Fatalf("%v, %d remembered", err, c.Len())
	}
	if again, err := c.Validate([][]byte{append([]byte(nil), chain[0]...)}, anchors, mdl); err != nil || again != first {
		t.Errorf("not found again: %v", err)
	}
	later := mdl
	later.Now = forgeNow.Add(time.Hour)
	if again, err := c.Validate(chain, anchors, later); err != nil || again != first {
		t.Errorf("not found an hour later: %v", err)
	}

	// Nothing that the answer depends on may be left out of the key.
	change := func(f func(*PathOptions)) PathOptions { o := mdl; f(&o); return o }
	for name, tt := range map[string]struct {
		chain   [][]byte
		anchors []*Certificate
		opt     PathOptions
		want    string
	}{
		"no anchors":        {chain, nil, mdl, ReasonNoAnchor},
		"other anchors":     {chain, []*Certificate{other.cert(t)}, mdl, ReasonNoAnchor},
		"other purpose":     {chain, anchors, change(func(o *PathOptions) { o.Purposes = []asn1.ObjectIdentifier{OIDReaderAuth} }), ReasonEKU},
		"no purpose, EKU":   {chain, anchors, change(func(o *PathOptions) { o.Purposes = nil }), ReasonEKU},
		"other key usage":   {chain, anchors, change(func(o *PathOptions) { o.KeyUsage = x509.KeyUsageContentCommitment }), ReasonKeyUsage},
		"before validity":   {chain, anchors, change(func(o *PathOptions) { o.Now = forgeNow.AddDate(-1, 0, 0) }), ReasonNotYetValid},
		"after validity":    {chain, anchors, change(func(o *PathOptions) { o.Now = forgeNow.AddDate(2, 0, 0) }), ReasonExpired},
		"split otherwise":   {[][]byte{chain[0][:10], chain[0][10:]}, anchors, mdl, ReasonMalformed},
		"one octet changed": {[][]byte{append(append([]byte(nil), chain[0][:len(chain[0])-1]...), chain[0][len(chain[0])-1]^1)}, anchors, mdl, ReasonSignature},
	} {
		p, err := c.Validate(tt.chain, tt.anchors, tt.opt)
		if got := reasonOf(t, p, err); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if c.Len() != 1 {
		t.Errorf("%d remembered: failures are not", c.Len())
	}
	for _, f := range []func(*PathOptions){
		func(o *PathOptions) { o.RequireEKU = false }, func(o *PathOptions) { o.StrictEKU = true }, func(o *PathOptions) { o.CheckCountry = false },
		func(o *PathOptions) { o.MaxIntermediates = 1 }, func(o *PathOptions) { o.AllowRSA = true }, func(o *PathOptions) { o.AllowOddSerial = true },
	} {
		if p, err := c.Validate(chain, anchors, change(f)); err != nil || p == first {
			t.Errorf("another question got the same path: %v", err)
		}
	}
	if c.Len() != 4 {
		t.Errorf("%d remembered, at most 4", c.Len())
	}
	if again, err := c.Validate(chain, anchors, mdl); err != nil || again == first {
		t.Errorf("the oldest was not let go: %v", err)
	}
	var none *Cache
	if _, err := none.Validate(chain, anchors, mdl); err != nil {
		t.Errorf("nil cache: %v", err)
	}
}

// A long list of anchors is known again by what is in it, not by where it lies.
func TestCacheOfManyAnchors(t *testing.T) {
	r := root("utopia iaca")
	l := leaf("utopia ds", r)
	chain := [][]byte{l.der(t)}
	var anchors []*Certificate
	for i := range 2 * fewAnchors {
		anchors = append(anchors, root(fmt.Sprintf("canton %d", i)).cert(t))
	}
	others := slices.Clone(anchors)
	anchors[fewAnchors] = r.cert(t)
	c := NewCache(4)
	first, err := c.Validate(chain, anchors, mdl)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Validate(chain, slices.Clone(anchors), mdl); err != nil || again != first || len(c.sets) != 1 {
		t.Errorf("not found again: %v, %d sets", err, len(c.sets))
	}
	p, err := c.Validate(chain, others, mdl)
	if got := reasonOf(t, p, err); got != ReasonNoAnchor {
		t.Errorf("others: %q", got)
	}
	anchors[fewAnchors] = others[0] // what a caller must not do
	p, err = c.Validate(chain, anchors, mdl)
	if got := reasonOf(t, p, err); got != ReasonNoAnchor {
		t.Errorf("changed in place: %q", got)
	}
	for i := range 2 * maxAnchorSets {
		others[0] = root(fmt.Sprintf("another %d", i)).cert(t)
		_, _ = c.Validate(chain, others, mdl)
	}
	if len(c.sets) != maxAnchorSets {
		t.Errorf("%d sets", len(c.sets))
	}
}

func TestCacheConcurrent(t *testing.T) {
	r := root("utopia iaca")
	anchors := []*Certificate{r.cert(t)}
	var chains [][][]byte
	for i := range 6 {
		chains = append(chains, [][]byte{leaf(fmt.Sprint("ds ", i), r).der(t)})
	}
	c := NewCache(3)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 30 {
				n := (i + g) % len(chains)
				p, err := c.Validate(chains[n], anchors, mdl)
				if err != nil || p.Leaf.Cert.Subject.CommonName != fmt.Sprint("ds ", n) {
					t.Errorf("%v, %v", p, err)
				}
			}
		})
	}
	wg.Wait()
	if c.Len() > 3 {
		t.Errorf("%d remembered", c.Len())
	}
}

func TestVerifyLink(t *testing.T) {
	old := root("utopia iaca")
	next := root("utopia iaca").with(func(f *forge) {
		f.subject, f.issuer = dn("utopia iaca 2"), dn("utopia iaca 2")
		f.key = keyOf("iaca 2")
		f.by = f.key
	})
	next.set(extSKI(next.key.Public()))
	link := func() *forge {
		f := authority("utopia iaca 2", old, 0)
		f.key = next.key
		return f.set(extSKI(next.key.Public()))
	}
	for _, tt := range []struct {
		name, want      string
		old, link, next *forge
	}{
		{"name changes", "", old, link(), next},
		{"other key", ReasonNoAnchor, old, link().with(func(f *forge) { f.key = keyOf("third") }), next},
		{"other name", ReasonNoAnchor, old, link().with(func(f *forge) { f.subject = dn("third") }), next},
		{"of another root", ReasonNoAnchor, root("arcadia iaca"), link(), next},
		{"forged", ReasonSignature, old, link().with(func(f *forge) { f.by = keyOf("third") }), next},
		{"new root not self-signed", ReasonSignature, old, link(), link()},
		{"other country", ReasonCountry, old, link().with(func(f *forge) { f.subject = Name{Country: "ZZ", CommonName: "x"}.marshal() }), root("x").with(func(f *forge) {
			f.subject = Name{Country: "ZZ", CommonName: "x"}.marshal()
			f.issuer, f.key, f.by = f.subject, next.key, next.key
		})},
		{"link is no CA", ReasonCA, old, link().set(extCA(true, false, -1)), next},
		{"link expired", ReasonExpired, old, link().with(func(f *forge) { f.validity = validityOf("250101000000Z", "260101000000Z") }), next},
		{"new root not yet valid", ReasonNotYetValid, old, link(), root("utopia iaca").with(func(f *forge) {
			f.subject, f.issuer, f.key, f.by = next.subject, next.subject, next.key, next.key
			f.validity = validityOf("270101000000Z", "331231235959Z")
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := VerifyLink(tt.old.cert(t), tt.link.cert(t), tt.next.cert(t), forgeNow)
			got := ""
			if pe, ok := err.(*PathError); ok {
				got = pe.Reason
			}
			if got != tt.want {
				t.Errorf("%q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

func BenchmarkValidate(b *testing.B) {
	r := root("utopia iaca")
	chain, anchors := [][]byte{leaf("utopia ds", r).der(b)}, []*Certificate{r.cert(b)}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			if _, err := Validate(chain, anchors, mdl); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		c := NewCache(16)
		for b.Loop() {
			if _, err := c.Validate(chain, anchors, mdl); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParseCertificate(chain[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("X03_look_alikes", func(b *testing.B) {
		r := root("utopia iaca").set(extCA(true, true, -1))
		i := authority("sub", r, -1)
		chain := [][]byte{leaf("ds", i).drop(oidAuthorityKeyID).der(b)}
		for n := range MaxChain - 1 {
			chain = append(chain, authority("sub", r, -1).with(func(f *forge) { f.key = keyOf(fmt.Sprint("fake ", n)) }).drop(oidSubjectKeyID).der(b))
		}
		for b.Loop() {
			if _, err := Validate(chain, anchors, mdl); err == nil {
				b.Fatal("valid")
			}
		}
	})
}
