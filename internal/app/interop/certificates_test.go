//go:build interop

package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/trust"
)

// certified is a certificate of a profile with what others need to judge it.
type certified struct {
	profile         pki.Profile
	root, leaf, crl string // files; leaf is "" for a root
	revoking        string // a list that names the leaf
}

// everyProfile writes a certificate of every profile as PEM, on the curve given for
// the roots, and two revocation lists of its root: one names it.
func everyProfile(t *testing.T, dir string, curve elliptic.Curve) []certified {
	t.Helper()
	now := time.Now()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	build := func(p pki.Profile, subject pki.Name, pub crypto.PublicKey, issuer *pki.Certificate, by crypto.Signer) *pki.Certificate {
		tm := pki.Template{Profile: p, Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 90), Public: pub,
			IssuerAltName: "https://utopia.example/contact", CRLDistributionPoint: "https://utopia.example/crl/" + string(p) + ".crl"}
		if issuer == nil {
			tm.NotBefore, tm.NotAfter = now.AddDate(0, -1, 0), now.AddDate(9, 0, 0)
		}
		if p == pki.ProfileDocumentSignerPID || p == pki.ProfileAccess {
			tm.DNSNames, tm.URIs = []string{"issuer.example"}, []string{"https://issuer.example"}
		}
		c, err := pki.Build(tm, issuer, by, rand.Reader)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		return c
	}
	list := func(name string, number int64, issuer *pki.Certificate, by crypto.Signer, revoked ...*pki.Certificate) string {
		r := pki.Revocations{Number: big.NewInt(number), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.AddDate(0, 0, 30)}
		for _, c := range revoked {
			r.Revoked = append(r.Revoked, pki.RevokedCertificate{Serial: c.Cert.SerialNumber, At: now.Add(-time.Hour)})
		}
		l, err := pki.BuildCRL(r, issuer, by, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return put(name, l.Raw)
	}
	named := func(cn string) pki.Name { return pki.Name{Country: "UT", Organization: "Utopia", CommonName: cn} }
	above := map[pki.Profile]pki.Profile{
		pki.ProfileIACALink: pki.ProfileIACA, pki.ProfileDocumentSignerMDL: pki.ProfileIACA, pki.ProfileDocumentSignerPID: pki.ProfileIACA, pki.ProfileStatusSigner: pki.ProfileIACA,
		pki.ProfileReader: pki.ProfileReaderCA, pki.ProfileAccess: pki.ProfileAccessCA,
	}
	type authority struct {
		cert *pki.Certificate
		key  crypto.Signer
	}
	roots := map[pki.Profile]authority{}
	var out []certified
	for _, p := range []pki.Profile{pki.ProfileIACA, pki.ProfileReaderCA, pki.ProfileAccessCA, pki.ProfileOperationsCA} {
		k := key()
		roots[p] = authority{build(p, named("Utopia "+string(p)), nil, nil, k), k}
	}
	for _, p := range pki.Profiles() {
		up, ok := above[p]
		if _, root := roots[p]; root {
			up = p
		} else if !ok {
			up = pki.ProfileOperationsCA
		}
		a := roots[up]
		c := certified{profile: p, root: put(string(up)+".pem", pki.EncodePEM(a.cert))}
		if p == up {
			c.crl = list(string(p)+".crl", 1, a.cert, a.key)
		} else {
			leaf := build(p, named("Utopia "+string(p)+" 1"), key().Public(), a.cert, a.key)
			c.leaf = put(string(p)+".pem", pki.EncodePEM(leaf))
			c.crl = list(string(p)+".crl", 1, a.cert, a.key)
			c.revoking = list(string(p)+"-2.crl", 2, a.cert, a.key, leaf)
		}
		out = append(out, c)
	}
	return out
}

// OpenSSL takes the chain and the revocation list of every profile, strictly, and
// refuses a certificate that its list names.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
		return string(out), err
	}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		dir := t.TempDir()
		for _, c := range everyProfile(t, dir, curve) {
			t.Run(curve.Params().Name+"/"+string(c.profile), func(t *testing.T) {
				crl := c.crl + ".pem"
				if out, err := openssl("crl", "-inform", "DER", "-in", c.crl, "-out", crl, "-CAfile", c.root, "-verify"); err != nil || !strings.Contains(out, "verify OK") {
					t.Fatalf("the list: %v\n%s", err, out)
				}
				if out, err := openssl("crl", "-in", crl, "-noout", "-text"); err != nil || !strings.Contains(out, "Version 2") || !strings.Contains(out, "X509v3 CRL Number") || !strings.Contains(out, "X509v3 Authority Key Identifier") || !strings.Contains(out, "No Revoked Certificates") {
					t.Errorf("the list: %v\n%s", err, out)
				}
				file := c.leaf
				if file == "" {
					file = c.root
				}
				if out, err := openssl("verify", "-x509_strict", "-crl_check", "-purpose", "any", "-CAfile", c.root, "-CRLfile", crl, file); err != nil {
					t.Errorf("verify: %v\n%s", err, out)
				}
				out, err := openssl("x509", "-in", file, "-noout", "-text")
				if err != nil || !strings.Contains(out, "Version: 3 (0x2)") || !strings.Contains(out, "X509v3 Key Usage: critical") {
					t.Errorf("x509: %v\n%s", err, out)
				}
				if usage := map[pki.Profile]string{pki.ProfileVICALSigner: "Non Repudiation", pki.ProfileIACALink: "Certificate Sign, CRL Sign"}[c.profile]; usage != "" && !strings.Contains(out, usage) {
					t.Errorf("no %s in\n%s", usage, out)
				}
				if c.profile == pki.ProfileIACALink && !strings.Contains(out, "DirName:") {
					t.Errorf("the link does not present the new name:\n%s", out)
				}
				if c.leaf == "" {
					return
				}
				if !strings.Contains(out, "X509v3 Extended Key Usage: critical") && c.profile != pki.ProfileIACALink {
					t.Errorf("no critical purpose in\n%s", out)
				}
				revoking := c.revoking + ".pem"
				if out, err := openssl("crl", "-inform", "DER", "-in", c.revoking, "-out", revoking); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if out, err := openssl("verify", "-x509_strict", "-crl_check", "-purpose", "any", "-CAfile", c.root, "-CRLfile", revoking, c.leaf); err == nil || !strings.Contains(out, "certificate revoked") {
					t.Errorf("revoked: %v\n%s", err, out)
				}
			})
		}
	}
}

// Libraries of others take chain, link and revocation list of every profile: node's own
// and @peculiar/x509.
func TestCertificatesOfEveryProfile(t *testing.T) {
	t.Parallel()
	o := &office{t: t, pki: t.TempDir()}
	for _, c := range everyProfile(t, t.TempDir(), elliptic.P256()) {
		if c.leaf == "" {
			continue
		}
		args := []string{"chain", "--root", c.root, "--leaf", c.leaf, "--crl"}
		if c.profile == pki.ProfileIACALink {
			args = []string{"chain", "--link", c.leaf, "--root", c.root, "--leaf", c.leaf, "--crl"}
		}
		if printed, err := o.tryNode("node", "certificates.mjs", append(args, c.crl)...); err != nil || !strings.Contains(printed, "RESULT ok") {
			t.Errorf("%s: %v\n%s", c.profile, err, printed)
		}
		if printed, err := o.tryNode("node", "certificates.mjs", append(args, c.revoking, "--revoked", "yes")...); err != nil || !strings.Contains(printed, "RESULT ok") {
			t.Errorf("%s, revoked: %v\n%s", c.profile, err, printed)
		}
	}
}

// A VICAL and a list of trusted entities of ours, read by decoders of others.
func TestTrustListsOfOurs(t *testing.T) {
	t.Parallel()
	w, err := pkitest.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, pki: t.TempDir()}
	dir, roots := t.TempDir(), []*pki.Certificate{w.VICALRoot.Cert}
	put := func(name string, data []byte, err error) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := put("root.pem", pki.EncodePEM(w.VICALRoot.Cert), nil)
	data, err := trust.BuildVICAL(trust.VICALContents{Provider: "Utopia", IssueID: 7, Date: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30), Entries: []trust.VICALEntry{
		{Cert: w.IACA.Cert, DocTypes: []string{"org.iso.18013.5.1.mDL"}, Profiles: []string{trust.ProfileURNIACA}, Authority: "Utopia"},
		{Cert: w.ReaderCA.Cert, DocTypes: []string{"eu.europa.ec.eudi.pid.1"}, Profiles: []string{trust.ProfileURNIACA}, Authority: "Utopia"},
	}}, w.VICALSigner.Key, w.VICALSigner.Chain, roots, rand.Reader)
	vical := put("vical.cbor", data, err)
	printed := o.node("node", "certificates.mjs", "vical", "--file", vical, "--root", root)
	if !strings.Contains(printed, "RESULT ok") || strings.Count(printed, "entry ") != 2 || !strings.Contains(printed, "urn:oid:1.0.18013.5.1.7") {
		t.Errorf("%s", printed)
	}
	data[len(data)-1] ^= 1
	if printed, err := o.tryNode("node", "certificates.mjs", "vical", "--file", put("spoiled.cbor", data, nil), "--root", root); err == nil {
		t.Errorf("spoiled: %s", printed)
	}
	data, err = trust.BuildEntityList(trust.EntityListContents{Type: trust.PIDProviders, Operator: "Utopia", Territory: "UT", Contact: "https://issuer.example", Sequence: 7, Issued: w.Now, NextUpdate: w.Now.AddDate(0, 3, 0),
		Entities: []trust.ListedEntity{{Name: "Utopia Interior", Contact: "https://issuer.example", Services: []trust.ListedService{
			{Type: trust.PIDIssuance, Name: "Issuing", Certificates: []*pki.Certificate{w.IACA.Cert}}, {Type: trust.PIDRevocation, Name: "Revoking", Certificates: []*pki.Certificate{w.IACA.Cert}}}}},
	}, w.VICALSigner.Key, w.VICALSigner.Chain, roots, rand.Reader)
	printed = o.node("node", "certificates.mjs", "entities", "--file", put("pid.jwt", data, err), "--root", root)
	if !strings.Contains(printed, "RESULT ok") || strings.Count(printed, "entity Utopia Interior") != 2 {
		t.Errorf("%s", printed)
	}
}
