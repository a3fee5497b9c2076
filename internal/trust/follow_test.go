package trust

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

// rollover is an old root, a new one, and the links between them.
type rollover struct {
	*pkitest.World
	next           pkitest.Entity
	forth, back    *pki.Certificate
	store          *Store
	now            time.Time
	link, nextCert *pki.Certificate // what a reader is given
}

func newRollover(t *testing.T, subject pki.Name) *rollover {
	t.Helper()
	w := pkitest.NewWorld(t)
	r := &rollover{World: w, now: w.Now}
	r.next = *w.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: subject, NotBefore: w.Now.AddDate(0, 0, -1)}, nil)
	r.forth = r.mustLink(t, w.IACA, r.next, subject)
	r.back = r.mustLink(t, r.next, w.IACA, pki.Name{Country: "UT", Organization: "Utopia", CommonName: "Utopia IACA"})
	r.store = &Store{}
	for _, a := range []Anchor{
		{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueMdoc, StatusList}, DocTypes: []string{mdlType}}, Source: "mdl", AsOf: w.Now},
		{Cert: w.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueSDJWT}, VCTs: []string{"urn:eudi:pid:1"}}, Source: "pid"},
		{Cert: w.ReaderCA.Cert, Scope: Scope{Purposes: []Purpose{Reader}}, Source: "readers"},
	} {
		if err := r.store.Add(a); err != nil {
			t.Fatal(err)
		}
	}
	r.link, r.nextCert = r.forth, r.next.Cert
	return r
}

// mustLink certifies to's name and key with by's key.
func (r *rollover) mustLink(t *testing.T, by, to pkitest.Entity, subject pki.Name) *pki.Certificate {
	t.Helper()
	notAfter := by.Cert.NotAfter()
	if to.Cert.NotAfter().Before(notAfter) {
		notAfter = to.Cert.NotAfter()
	}
	from := by.Cert.NotBefore()
	if to.Cert.NotBefore().After(from) {
		from = to.Cert.NotBefore()
	}
	link, err := pki.Build(pki.Template{Profile: pki.ProfileIACALink, Subject: subject, NotBefore: from, NotAfter: notAfter,
		Public: to.Key.Public(), IssuerAltName: "https://utopia.example", CRLDistributionPoint: "https://utopia.example/crl"}, by.Cert, by.Key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(link.RawSubject, to.Cert.RawSubject) {
		t.Fatal("the link names another")
	}
	return link
}

func utopia(cn string) pki.Name {
	return pki.Name{Country: "UT", Organization: "Utopia", CommonName: cn}
}

func TestFollow(t *testing.T) {
	for name, subject := range map[string]pki.Name{"another name": utopia("Utopia IACA 2"), "the same name": utopia("Utopia IACA")} {
		t.Run(name, func(t *testing.T) {
			r := newRollover(t, subject)
			added, err := r.store.Follow(r.link, r.nextCert, r.now)
			if err != nil || len(added) != 2 {
				t.Fatalf("%+v, %v", added, err)
			}
			for _, q := range []struct {
				p    Purpose
				typ  string
				want int
			}{{IssueMdoc, mdlType, 2}, {StatusList, mdlType, 2}, {IssueSDJWT, "urn:eudi:pid:1", 2}, {IssueMdoc, pidType, 0}, {Reader, "", 1}, {VICAL, "", 0}} {
				if got := r.store.Anchors(q.p, q.typ); len(got) != q.want {
					t.Errorf("%s of %q: %d anchors, want %d", q.p, q.typ, len(got), q.want)
				}
			}
			if a, ok := r.store.Find(r.nextCert, IssueMdoc, mdlType); !ok || a.Source != "link from mdl" || !a.AsOf.Equal(r.now) {
				t.Errorf("%+v", a)
			}
			if again, err := r.store.Follow(r.link, r.nextCert, r.now); err != nil || len(again) != 0 || len(r.store.All()) != 5 {
				t.Errorf("again: %v, %v", again, err)
			}
		})
	}
	t.Run("from the new to the old", func(t *testing.T) {
		r := newRollover(t, utopia("Utopia IACA 2"))
		s := &Store{}
		if err := s.Add(Anchor{Cert: r.next.Cert, Scope: Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: []string{mdlType}}}); err != nil {
			t.Fatal(err)
		}
		if added, err := s.Follow(r.back, r.IACA.Cert, r.now); err != nil || len(added) != 1 || !added[0].Cert.Equal(r.IACA.Cert) {
			t.Errorf("%v, %v", added, err)
		}
	})
}

// A link that does not lead from one of ours to the new root changes nothing.
func TestFollowRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(t *testing.T, r *rollover)
		reason string
	}{
		"by another key": {func(t *testing.T, r *rollover) {
			impostor := *r.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: utopia("Utopia IACA")}, nil)
			r.link = r.mustLink(t, impostor, r.next, utopia("Utopia IACA 2"))
		}, pki.ReasonNoAnchor}, // the key identifier is another's
		"a bit of it": {func(t *testing.T, r *rollover) {
			raw := bytes.Clone(r.link.Raw)
			raw[len(raw)-1] ^= 1
			var err error
			if r.link, err = pki.ParseCertificate(raw); err != nil {
				t.Fatal(err)
			}
		}, pki.ReasonSignature},
		"to another key": {func(t *testing.T, r *rollover) {
			other := *r.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: utopia("Utopia IACA 2"), NotBefore: r.now.AddDate(0, 0, -1)}, nil)
			r.nextCert = other.Cert
		}, pki.ReasonNoAnchor},
		"to another name": {func(t *testing.T, r *rollover) {
			r.link = r.mustLink(t, r.IACA, *r.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: utopia("Utopia IACA 3"), NotBefore: r.now.AddDate(0, 0, -1)}, nil), utopia("Utopia IACA 3"))
		}, pki.ReasonNoAnchor},
		"ended":            {func(t *testing.T, r *rollover) { r.now = r.link.NotAfter().Add(time.Second) }, pki.ReasonExpired},
		"not yet":          {func(t *testing.T, r *rollover) { r.now = r.link.NotBefore().Add(-time.Second) }, pki.ReasonNotYetValid},
		"a signer as root": {func(t *testing.T, r *rollover) { r.nextCert = r.DocumentSignerMDL.Cert }, pki.ReasonSignature},
		"a signer as link": {func(t *testing.T, r *rollover) { r.link = r.DocumentSignerMDL.Cert }, pki.ReasonNoAnchor},
		"the root as link": {func(t *testing.T, r *rollover) { r.link = r.next.Cert }, pki.ReasonSelfSigned},
		"the link as root": {func(t *testing.T, r *rollover) { r.nextCert = r.link }, pki.ReasonSignature},
		"the way back":     {func(t *testing.T, r *rollover) { r.link, r.nextCert = r.back, r.IACA.Cert }, pki.ReasonNoAnchor},
		"no anchors":       {func(t *testing.T, r *rollover) { r.store = &Store{} }, ""},
		"of a reader's root": {func(t *testing.T, r *rollover) {
			r.link = r.mustLink(t, r.ReaderCA, r.next, utopia("Utopia IACA 2"))
			r.store = onlyIACA(t, r)
		}, pki.ReasonNoAnchor},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRollover(t, utopia("Utopia IACA 2"))
			tt.change(t, r)
			before := len(r.store.All())
			added, err := r.store.Follow(r.link, r.nextCert, r.now)
			var refused *pki.PathError
			if added != nil || !errors.Is(err, ErrLink) || errors.As(err, &refused) != (tt.reason != "") || refused != nil && refused.Reason != tt.reason {
				t.Errorf("%v, want %q", err, tt.reason)
			}
			if len(r.store.All()) != before {
				t.Error("something was added")
			}
		})
	}
}

func onlyIACA(t *testing.T, r *rollover) *Store {
	t.Helper()
	s := &Store{}
	if err := s.Add(Anchor{Cert: r.IACA.Cert, Scope: Scope{Purposes: []Purpose{IssueMdoc}, DocTypes: []string{mdlType}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// A link from a root of another country than the new one's: no authority of a country
// hands its own trust to that of another. Ours would not write it: it is forged.
func TestFollowAcrossCountries(t *testing.T) {
	r := newRollover(t, utopia("Utopia IACA 2"))
	foreign := *r.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: pki.Name{Country: "ZZ", CommonName: "Zed IACA"}, NotBefore: r.now.AddDate(0, 0, -1)}, nil)
	t0 := pki.Template{Profile: pki.ProfileIACALink, Subject: pki.Name{Country: "ZZ", CommonName: "Zed IACA"}, NotBefore: foreign.Cert.NotBefore(), NotAfter: r.IACA.Cert.NotAfter(),
		Public: foreign.Key.Public(), IssuerAltName: "https://utopia.example", CRLDistributionPoint: "https://utopia.example/crl"}
	if _, err := pki.Build(t0, r.IACA.Cert, r.IACA.Key, rand.Reader); !errors.Is(err, pki.ErrProfile) {
		t.Errorf("such a link is made: %v", err)
	}
	link := forgedLink(t, r.IACA, foreign)
	var refused *pki.PathError
	if _, err := r.store.Follow(link, foreign.Cert, r.now); !errors.As(err, &refused) || refused.Reason != pki.ReasonCountry {
		t.Errorf("%v", err)
	}
	if slices.ContainsFunc(r.store.All(), func(a Anchor) bool { return a.Cert.Equal(foreign.Cert) }) {
		t.Error("trusted")
	}
}

// forgedLink is a link that Build refuses to make.
func forgedLink(t *testing.T, by, to pkitest.Entity) *pki.Certificate {
	t.Helper()
	template := *to.Cert.Cert
	template.AuthorityKeyId, template.NotAfter, template.Extensions, template.ExtraExtensions = nil, by.Cert.NotAfter(), nil, nil
	raw, err := x509.CreateCertificate(rand.Reader, &template, by.Cert.Cert, to.Key.Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	link, err := pki.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return link
}
