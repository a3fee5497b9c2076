package issuer_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
)

// A state folder whose signer of licences has the second extended key usage that
// init once wrote goes on, and the doctor names it; init writes one.
func TestSecondKeyUsage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	file := o.cfg.Path(o.cfg.Signers["mdl"].Chain)
	leaf := o.certificate(file)
	if len(leaf.ExtKeyUsages) != 1 || !leaf.HasExtKeyUsage(pki.OIDMdlDS) {
		t.Errorf("init wrote the usages %v", leaf.ExtKeyUsages)
	}
	if pid := o.certificate(o.cfg.Path(o.cfg.Signers["pid"].Chain)); len(pid.ExtKeyUsages) != 1 || !pid.HasExtKeyUsage(pki.OIDPIDSigner) {
		t.Errorf("the signer of PIDs has the usages %v", pid.ExtKeyUsages)
	}
	both, err := asn1.Marshal([]asn1.ObjectIdentifier{pki.OIDMdlDS, pki.OIDMdocDS})
	o.must(err)
	tpl := *leaf.Cert
	tpl.ExtKeyUsage, tpl.UnknownExtKeyUsage, tpl.ExtraExtensions = nil, nil, nil
	for _, e := range leaf.Cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			e = pkix.Extension{Id: e.Id, Critical: true, Value: both}
		}
		tpl.ExtraExtensions = append(tpl.ExtraExtensions, e)
	}
	root, err := soft.New("").Signer(t.Context(), "soft:path="+o.cfg.Path("keys/iaca.key"))
	o.must(err)
	der, err := x509.CreateCertificate(rand.Reader, &tpl, o.certificate(o.cfg.Path(o.cfg.IACA.Certificate)).Cert, leaf.PublicKey(), root)
	o.must(err)
	write(t, file, "CERTIFICATE", der)
	if got := pki.Lint(o.certificate(file), pki.ProfileDocumentSignerMDL, nil); len(got) != 1 || got[0] != pki.FindingSecondEKU {
		t.Fatalf("%v", got)
	}
	o.serve().people()
	if _, err := o.desk().Offer(t.Context(), issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}, Key: "k"}); err != nil {
		t.Error(err)
	}
	var named bool
	for _, f := range issuer.DiagnoseClosed(t.Context(), o.cfg, issuer.Options{Clock: o.clock, Rand: rand.Reader}, errors.New("closed")).Findings {
		named = named || f.Grade == diagnosis.Look && strings.Contains(f.Remedy, "second extended key usage")
	}
	if !named {
		t.Error("the doctor does not name the certificate")
	}
}

// certificate is the first of a file.
func (o *office) certificate(file string) *pki.Certificate {
	o.t.Helper()
	certs, err := pki.ParsePEM(o.read(filepath.Clean(file)))
	o.must(err)
	return certs[0]
}
