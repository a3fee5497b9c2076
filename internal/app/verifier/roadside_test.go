package verifier

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

const day = 24 * time.Hour

// roadside is a publisher of bundles, a reader with a state folder, and a holder
// with a licence at the index 7 of a list.
type roadside struct {
	*pkitest.World
	t                *testing.T
	dir              string
	response, anchor string
	serial           uint64
}

const (
	roadsideList   = "https://issuer.example/status/1"
	roadsidePolicy = "version: roadside-7\nstatus: {fresh: 1d, usable: 3d, refuse: 5d}\n"
)

func newRoadside(t *testing.T) *roadside {
	r := &roadside{World: pkitest.NewWorld(t), t: t, dir: t.TempDir()}
	device, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.must(err)
	template, err := mdoc.NewTemplate(elements.MDLDocType, mdoc.NamespaceElements{NameSpace: "org.iso.18013.5.1", Elements: []mdoc.Element{{Identifier: "family_name", Value: "Weber"}}})
	r.must(err)
	prepared, err := template.Prepare(mdoc.Copy{DeviceKey: device.Public(), Validity: mdoc.NewValidityInfo(r.Now, r.Now, r.Now.Add(60*day)),
		Status: &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: 7, URI: roadsideList}}}, rand.Reader)
	r.must(err)
	raw, err := prepared.Sign(r.DocumentSignerMDL.Key, r.DocumentSignerMDL.Chain, rand.Reader)
	r.must(err)
	issued, err := mdoc.ParseIssuerSigned(raw)
	r.must(err)
	transcript, err := mdoc.OpenID4VPTranscript("x509_hash:abc", "nonce", nil, "https://verifier.example/r")
	r.must(err)
	signed, err := mdoc.SignDevice(device, transcript, issued.MSO.DocType, nil, rand.Reader)
	r.must(err)
	response, err := mdoc.BuildDeviceResponse(mdoc.ResponseDocument{IssuerSigned: issued, DeviceSigned: signed})
	r.must(err)
	r.response = r.file("response", response)
	r.anchor = r.file("bundle-ca.pem", pki.EncodePEM(r.OperationsCA.Cert))
	return r
}

func (r *roadside) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *roadside) file(name string, data []byte) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	r.must(os.WriteFile(path, data, 0o600))
	return path
}

func (r *roadside) state() string { return filepath.Join(r.dir, "state") }

// contents are those of a bundle made at an instant, its list signed then and good
// for listLife.
func (r *roadside) contents(at time.Time, listLife time.Duration, revoked ...uint64) bundle.Contents {
	r.t.Helper()
	anchors := &trust.Store{}
	r.must(anchors.Add(trust.Anchor{Cert: r.IACA.Cert, Source: "Utopia", AsOf: at,
		Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
	l, err := statuslist.New(1, 1<<16)
	r.must(err)
	for _, i := range revoked {
		r.must(l.Set(i, statuslist.Invalid))
	}
	body, err := statuslist.Build(l)
	r.must(err)
	token, err := body.SignCWT(r.StatusSigner.Key, statuslist.Claims{Subject: roadsideList, IssuedAt: at, Expires: at.Add(listLife)}, r.StatusSigner.Chain, rand.Reader)
	r.must(err)
	r.serial++
	return bundle.Contents{Publisher: "https://readers.example", Sequence: r.serial, Issued: at, Expires: at.Add(30 * day), Anchors: anchors,
		CRLs: [][]byte{r.CRLs.All()[0].Raw}, Lists: [][]byte{token}, Policy: []byte(roadsidePolicy)}
}

func (r *roadside) bundle(c bundle.Contents) string {
	r.t.Helper()
	built, err := bundle.Build(c, r.BundleSigner.Key, r.BundleSigner.Chain, rand.Reader)
	r.must(err)
	return r.file("bundle-"+c.Issued.Format("20060102150405")+".cbor", built.Data)
}

func (r *roadside) take(file string, at time.Time) error {
	_, err := ImportBundle(BundleSource{File: file, Anchor: r.anchor, State: r.state()}, false, nil, at)
	return err
}

func (r *roadside) check(at time.Time) (*verification.Report, error) {
	return Check(CheckConfig{File: r.response, Bundle: BundleSource{State: r.state()}, At: at,
		Nonce: "nonce", Audience: "x509_hash:abc", ResponseURI: "https://verifier.example/r"}, nil)
}
