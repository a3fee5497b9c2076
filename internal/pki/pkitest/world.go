// Package pkitest makes a whole public key infrastructure in memory: the IACA
// and document signers of the state of Utopia, readers, access certificates,
// a list provider and the operations keys, with a clock that stands still.
//
// Start with NewWorld in a test, New in a program. Everything but keys, serial
// numbers and signatures is the same in every world, so that a test can name it. Nothing
// of it is a secret, and nothing of it may ever be trusted: the demo says so on
// its first line.
package pkitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"math/big"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/pki"
)

// Now is the instant at which every NewWorld stands.
var Now = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// Names that appear in the certificates of every world.
const (
	// Country is that of the IACA; it has no state.
	Country = "UT"
	// IssuerHost and IssuerURL are in the PID signer's alternative name.
	IssuerHost = "issuer.example"
	IssuerURL  = "https://issuer.example"
	// VerifierHost is in the access certificate's alternative name.
	VerifierHost = "verifier.example"
	// RegistryHost is in the registry source's common name.
	RegistryHost = "registry.example"
)

// Entity is a certificate with its key.
type Entity struct {
	Cert *pki.Certificate
	Key  *ecdsa.PrivateKey
	// Chain is what travels in x5chain and x5c: leaf first, never the anchor.
	// It is nil for a root.
	Chain [][]byte
}

// World is the whole PKI. Fields are the holders; make others with Issue.
type World struct {
	Now   time.Time
	Clock *clock.Fake

	IACA                                      Entity
	DocumentSignerMDL, DocumentSignerPID      Entity
	StatusSigner                              Entity
	ReaderCA, Reader                          Entity
	AccessCA, Access                          Entity
	VICALRoot, VICALSigner                    Entity
	OperationsCA, BundleSigner, ReceiptSigner Entity
	RegistrySource                            Entity

	// Anchors are the IACA alone: what a reader of documents trusts.
	Anchors []*pki.Certificate
	// CRLs are the lists of every root, an hour old, with nobody in them.
	CRLs *pki.CRLs
}

// NewWorld makes a world that stands at Now.
func NewWorld(t testing.TB) *World {
	t.Helper()
	w, err := New(Now)
	if err != nil {
		t.Fatalf("making the PKI: %v", err)
	}
	return w
}

// New makes a world that stands at now. Roots began a year earlier and live
// nine years, leaves began 30 days earlier.
func New(now time.Time) (*World, error) {
	w := &World{Now: now.UTC().Truncate(time.Second), Clock: clock.NewFake(now)}
	name := func(cn string) pki.Name {
		return pki.Name{Country: Country, Organization: "Utopia", CommonName: cn}
	}
	for _, s := range []struct {
		to *Entity
		by *Entity
		t  pki.Template
	}{
		{&w.IACA, nil, pki.Template{Profile: pki.ProfileIACA, Subject: name("Utopia IACA")}},
		{&w.DocumentSignerMDL, &w.IACA, pki.Template{Profile: pki.ProfileDocumentSignerMDL, Subject: name("Utopia mDL Signer 1")}},
		{&w.DocumentSignerPID, &w.IACA, pki.Template{Profile: pki.ProfileDocumentSignerPID, Subject: name("Utopia PID Signer 1"),
			DNSNames: []string{IssuerHost}, URIs: []string{IssuerURL}}},
		{&w.StatusSigner, &w.IACA, pki.Template{Profile: pki.ProfileStatusSigner, Subject: name("Utopia Status Signer 1"),
			DNSNames: []string{IssuerHost}}},
		{&w.ReaderCA, nil, pki.Template{Profile: pki.ProfileReaderCA, Subject: name("Utopia Reader CA")}},
		{&w.Reader, &w.ReaderCA, pki.Template{Profile: pki.ProfileReader, Subject: name("Utopia Police Reader 1")}},
		{&w.AccessCA, nil, pki.Template{Profile: pki.ProfileAccessCA, Subject: name("Utopia Access CA")}},
		{&w.Access, &w.AccessCA, pki.Template{Profile: pki.ProfileAccess, Subject: name("Utopia Portal"),
			DNSNames: []string{VerifierHost}, URIs: []string{"https://" + VerifierHost}}},
		{&w.VICALRoot, nil, pki.Template{Profile: pki.ProfileOperationsCA, Subject: name("Utopia List CA")}},
		{&w.VICALSigner, &w.VICALRoot, pki.Template{Profile: pki.ProfileVICALSigner, Subject: name("Utopia List Signer 1")}},
		{&w.OperationsCA, nil, pki.Template{Profile: pki.ProfileOperationsCA, Subject: name("Utopia Operations CA")}},
		{&w.BundleSigner, &w.OperationsCA, pki.Template{Profile: pki.ProfileBundleSigner, Subject: name("Utopia Bundle Signer 1")}},
		{&w.ReceiptSigner, &w.OperationsCA, pki.Template{Profile: pki.ProfileReceiptSigner, Subject: name("Utopia Receipt Signer 1")}},
		{&w.RegistrySource, &w.OperationsCA, pki.Template{Profile: pki.ProfileRegistrySource, Subject: name(RegistryHost)}},
	} {
		e, err := w.Issue(s.t, s.by)
		if err != nil {
			return nil, fmt.Errorf("making the %s: %w", s.t.Profile, err)
		}
		*s.to = *e
	}
	w.Anchors = []*pki.Certificate{w.IACA.Cert}
	var lists []*pki.CRL
	for _, root := range []Entity{w.IACA, w.ReaderCA, w.AccessCA, w.VICALRoot, w.OperationsCA} {
		list, err := w.CRL(root, 1)
		if err != nil {
			return nil, fmt.Errorf("making the revocation list of %s: %w", root.Cert, err)
		}
		lists = append(lists, list)
	}
	var err error
	w.CRLs, err = pki.NewCRLs(lists...)
	return w, err
}

// CRL makes a revocation list of an authority that names the certificates given.
// It is an hour old and counts for 30 days.
func (w *World) CRL(authority Entity, number int64, revoked ...Entity) (*pki.CRL, error) {
	at := w.Now.Add(-time.Hour)
	r := pki.Revocations{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 30)}
	for _, e := range revoked {
		r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: e.Cert.Cert.SerialNumber, At: at})
	}
	return pki.BuildCRL(r, authority.Cert, authority.Key, rand.Reader)
}

// MustRevoke is a set of one list, in which the authority revokes certificates.
func (w *World) MustRevoke(t testing.TB, authority Entity, revoked ...Entity) *pki.CRLs {
	t.Helper()
	list, err := w.CRL(authority, 2, revoked...)
	if err != nil {
		t.Fatal(err)
	}
	set, err := pki.NewCRLs(list)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Issue makes one more certificate with a fresh P-256 key, signed by issuer,
// nil for a self-signed root. Members of t that are left out are filled in:
// validity, contact, CRL distribution point; Public when the caller holds the
// key (the Entity then has none).
func (w *World) Issue(t pki.Template, issuer *Entity) (*Entity, error) {
	e := &Entity{}
	if t.Public == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		e.Key, t.Public = key, key.Public()
	}
	root := issuer == nil
	if t.NotBefore.IsZero() {
		if t.NotBefore = w.Now.AddDate(0, 0, -30); root {
			t.NotBefore = w.Now.AddDate(-1, 0, 0)
		}
	}
	if t.NotAfter.IsZero() {
		if t.NotAfter = t.NotBefore.AddDate(1, 0, 0); root {
			t.NotAfter = t.NotBefore.AddDate(9, 0, 0)
		}
	}
	if t.IssuerAltName == "" {
		t.IssuerAltName = "https://utopia.example/contact"
	}
	if t.CRLDistributionPoint == "" {
		t.CRLDistributionPoint = "https://utopia.example/crl/" + string(t.Profile) + ".crl"
	}
	var by *pki.Certificate
	signer := e.Key
	if !root {
		by, signer = issuer.Cert, issuer.Key
	}
	cert, err := pki.Build(t, by, signer, rand.Reader)
	if err != nil {
		return nil, err
	}
	e.Cert = cert
	if !root {
		e.Chain = append([][]byte{cert.Raw}, issuer.Chain...)
	}
	return e, nil
}

// MustIssue is Issue for tests.
func (w *World) MustIssue(t testing.TB, template pki.Template, issuer *Entity) *Entity {
	t.Helper()
	e, err := w.Issue(template, issuer)
	if err != nil {
		t.Fatalf("issuing %s: %v", template.Profile, err)
	}
	return e
}
