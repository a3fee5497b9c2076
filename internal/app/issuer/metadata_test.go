package issuer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
)

// metadata fetches the issuer's document as a wallet that asks for one.
func (o *office) metadata(header ...string) (*oid4vci.IssuerMetadata, string) {
	o.t.Helper()
	status, h, body := o.get(o.cfg.PublicURL+"/.well-known/openid-credential-issuer", header...)
	if status != 200 || h.Get("Vary") != "Accept, Accept-Language" {
		o.t.Fatalf("%d %v %s", status, h, body)
	}
	m, err := oid4vci.ParseIssuerMetadata([]byte(body), o.cfg.PublicURL, true)
	o.must(err)
	return m, h.Get("Content-Language")
}

// signedMetadata fetches them as a wallet that trusts the access CA.
func (o *office) signedMetadata() (token string, m *oid4vci.IssuerMetadata) {
	o.t.Helper()
	status, h, token := o.get(o.cfg.PublicURL+"/.well-known/openid-credential-issuer", "Accept", "application/jwt")
	if status != 200 || h.Get("Content-Type") != "application/jwt" {
		o.t.Fatalf("%d %v %s", status, h, token)
	}
	anchors, err := pki.ParsePEM(o.read(o.cfg.Path(o.cfg.AccessCA.Certificate)))
	o.must(err)
	m, err = oid4vci.ParseSignedMetadata(token, o.cfg.PublicURL, func(x5c [][]byte) (crypto.PublicKey, error) {
		path, err := pki.Validate(x5c, anchors, pki.PathOptions{Now: o.clock.Now(), Purposes: pki.ProfileAccess.ExtKeyUsages(), RequireEKU: true})
		if err != nil {
			return nil, err
		}
		for _, raw := range x5c {
			if bytes.Equal(raw, anchors[0].Raw) {
				o.t.Error("the anchor travels with the signature")
			}
		}
		return path.Leaf.PublicKey(), nil
	}, o.clock.Now(), true)
	o.must(err)
	return token, m
}

// What a wallet reads of an office that says nothing of itself: everything in
// four languages and with a picture, plain and signed alike, or in the one
// language that is asked for.
func TestMetadataForms(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	plain, language := o.metadata()
	if language != "" || !slices.Equal(plain.Languages(), []string{"de", "en", "fr", "lb"}) {
		t.Errorf("languages %q %v", language, plain.Languages())
	}
	if len(plain.Display) != 1 || plain.Display[0].Name != "Utopia" || plain.Display[0].Logo == nil {
		t.Fatalf("the office: %+v", plain.Display)
	}
	status, h, body := o.get(plain.Display[0].Logo.URI)
	if status != 200 || h.Get("Content-Type") != "image/svg+xml" || !strings.Contains(body, "<svg") || plain.Display[0].Logo.AltText != "Utopia" {
		t.Errorf("the seal: %d %v %s", status, h, body)
	}
	for id, c := range plain.Configurations {
		if c.Metadata.ReusePolicy == nil {
			t.Errorf("%s says nothing of how often a copy is shown", id)
		}
		for _, d := range c.Metadata.Display {
			if d.Logo == nil || *d.Logo != (oid4vci.Image{URI: plain.Display[0].Logo.URI, AltText: d.Name}) {
				t.Errorf("%s: %+v", id, d.Logo)
			}
		}
	}
	if german, language := o.metadata("Accept-Language", "de-AT, fr;q=0.5"); language != "de" || !slices.Equal(german.Languages(), []string{"de"}) ||
		len(german.Configurations) != len(plain.Configurations) || german.Configurations["mdl"].Metadata.Display[0].Name != "Führerschein" {
		t.Errorf("asked for German: %q %v", language, german.Languages())
	}
	if other, language := o.metadata("Accept-Language", "pt, *;q=0.1"); language != "" || len(other.Languages()) != 4 {
		t.Errorf("asked for Portuguese: %q %v", language, other.Languages())
	}

	token, signed := o.signedMetadata()
	want, err := json.Marshal(plain)
	o.must(err)
	if got, err := json.Marshal(signed); err != nil || !bytes.Equal(got, want) {
		t.Errorf("signed\n%s\nplain\n%s", got, want)
	}
	o.clock.Advance(11 * time.Hour)
	if again, _ := o.signedMetadata(); again != token {
		t.Error("signed for everybody who asks")
	}
	// Bad input D06: old signatures are replaced, and never expired.
	for range 3 {
		o.clock.Advance(12 * time.Hour)
		again, _ := o.signedMetadata()
		if again == token {
			t.Error("the same signature after twelve hours")
		}
		token = again
	}
}

// Keys for encrypted requests change in every form at once.
func TestMetadataKeysChange(t *testing.T) {
	t.Parallel()
	const period = int64(issuance.DefaultKeyRotation / time.Second)
	o := newOffice(t).serve()
	keys := func() string {
		t.Helper()
		plain, _ := o.metadata()
		german, _ := o.metadata("Accept-Language", "de")
		_, signed := o.signedMetadata()
		got := string(plain.CredentialRequestEncryption.JWKS)
		if string(german.CredentialRequestEncryption.JWKS) != got || string(signed.CredentialRequestEncryption.JWKS) != got {
			t.Error("the forms name different keys")
		}
		return got
	}
	// An hour before the change others were made, for twelve hours.
	change := time.Unix((start.Unix()/period+1)*period, 0)
	o.clock.Set(change.Add(-time.Hour))
	before := keys()
	o.clock.Set(change.Add(-time.Second))
	if keys() != before {
		t.Error("other keys before their time")
	}
	o.clock.Set(change)
	if keys() == before {
		t.Errorf("the keys of the period before: %s", before)
	}
}

// What the configuration says of the office, wallets read.
func TestMetadataOfTheOffice(t *testing.T) {
	t.Parallel()
	const arms = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>`
	const fish = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><path d="M0 0h2v2z"/></svg>`
	o := newOffice(t)
	o.must(os.WriteFile(o.cfg.Path("arms.svg"), []byte(arms), 0o600))
	o.must(os.WriteFile(o.cfg.Path("fish.svg"), []byte(fish), 0o600))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	o.must(err)
	certificate, err := jose.Sign(key, map[string]any{"typ": "rc-wrp+jwt"}, []byte(`{"sub":"UT-1"}`), rand.Reader)
	o.must(err)
	o.must(os.WriteFile(o.cfg.Path("registration.jwt"), []byte(certificate+"\n"), 0o600))
	o.cfg.Metadata = issuer.Metadata{
		Names: map[string]string{"en": "Utopia", "fr": "Utopie"}, Logo: "arms.svg", Logos: map[string]string{"mdl": "fish.svg"},
		RegistrationCertificates: []string{"registration.jwt"}, ClientStatusPeriod: 31 * 24 * time.Hour,
	}
	o.serve()
	m, _ := o.metadata()
	if len(m.Display) != 2 || m.Display[0].Name != "Utopia" || m.Display[1].Name != "Utopie" || m.Display[1].Locale != "fr" {
		t.Errorf("names: %+v", m.Display)
	}
	for of, image := range map[string]*oid4vci.Image{arms: m.Display[1].Logo, fish: m.Configurations["mdl"].Metadata.Display[0].Logo} {
		if _, _, body := o.get(image.URI); body != of {
			t.Errorf("%s is %s", image.URI, body)
		}
	}
	if m.Configurations["pid-mdoc"].Metadata.Display[0].Logo.URI != m.Display[0].Logo.URI {
		t.Error("the identity has another logo than the office")
	}
	if want := []oid4vci.IssuerInfo{{Format: "registration_cert", Data: certificate}}; !slices.Equal(m.IssuerInfo, want) || m.PreferredClientStatusPeriod != 31*86400 {
		t.Errorf("%+v, %d", m.IssuerInfo, m.PreferredClientStatusPeriod)
	}
	if french, language := o.metadata("Accept-Language", "fr"); language != "fr" || len(french.Display) != 1 || french.Display[0].Name != "Utopie" {
		t.Errorf("in French: %q %+v", language, french.Display)
	}
}

// Files that the metadata need keep the office from starting when they are not
// what they should be, and check-config says so before.
func TestMetadataFilesRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		metadata issuer.Metadata
		file     string
		want     []string
	}{
		"no logo":          {issuer.Metadata{Logo: "none.svg"}, "", []string{"metadata.logo", "none.svg"}},
		"logo that runs":   {issuer.Metadata{Logo: "x"}, `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`, []string{"metadata.logo", "script"}},
		"large logo":       {issuer.Metadata{Logo: "x"}, strings.Repeat("x", 40<<10), []string{"metadata.logo", "larger than 32768"}},
		"logo of no type":  {issuer.Metadata{Logos: map[string]string{"boat": "x"}}, "", []string{"metadata.logos.boat", "no such credential configuration", "pid-mdoc"}},
		"logo of a type":   {issuer.Metadata{Logos: map[string]string{"mdl": "x"}}, "GIF89a", []string{"metadata.logos.mdl"}},
		"no certificate":   {issuer.Metadata{RegistrationCertificates: []string{"none.jwt"}}, "", []string{"metadata.registration_certificates[0]", "none.jwt"}},
		"certificate PEM":  {issuer.Metadata{RegistrationCertificates: []string{"x"}}, "-----BEGIN CERTIFICATE-----", []string{"metadata.registration_certificates[0]", "no signed JWT"}},
		"large one of 1MB": {issuer.Metadata{RegistrationCertificates: []string{"x"}}, strings.Repeat("x", 1<<20), []string{"metadata.registration_certificates[0]", "larger than"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.cfg.Metadata = c.metadata
			o.must(os.WriteFile(o.cfg.Path("x"), []byte(c.file), 0o600))
			app, err := o.new()
			if err == nil {
				app.Close()
				t.Fatal("it starts")
			}
			checked := issuer.CheckState(t.Context(), o.cfg, o.clock.Now(), rand.Reader)
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) || checked == nil || !strings.Contains(checked.Error(), want) {
					t.Errorf("%q is not in: %v, or %v", want, err, checked)
				}
			}
		})
	}
}
