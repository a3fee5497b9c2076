package issuer_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// withVICAL names a signer of lists.
func withVICAL(c *issuer.Config) {
	c.Signers["vical"] = issuer.Signer{Key: "soft:path=keys/vical.key", Chain: "certs/vical.pem"}
}

func (o *office) certificateAt(name string) *pki.Certificate {
	o.t.Helper()
	certs, err := pki.ParsePEM(o.read(o.cfg.Path(name)))
	o.must(err)
	return certs[0]
}

// The office says who issues here in lists that readers take, under its own address
// and among the published files, and lists whom the operations CA has revoked.
func TestTrustLists(t *testing.T) {
	t.Parallel()
	o := newOffice(t, withVICAL, func(c *issuer.Config) { c.Status.Directory = filepath.Join(t.TempDir(), "www") })
	o.must(os.Mkdir(o.cfg.Status.Directory, 0o755))
	o.serve()
	signer, operations, iaca := o.certificateAt("certs/vical.pem"), o.certificateAt("certs/operations-ca.pem"), o.iaca()[0]
	if findings := pki.Lint(signer, pki.ProfileVICALSigner, operations); len(findings) > 0 {
		t.Fatalf("%q", findings)
	}
	// Its certificate names a list that is there.
	address := signer.Cert.CRLDistributionPoints[0]
	if address != o.cfg.PublicURL+"/crl/operations.crl" {
		t.Error(address)
	}
	o.app.TendRevocations(t.Context())
	status, header, body := o.get(address)
	list, err := pki.ParseCRL([]byte(body))
	if err != nil || status != http.StatusOK || header.Get("Content-Type") != "application/pkix-crl" || list.Verify(operations, false) != nil {
		t.Fatalf("%d, %v", status, err)
	}
	if file := o.read(filepath.Join(o.cfg.Status.Directory, "crl", "operations.crl")); string(file) != body {
		t.Error("the file among the published lists is another")
	}

	get := func(name string) (int, http.Header, []byte) {
		status, header, body := o.get(o.cfg.PublicURL + issuerhttp.TrustListPath + name)
		return status, header, []byte(body)
	}
	anchors := []*pki.Certificate{operations}
	var last uint64
	for word, name := range map[string]string{"vical": "vical", "pid": "pid-providers", "pub-eaa": "pub-eaa-providers"} {
		if status, _, body := get(name); status != http.StatusNotFound || !strings.Contains(string(body), "issuer trust "+word) {
			t.Errorf("%s before the first: %d %s", name, status, body)
		}
	}
	for range 2 {
		text, to, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds["vical"], issuer.TrustListWish{Days: 30}, o.clock.Now(), rand.Reader)
		if err != nil || to != o.cfg.PublicURL+"/trust/vical" || !strings.Contains(text, "with 1 certificates") {
			t.Fatalf("%s, %s, %v", text, to, err)
		}
		status, header, body := get("vical")
		l, err := trust.ParseVICAL(body, anchors, o.clock.Now())
		if err != nil || status != http.StatusOK || header.Get("Content-Type") != "application/cwt" || l.IssueID <= last || len(l.Warnings) != 0 || len(l.Entries) != 1 || !l.Entries[0].Cert.Equal(iaca) ||
			!slices.Equal(l.Entries[0].DocTypes, []string{"org.iso.18013.5.1.mDL", "eu.europa.ec.eudi.pid.1"}) || l.URL != o.cfg.PublicURL+"/trust/vical" {
			t.Fatalf("%d, %+v, %v", status, l, err)
		}
		if status, _, _ := o.get(o.cfg.PublicURL+"/trust/vical", "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
			t.Errorf("the same again: %d", status)
		}
		last = l.IssueID
	}
	for word, want := range map[string]struct{ name, list, issuance, revocation string }{
		"pid":     {"pid-providers", trust.PIDProviders, trust.PIDIssuance, trust.PIDRevocation},
		"pub-eaa": {"pub-eaa-providers", trust.PubEAAProviders, trust.PubEAAIssuance, trust.PubEAARevocation},
	} {
		_, _, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds[word], issuer.TrustListWish{Days: 180, Postal: trust.PostalAddress{Street: "Main Street 1", Country: "UT"}}, o.clock.Now(), rand.Reader)
		o.must(err)
		status, _, body := get(want.name)
		l, err := trust.ParseEntityList(body, anchors, o.clock.Now())
		if err != nil || status != http.StatusOK || l.Type != want.list || len(l.Services) != 2 || l.Services[0].Type != want.issuance || l.Services[1].Type != want.revocation || !l.Services[0].Certificates[0].Equal(iaca) {
			t.Errorf("%s: %d, %+v, %v", word, status, l, err)
		}
		if file := o.read(filepath.Join(o.cfg.Status.Directory, "trust", want.name+".jwt")); string(file) != string(body) {
			t.Error("the file among the published lists is another")
		}
	}
	out := filepath.Join(t.TempDir(), "vical.cbor")
	if _, to, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds["vical"], issuer.TrustListWish{Days: 1, Output: out}, o.clock.Now(), rand.Reader); err != nil || to != out {
		t.Error(err)
	}
	if l, err := trust.ParseVICAL(o.read(out), anchors, o.clock.Now()); err != nil || l.IssueID <= last {
		t.Errorf("%+v, %v", l, err)
	}

	// What was made is looked after.
	for days, grade := range map[int]diagnosis.Grade{0: diagnosis.Good, 25: diagnosis.Look, 31: diagnosis.Wrong} {
		o.clock.Set(start.AddDate(0, 0, days))
		d, err := o.app.Doctor(t.Context(), false)
		o.must(err)
		if !slices.ContainsFunc(d.(*diagnosis.Diagnosis).Findings, func(f diagnosis.Finding) bool { return f.What == "vical.cbor" && f.Grade == grade }) {
			t.Errorf("day %d: want %s", days, grade)
		}
	}
	for name, days := range map[string]int{"none": 0, "too many": 181} {
		if _, _, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds["pid"], issuer.TrustListWish{Days: days}, start, rand.Reader); err == nil {
			t.Errorf("%s days", name)
		}
	}
	without := o.cfg
	without.Signers = map[string]issuer.Signer{}
	if _, _, err := issuer.BuildTrustList(t.Context(), &without, issuer.TrustListKinds["vical"], issuer.TrustListWish{Days: 30}, start, rand.Reader); err == nil || !strings.Contains(err.Error(), "signers.vical is missing") {
		t.Errorf("%v", err)
	}
}

// linkBetween makes a link certificate of the office's roots: from's key signs for to's.
func (o *office) linkBetween(file, from, fromKey, to string) {
	o.t.Helper()
	a, b := o.certificateAt(from), o.certificateAt(to)
	key, err := soft.New(o.cfg.StateDir).Signer(o.t.Context(), "soft:path="+fromKey)
	o.must(err)
	begin, end := a.NotBefore(), a.NotAfter()
	if b.NotBefore().After(begin) {
		begin = b.NotBefore()
	}
	if b.NotAfter().Before(end) {
		end = b.NotAfter()
	}
	link, err := pki.Build(pki.Template{
		Profile: pki.ProfileIACALink, Subject: pki.Name{Country: "UT", Organization: "Utopia", CommonName: b.Cert.Subject.CommonName}, NotBefore: begin, NotAfter: end,
		Public: b.PublicKey(), IssuerAltName: o.cfg.PublicURL, CRLDistributionPoint: a.Cert.CRLDistributionPoints[0],
	}, a, key, rand.Reader)
	o.must(err)
	o.must(os.WriteFile(o.cfg.Path(file), pki.EncodePEM(link), 0o644))
}

// diagnosed is what the doctor says at an instant.
func (o *office) diagnosed(at time.Time) *diagnosis.Diagnosis {
	o.t.Helper()
	before := o.clock.Now()
	defer o.clock.Set(before)
	o.clock.Set(at)
	d, err := o.app.Doctor(o.t.Context(), false)
	o.must(err)
	return d.(*diagnosis.Diagnosis)
}

// rollOver gives the office a new root beside the old one, with links both ways.
func (o *office) rollOver() {
	o.t.Helper()
	o.cfg.Rollover.Also = []issuer.Root{o.cfg.IACA}
	o.cfg.IACA = issuer.Root{Key: "soft:path=keys/iaca-2.key", Certificate: "certs/iaca-2.pem"}
	o.cfg.Rollover.CRL = "iaca-2"
	_, err := issuer.Complete(o.t.Context(), o.cfg, o.clock.Now(), rand.Reader)
	o.must(err)
	o.linkBetween("certs/link-forth.pem", "certs/iaca.pem", "keys/iaca.key", "certs/iaca-2.pem")
	o.linkBetween("certs/link-back.pem", "certs/iaca-2.pem", "keys/iaca-2.key", "certs/iaca.pem")
	o.cfg.Rollover.Links = []string{"certs/link-forth.pem", "certs/link-back.pem"}
}

// While the root changes both are published, each with the list of whom it revoked
// under an address of its own, and signers stand below either.
func TestRollover(t *testing.T) {
	t.Parallel()
	o := newOffice(t, withVICAL)
	o.rollOver()
	o.serve()
	old, next := o.certificateAt("certs/iaca.pem"), o.certificateAt("certs/iaca-2.pem")
	if old.Cert.CRLDistributionPoints[0] != o.cfg.PublicURL+"/crl/iaca.crl" || next.Cert.CRLDistributionPoints[0] != o.cfg.PublicURL+"/crl/iaca-2.crl" {
		t.Fatal("both roots name the same list")
	}
	for _, root := range []*pki.Certificate{old, next} {
		_, _, body := o.get(root.Cert.CRLDistributionPoints[0])
		list, err := pki.ParseCRL([]byte(body))
		if err != nil || list.Verify(root, false) != nil {
			t.Errorf("the list of %s: %v", root, err)
		}
	}
	_, _, err := issuer.BuildTrustList(t.Context(), &o.cfg, issuer.TrustListKinds["vical"], issuer.TrustListWish{Days: 30}, o.clock.Now(), rand.Reader)
	o.must(err)
	_, _, body := o.get(o.cfg.PublicURL + "/trust/vical")
	l, err := trust.ParseVICAL([]byte(body), []*pki.Certificate{o.certificateAt("certs/operations-ca.pem")}, o.clock.Now())
	if err != nil || len(l.Entries) != 4 {
		t.Fatalf("%+v, %v", l, err)
	}
	profiles := map[string]int{}
	for _, e := range l.Entries {
		profiles[e.Profiles[0]]++
	}
	if profiles[trust.ProfileURNIACA] != 2 || profiles[trust.ProfileURNLink] != 2 {
		t.Errorf("%v", profiles)
	}
	built, err := issuer.BuildBundle(t.Context(), &o.cfg, issuer.BundleWish{Days: 14}, o.clock.Now(), rand.Reader)
	if err != nil || len(built.LeftOut) != 0 || len(built.Bundle.Trust().Anchors(trust.IssueMdoc, "org.iso.18013.5.1.mDL")) != 2 || len(built.Bundle.CRLs().All()) != 2 {
		t.Errorf("%+v, %v", built, err)
	}
	// A reader with the old root alone finds the new one by a link of the list.
	store := &trust.Store{}
	o.must(store.Add(trust.Anchor{Cert: old, Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{"org.iso.18013.5.1.mDL"}}}))
	if added, err := store.Follow(o.certificateAt("certs/link-forth.pem"), next, o.clock.Now()); err != nil || len(added) != 1 {
		t.Errorf("%v, %v", added, err)
	}

	for years, grade := range map[int]diagnosis.Grade{0: diagnosis.Good, 10: diagnosis.Look} {
		d := o.diagnosed(o.clock.Now().AddDate(years, 0, 0))
		for _, what := range []string{"rollover.also[0]", "rollover.links[0]", "rollover.links[1]"} {
			if !slices.ContainsFunc(d.Findings, func(f diagnosis.Finding) bool { return f.What == what && f.Grade == grade }) {
				t.Errorf("%s after %d years: want %s", what, years, grade)
			}
		}
	}

	third := o.cfg // made by somebody who left rollover.crl as it was
	third.IACA, third.Rollover = issuer.Root{Key: "soft:path=keys/third.key", Certificate: "certs/third.pem"}, issuer.Rollover{CRL: "iaca-2"}
	_, err = issuer.Complete(t.Context(), third, o.clock.Now(), rand.Reader)
	o.must(err)
	for name, tt := range map[string]struct {
		change func(c *issuer.Config)
		says   string
	}{
		"one list for both":     {func(c *issuer.Config) { c.Rollover.Also[0].Certificate = "certs/third.pem" }, "both name"},
		"the same root twice":   {func(c *issuer.Config) { c.Rollover.Also[0].Certificate = "certs/iaca-2.pem" }, "is there twice"},
		"another authority":     {func(c *issuer.Config) { c.Rollover.Also[0].Certificate = "certs/reader-ca.pem" }, "is the root of readers"},
		"a signer as link":      {func(c *issuer.Config) { c.Rollover.Links = []string{"certs/ds-mdl.pem"} }, "leads from none of our roots"},
		"a link to nobody":      {func(c *issuer.Config) { c.Rollover.Also = nil }, "leads from none of our roots"},
		"no file":               {func(c *issuer.Config) { c.Rollover.Links = []string{"certs/none.pem"} }, "rollover.links[0]"},
		"a name of another's":   {func(c *issuer.Config) { c.Rollover.CRL = "readers" }, "rollover.crl"},
		"a name that is a path": {func(c *issuer.Config) { c.Rollover.CRL = "../x" }, "rollover.crl"},
		"no certificate":        {func(c *issuer.Config) { c.Rollover.Also = []issuer.Root{{}} }, "rollover.also[0]"},
		"no name of a file":     {func(c *issuer.Config) { c.Rollover.Links = []string{""} }, "rollover.links[0]"},
	} {
		cfg := o.cfg
		cfg.Rollover.Also = slices.Clone(cfg.Rollover.Also)
		tt.change(&cfg)
		if err := issuer.CheckState(t.Context(), cfg, o.clock.Now(), rand.Reader); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}
