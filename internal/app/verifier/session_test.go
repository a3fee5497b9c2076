package verifier

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
)

// A response over OpenID4VP is tied to nonce, client_id and address, and to the
// key when it was encrypted: --reader-key then makes the right transcript, and
// serves to check a MAC.
func TestOpenID4VP(t *testing.T) {
	w := pkitest.NewWorld(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return key
	}
	device, reader := newKey(), newKey()
	template, err := mdoc.NewTemplate("org.iso.18013.5.1.mDL", mdoc.NamespaceElements{NameSpace: "org.iso.18013.5.1", Elements: []mdoc.Element{{Identifier: "family_name", Value: "Weber"}}})
	must(err)
	prepared, err := template.Prepare(mdoc.Copy{DeviceKey: device.Public(), Validity: mdoc.NewValidityInfo(w.Now, w.Now, w.Now.Add(20*time.Hour))}, rand.Reader)
	must(err)
	raw, err := prepared.Sign(w.DocumentSignerMDL.Key, w.DocumentSignerMDL.Chain, rand.Reader)
	must(err)
	issued, err := mdoc.ParseIssuerSigned(raw)
	must(err)
	thumbprint, err := jose.Thumbprint(reader.Public())
	must(err)
	private, err := device.ECDH()
	must(err)
	public, err := reader.PublicKey.ECDH()
	must(err)

	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(path), 0o700))
		must(os.WriteFile(path, data, 0o600))
		return path
	}
	jwk, err := jose.MarshalPrivateKey(reader)
	must(err)
	key := file("reader.jwk", jwk)
	file("anchors/iaca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.IACA.Cert.Raw}))

	crl := file("iaca.crl", w.CRLs.All()[0].Raw)

	for _, tt := range []struct {
		name       string
		thumbprint []byte
		mac        bool
		key        string
		want       policy.Colour
	}{
		{"in the clear", nil, false, "", policy.Green},
		{"encrypted, by signature", thumbprint, false, key, policy.Green},
		{"encrypted, by MAC", thumbprint, true, key, policy.Green},
		{"encrypted, key not given", thumbprint, false, "", policy.Red},
		{"in the clear, key given", nil, false, key, policy.Red},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transcript, err := mdoc.OpenID4VPTranscript("x509_hash:abc", "nonce", tt.thumbprint, "https://verifier.example/r")
			must(err)
			signed, err := mdoc.SignDevice(device, transcript, issued.MSO.DocType, nil, rand.Reader)
			if tt.mac {
				signed, err = mdoc.MACDevice(private, public, transcript, issued.MSO.DocType, nil)
			}
			must(err)
			response, err := mdoc.BuildDeviceResponse(mdoc.ResponseDocument{IssuerSigned: issued, DeviceSigned: signed})
			must(err)
			cfg := CheckConfig{File: file("response", response), TrustDir: filepath.Join(dir, "anchors"), CRLs: []string{crl}, At: w.Now,
				Nonce: "nonce", Audience: "x509_hash:abc", ResponseURI: "https://verifier.example/r", ReaderKeyFile: tt.key}
			r, err := Check(cfg, nil)
			must(err)
			if r.Colour != tt.want {
				t.Errorf("%s, want %s: %v", r.Colour, tt.want, r.Reasons)
			}
		})
	}
}
