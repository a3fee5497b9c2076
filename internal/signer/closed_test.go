package signer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	. "vidimus/internal/signer"
	"vidimus/internal/statuslist"
)

// TestClosedCredentials is bad input K09: beside what is checked there is nothing.
func TestClosedCredentials(t *testing.T) {
	w := newWorld(t)
	within := func(c map[string]any, names ...string) map[string]any {
		for _, name := range names {
			c = c[name].(map[string]any)
		}
		return c
	}
	own, err := jose.MarshalPublicKey(w.entities["mdl"].Key.Public())
	w.must(err)
	root, err := jose.MarshalPublicKey(w.IACA.Key.Public())
	w.must(err)
	set := func(v any, names ...string) func(map[string]any) {
		return func(c map[string]any) { within(c, names[:len(names)-1]...)[names[len(names)-1]] = v }
	}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		reason Reason
	}{
		"K09/sdjwt_without_iss":        {func(c map[string]any) { delete(c, "iss") }, ReasonPolicy},
		"K09/sdjwt_iss_empty":          {set("", "iss"), ReasonPolicy},
		"K09/sdjwt_open_claim":         {set("x", "given_name"), ReasonForm},
		"K09/sdjwt_aud":                {set("https://evil.example", "aud"), ReasonForm},
		"K09/sdjwt_sub":                {set("x", "sub"), ReasonForm},
		"K09/sdjwt_other_case":         {set("https://evil.example", "ISS"), ReasonForm},
		"K09/sdjwt_integrity":          {set("sha256-AAAA", "vct#integrity"), ReasonForm},
		"K09/sdjwt_dots":               {set("x", "..."), ReasonForm},
		"K09/sdjwt_cnf_more":           {set("https://evil.example", "cnf", "jku"), ReasonForm},
		"K09/sdjwt_cnf_kid":            {set("x", "cnf", "jwk", "kid"), ReasonForm},
		"K09/sdjwt_cnf_of_the_signer":  {set(json.RawMessage(own), "cnf", "jwk"), ReasonPolicy},
		"K09/sdjwt_cnf_of_the_root":    {set(json.RawMessage(root), "cnf", "jwk"), ReasonPolicy},
		"K09/sdjwt_status_more":        {set(map[string]any{"uri": "https://evil.example"}, "status", "identifier_list"), ReasonForm},
		"K09/sdjwt_status_list_more":   {set("x", "status", "status_list", "certificate"), ReasonForm},
		"K09/sdjwt_index_of_no_list":   {set(int64(statuslist.MaxEntries), "status", "status_list", "idx"), ReasonPolicy},
		"K09/sdjwt_index_huge":         {set(int64(1)<<62, "status", "status_list", "idx"), ReasonPolicy},
		"K09/sdjwt_digest_twice":       {func(c map[string]any) { d := c["_sd"].([]any); c["_sd"] = append([]any{d[0]}, d...) }, ReasonForm},
		"K09/sdjwt_digests_unsorted":   {func(c map[string]any) { d := c["_sd"].([]any); d[0], d[1] = d[1], d[0] }, ReasonForm},
		"K09/sdjwt_digest_not_base64":  {func(c map[string]any) { c["_sd"].([]any)[0] = "+" + strings.Repeat("/", 42) }, ReasonForm},
		"K09/sdjwt_negative_index":     {set(-1, "status", "status_list", "idx"), ReasonPolicy},
		"K09/sdjwt_confirmed_by_kid":   {set(map[string]any{"kid": "x"}, "cnf"), ReasonForm},
		"K09/sdjwt_status_attestation": {set(map[string]any{}, "status", "status_attestation"), ReasonForm},
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "pid", w.sdjwtPayload(tt.change), tt.reason) })
	}
	for name, change := range map[string]func(*mdoc.Copy){
		"K09/mso_key_of_the_signer": func(c *mdoc.Copy) { c.DeviceKey = w.entities["pid"].Key.Public() },
		"K09/mso_key_of_the_ca":     func(c *mdoc.Copy) { c.DeviceKey = w.ReaderCA.Key.Public() },
		"K09/mso_index_of_no_list":  func(c *mdoc.Copy) { c.Status.StatusList.Index = statuslist.MaxEntries },
		"K09/mso_list_certificate":  func(c *mdoc.Copy) { c.Status.StatusList.Certificate = w.IACA.Cert.Raw },
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "mdl", w.mso("mdl", mdl, change), ReasonPolicy) })
	}
	t.Run("K09/mso_key_with_an_id", func(t *testing.T) {
		message := w.mso("mdl", mdl, nil)
		key := []byte{0xa4, 1, 2, 0x20, 1}
		if bytes.Count(message, key) != 1 {
			t.Fatal("no key of the holder")
		}
		items, err := cbor.ArrayItemsLimit(message, MaxMessage)
		w.must(err)
		payload, err := cbor.Bytes(items[3])
		w.must(err)
		content, err := cbor.UnwrapEncoded(payload)
		w.must(err)
		if _, err := w.sign("mdl", w.structure("mdl", nil, nil, cbor.WrapEncoded(content))); err != nil {
			t.Fatal(err)
		}
		with := bytes.Replace(content, key, []byte{0xa5, 1, 2, 2, 0x41, 7, 0x20, 1}, 1) // kid
		w.refused(t, "mdl", w.structure("mdl", nil, nil, cbor.WrapEncoded(with)), ReasonForm)
	})
	// Claims that the catalogue leaves open are signed where the policy names them.
	open := newWorld(t, func(c *Config) {
		for i := range c.Keys {
			if c.Keys[i].Name == "pid" {
				c.Keys[i].Policy.Office.Claims = []string{"issuing_country"}
			}
		}
	})
	if _, err := open.sign("pid", open.sdjwtPayload(set("UT", "issuing_country"))); err != nil {
		t.Error(err)
	}
	open.refused(t, "pid", open.sdjwtPayload(set("x", "given_name")), ReasonForm)
}

// In development the office speaks http, which no iss may be.
func TestWithoutIssuer(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		for i := range c.Keys {
			c.Keys[i].Policy.Office.Issuer = "http://localhost:8080"
		}
	})
	if _, err := w.sign("pid", w.sdjwtPayload(func(c map[string]any) { delete(c, "iss") })); err != nil {
		t.Error(err)
	}
	w.refused(t, "pid", w.sdjwt(nil), ReasonPolicy)
}

// readerTBS is a certificate of a reader that package pki would not make.
func (w *world) readerTBS(change func(*x509.Certificate, *crypto.PublicKey)) []byte {
	w.t.Helper()
	return w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
		base, err := pki.Build(w.template(pki.ProfileReader), w.ReaderCA.Cert, w.ReaderCA.Key, rand.Reader)
		if err != nil {
			return err
		}
		c := &x509.Certificate{SerialNumber: base.Cert.SerialNumber, RawSubject: base.RawSubject, NotBefore: base.NotBefore(), NotAfter: base.NotAfter(),
			ExtraExtensions: base.Cert.Extensions}
		public := base.PublicKey()
		change(c, &public)
		_, err = x509.CreateCertificate(rand.Reader, c, w.ReaderCA.Cert.Cert, public, key)
		return err
	})
}

// TestClosedCertificates is bad input K09: a certificate of a reader has the extensions
// and the name of one, and a key of its own.
func TestClosedCertificates(t *testing.T) {
	w := newWorld(t)
	message := w.readerTBS(func(*x509.Certificate, *crypto.PublicKey) {})
	if signatures, err := w.sign("reader-ca", message); err != nil {
		t.Fatal(err)
	} else {
		w.verify("reader-ca", message, signatures[0])
	}
	with := func(id asn1.ObjectIdentifier, value any) func(*x509.Certificate, *crypto.PublicKey) {
		return func(c *x509.Certificate, _ *crypto.PublicKey) {
			der, err := asn1.Marshal(value)
			w.must(err)
			var kept []pkix.Extension
			for _, e := range c.ExtraExtensions {
				if !e.Id.Equal(id) {
					kept = append(kept, e)
				}
			}
			c.ExtraExtensions = append(kept, pkix.Extension{Id: id, Value: der})
		}
	}
	name := func(n pkix.Name) func(*x509.Certificate, *crypto.PublicKey) {
		return func(c *x509.Certificate, _ *crypto.PublicKey) { c.RawSubject, c.Subject = nil, n }
	}
	uri := func(s string) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(s)}
	}
	for label, change := range map[string]func(*x509.Certificate, *crypto.PublicKey){
		"K09/certificate_unknown_extension": with(asn1.ObjectIdentifier{1, 2, 3, 4}, "x"),
		"K09/certificate_netscape_type":     with(asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}, asn1.BitString{Bytes: []byte{0xff}, BitLength: 8}),
		"K09/certificate_policies":          with(asn1.ObjectIdentifier{2, 5, 29, 32}, []struct{ P asn1.ObjectIdentifier }{{asn1.ObjectIdentifier{2, 5, 29, 32, 0}}}),
		"K09/certificate_other_names":       func(c *x509.Certificate, _ *crypto.PublicKey) { c.DNSNames = []string{"issuer.example"} },
		"K09/certificate_contact_of_other":  with(asn1.ObjectIdentifier{2, 5, 29, 18}, []asn1.RawValue{uri("https://evil.example")}),
		"K09/certificate_name_turned_round": name(pkix.Name{Country: []string{"UT"}, Organization: []string{"Police\u202e"}, CommonName: "x"}),
		"K09/certificate_name_with_escapes": name(pkix.Name{Country: []string{"UT"}, Organization: []string{"Police\x1b[2J"}, CommonName: "x"}),
		"K09/certificate_name_of_other":     name(pkix.Name{Country: []string{"DE"}, Organization: []string{"Police"}, CommonName: "x"}),
		"K09/certificate_name_of_any_kind": name(pkix.Name{Country: []string{"UT"}, CommonName: "x",
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "a@evil.example"}}}),
	} {
		t.Run(label, func(t *testing.T) { w.refused(t, "reader-ca", w.readerTBS(change), ReasonPolicy) })
	}
	for _, of := range []string{"iaca", "mdl", "status", "bundle"} {
		t.Run("K09/certificate_for_the_key_of_"+of, func(t *testing.T) {
			tmpl := w.template(pki.ProfileReader)
			tmpl.Public = w.entities[of].Key.Public()
			w.refused(t, "reader-ca", w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
				_, err := pki.Build(tmpl, w.ReaderCA.Cert, key, rand.Reader)
				return err
			}), ReasonPolicy)
		})
	}
	t.Run("K09/certificate_list_of_other", func(t *testing.T) {
		tmpl := w.template(pki.ProfileReader)
		tmpl.CRLDistributionPoint = "https://evil.example/crl"
		w.refused(t, "reader-ca", w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
			_, err := pki.Build(tmpl, w.ReaderCA.Cert, key, rand.Reader)
			return err
		}), ReasonPolicy)
	})
}

// TestClosedMetadata is bad input K09: metadata that send wallets elsewhere.
func TestClosedMetadata(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		for i := range c.Keys {
			c.Keys[i].Policy.Office.AuthorizationServer = "https://login.example"
		}
	})
	metadata := func(change func(*oid4vci.IssuerMetadata)) []byte {
		m := &oid4vci.IssuerMetadata{
			CredentialIssuer: issuerURL, AuthorizationServers: []string{"https://login.example", issuerURL}, CredentialEndpoint: issuerURL + "/credential",
			NonceEndpoint: issuerURL + "/nonce", DeferredCredentialEndpoint: issuerURL + "/deferred", NotificationEndpoint: issuerURL + "/notification",
			Display: []oid4vci.IssuerDisplay{{Name: "Utopia", Logo: &oid4vci.Image{URI: issuerURL + "/logo/a"}}},
			Configurations: map[string]oid4vci.Configuration{"mdl": {Format: oid4vci.FormatMdoc, DocType: mdl, Algorithms: []any{-7},
				BindingMethods: []string{"cose_key"}, ProofTypes: map[string]oid4vci.ProofType{"jwt": {Algorithms: []string{"ES256"}}},
				Metadata: &oid4vci.CredentialMetadata{Display: []oid4vci.CredentialDisplay{{Name: "mDL", Logo: &oid4vci.Image{URI: "data:image/svg+xml;base64,AAAA"}}},
					Claims: []oid4vci.Claim{{Path: oid4vci.Path{"org.iso.18013.5.1", "family_name"}}}}}},
		}
		change(m)
		return w.spoken("access", func(key crypto.Signer, chain [][]byte) error {
			_, err := oid4vci.SignMetadata(m, key, chain, w.Now, w.Now.AddDate(0, 0, 1), rand.Reader)
			return err
		})
	}
	good := metadata(func(*oid4vci.IssuerMetadata) {})
	if _, err := w.sign("access", good); err != nil {
		t.Fatal(err)
	}
	const evil = "https://evil.example/x"
	for name, change := range map[string]func(*oid4vci.IssuerMetadata){
		"K09/metadata_credential":   func(m *oid4vci.IssuerMetadata) { m.CredentialEndpoint = evil },
		"K09/metadata_none":         func(m *oid4vci.IssuerMetadata) { m.CredentialEndpoint = "" },
		"K09/metadata_nonce":        func(m *oid4vci.IssuerMetadata) { m.NonceEndpoint = evil },
		"K09/metadata_deferred":     func(m *oid4vci.IssuerMetadata) { m.DeferredCredentialEndpoint = evil },
		"K09/metadata_notification": func(m *oid4vci.IssuerMetadata) { m.NotificationEndpoint = issuerURL + ".evil.example/x" },
		"K09/metadata_climbs":       func(m *oid4vci.IssuerMetadata) { m.NonceEndpoint = issuerURL + "/../x" },
		"K09/metadata_server":       func(m *oid4vci.IssuerMetadata) { m.AuthorizationServers = []string{evil} },
		"K09/metadata_logo":         func(m *oid4vci.IssuerMetadata) { m.Display[0].Logo.URI = evil },
		"K09/metadata_picture":      func(m *oid4vci.IssuerMetadata) { m.Configurations["mdl"].Metadata.Display[0].Logo.URI = evil },
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "access", metadata(change), ReasonPolicy) })
	}
	dot := bytes.IndexByte(good, '.')
	payload, err := jose.DecodeBase64URL(string(good[dot+1:]))
	w.must(err)
	t.Run("K09/metadata_member", func(t *testing.T) {
		more := append([]byte(`{"token_endpoint":"https://evil.example",`), payload[1:]...)
		w.refused(t, "access", append(bytes.Clone(good[:dot+1]), jose.EncodeBase64URL(more)...), ReasonForm)
	})
}

// TestClosedEntityLists is bad input K09: what stands about a list in its head and its
// body is that of one of ours, made now.
func TestClosedEntityLists(t *testing.T) {
	w := newWorld(t)
	message := speakers[KindEntityList].speak(w)
	dot := bytes.IndexByte(message, '.')
	head, err := jose.DecodeBase64URL(string(message[:dot]))
	w.must(err)
	body, err := jose.DecodeBase64URL(string(message[dot+1:]))
	w.must(err)
	join := func(head, body []byte) []byte {
		return []byte(jose.EncodeBase64URL(head) + "." + jose.EncodeBase64URL(body))
	}
	for _, at := range []int64{0, w.Now.AddDate(0, -10, 0).Unix(), w.Now.AddDate(50, 0, 0).Unix()} {
		other := bytes.Replace(head, fmt.Appendf(nil, `"iat":%d`, w.Now.Unix()), fmt.Appendf(nil, `"iat":%d`, at), 1)
		t.Run(fmt.Sprintf("K09/entities_iat_%d", at), func(t *testing.T) { w.refused(t, "vical", join(other, body), ReasonPolicy) })
	}
	for name, tt := range map[string]struct {
		old, with string
		reason    Reason
	}{
		"K09/entities_type":       {"EUPIDProvidersList", "EUWRPACProvidersList", ReasonPolicy},
		"K09/entities_no_type":    {`"LoTEType":"http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList",`, "", ReasonPolicy},
		"K09/entities_other_case": {`"TrustedEntitiesList"`, `"trustedEntitiesList":[],"TrustedEntitiesList"`, ReasonForm},
		"K09/entities_member":     {`{"LoTE"`, `{"x":1,"LoTE"`, ReasonForm},
	} {
		t.Run(name, func(t *testing.T) {
			other := bytes.Replace(body, []byte(tt.old), []byte(tt.with), 1)
			if bytes.Equal(other, body) {
				t.Fatal("nothing was changed")
			}
			w.refused(t, "vical", join(head, other), tt.reason)
		})
	}
	if _, err := w.sign("vical", message); err != nil {
		t.Error(err)
	}
}
