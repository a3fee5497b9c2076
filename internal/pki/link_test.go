package pki

import (
	"crypto/rand"
	"testing"
)

// A path leads over a link where the name stays, since it is self-issued then and not
// counted; with another name the path length of the old root forbids it, and the link
// is an update of the anchors alone (VerifyLink).
func TestPathOverLink(t *testing.T) {
	for name, tt := range map[string]struct{ next, reason string }{"same_name": {"utopia iaca", ""}, "another_name": {"utopia iaca 2", ReasonPathLength}} {
		t.Run(name, func(t *testing.T) {
			old := root("utopia iaca")
			next := root(tt.next).with(func(f *forge) { f.key, f.by = keyOf("new key"), keyOf("new key"); f.set(extSKI(f.key.Public())) })
			tm := Template{Profile: ProfileIACALink, Subject: Name{Country: "UT", CommonName: tt.next}, NotBefore: forgeNow.AddDate(0, -1, 0),
				Public: next.key.Public(), IssuerAltName: "https://utopia.example", CRLDistributionPoint: "https://utopia.example/crl"}
			link, err := Build(tm, old.cert(t), old.key, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			ds := leaf("utopia ds", next).cert(t)
			for depth, over := range map[int]string{0: tt.reason, 2: tt.reason} { // whatever the policy lets lie between
				opt := mdl
				opt.MaxIntermediates = depth
				p, err := Validate([][]byte{ds.Raw, link.Raw}, []*Certificate{old.cert(t)}, opt)
				if got := reasonOf(t, p, err); got != over {
					t.Errorf("to the old root, %d between: %q, want %q: %v", depth, got, over, err)
				}
			}
			p, err := Validate([][]byte{ds.Raw, link.Raw}, []*Certificate{next.cert(t)}, mdl)
			if reasonOf(t, p, err) != "" || len(p.Chain) != 2 {
				t.Errorf("to the new root: %v", err)
			}
			p, err = Validate([][]byte{ds.Raw}, []*Certificate{old.cert(t)}, mdl)
			if reasonOf(t, p, err) != ReasonNoAnchor {
				t.Errorf("without the link: %v", err)
			}
			if err := VerifyLink(old.cert(t), link, next.cert(t), forgeNow); err != nil {
				t.Error(err)
			}
			// The list of the old root revokes the link, and with it the way over it.
			if tt.reason == "" {
				set, err := NewCRLs(crlOf(next, 1).list(t), crlOf(old, 1).with(func(f *forgeCRL) {
					f.entries = element(tagSequence, entryCRL(link.serial, "260610000000Z"))
				}).list(t))
				if err != nil {
					t.Fatal(err)
				}
				p, err := Validate([][]byte{ds.Raw, link.Raw}, []*Certificate{old.cert(t)}, mdl)
				if err != nil {
					t.Fatal(err)
				}
				if got := set.Of(p, forgeNow, 0, false); got.State != Revoked || !got.Certificate.Equal(link) {
					t.Errorf("%+v", got)
				}
			}
		})
	}
}
