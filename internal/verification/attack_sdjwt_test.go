package verification

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/trust"
)

// token issues an SD-JWT by hand: nothing of the claims is selective but what
// they say of themselves. Members that are nil are left out.
func (w *world) token(by pkitest.Entity, change map[string]any) string {
	w.t.Helper()
	jwk, err := jose.MarshalPublicKey(&w.device.PublicKey)
	w.must(err)
	claims := map[string]any{
		"vct": elements.PIDVCT, "iss": pkitest.IssuerURL, "nbf": w.Now.Add(-time.Hour).Unix(), "exp": w.Now.Add(time.Hour * 200).Unix(),
		"cnf":         map[string]any{"jwk": json.RawMessage(jwk)},
		"status":      map[string]any{"status_list": map[string]any{"idx": 7, "uri": listURI}},
		"family_name": "Weber", "given_name": "Anouk", "birthdate": "1990-05-02", "nationalities": []string{"UT"}, "issuing_country": "UT",
	}
	var x5c []string
	for _, der := range by.Chain {
		x5c = append(x5c, jose.EncodeBase64(der))
	}
	header := map[string]any{"typ": "dc+sd-jwt", "x5c": x5c}
	for name, value := range change {
		to := claims
		if inner, ok := strings.CutPrefix(name, "header."); ok {
			to, name = header, inner
		}
		if to[name] = value; value == nil {
			delete(to, name)
		}
	}
	payload, err := json.Marshal(claims)
	w.must(err)
	token, err := jose.Sign(by.Key, header, payload, rand.Reader)
	w.must(err)
	return token + "~"
}

// profileOf asks for claims of an SD-JWT.
func profileOf(vct string, paths ...string) *policy.Profile {
	p := &policy.Profile{ID: "test", Documents: []policy.DocumentRequest{{Format: policy.FormatSDJWT, Type: vct}}}
	for _, path := range paths {
		p.Documents[0].Elements = append(p.Documents[0].Elements, policy.ElementRequest{Path: strings.Split(path, "/")})
	}
	return p
}

func TestAttacksOnSDJWT(t *testing.T) {
	genuine := with(func(v *policy.Verdict) { v.Entitlement = policy.NotAsked })
	forged := with(func(v *policy.Verdict) { *v = forgedVerdict; v.Entitlement = policy.NotAsked })
	cannot := with(func(v *policy.Verdict) { v.Entitlement = policy.CannotTell })
	bare := func(compact string) string { return compact[:strings.LastIndexByte(compact, '~')+1] }
	for _, a := range []struct {
		name   string
		try    func(*world, *Options) string
		failed []string
		want   policy.Verdict
		also   func(*testing.T, *Report)
	}{
		{name: "nothing changed", try: func(w *world, o *Options) string { return w.bind(w.token(w.DocumentSignerPID, nil)) }, want: genuine},
		{name: "without iss", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"iss": nil}))
		}, want: genuine},

		// Who signed.
		{name: "iss without https", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"iss": "http://" + pkitest.IssuerHost}))
		}, failed: []string{"sd.path"}, want: forged},
		{name: "iss of the host of another", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"iss": "https://" + pkitest.IssuerHost + "@other.example"}))
		}, failed: []string{"sd.path"}, want: forged},
		{name: "iss is no URL", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"iss": "did:web:" + pkitest.IssuerHost}))
		}, failed: []string{"sd.path"}, want: forged},
		{name: "a signer of licences", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerMDL, map[string]any{"iss": nil}))
		}, failed: []string{"sd.path"}, want: forged},
		{name: "a signer of lists", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.StatusSigner, map[string]any{"iss": nil}))
		}, failed: []string{"sd.path"}, want: forged},
		{name: "trusted for another type that it calls itself as well", try: func(w *world, o *Options) string {
			o.Trust = &trust.Store{}
			w.must(o.Trust.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueSDJWT}, VCTs: []string{"urn:club:1"}}}))
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"aka_vcts": []string{"urn:club:1"}}))
		}, failed: []string{"sd.path"}, want: with(func(v *policy.Verdict) {
			*v = forged
			v.Authenticity = policy.UnknownIssuer
		})},
		{name: "of a trusted type that calls itself an identity as well", try: func(w *world, o *Options) string {
			o.Trust = &trust.Store{}
			w.must(o.Trust.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueSDJWT}, VCTs: []string{"urn:club:1"}}}))
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"vct": "urn:club:1", "aka_vcts": []string{elements.PIDVCT}}))
		}, failed: []string{"doc.requested"}, want: cannot, also: func(t *testing.T, r *Report) {
			if d := r.Documents[0]; d.Type != "urn:club:1" || len(d.IssuerSigned) > 0 {
				t.Errorf("%s shows %v", d.Type, names(d.IssuerSigned))
			}
		}},
		{name: "an anchor and a signer without country", try: func(w *world, o *Options) string {
			ca := w.authority(nil, nil)
			noCRLs(o)
			o.Trust = w.trusting(ca)
			o.Lists = w.listsJWT(*w.leafOf(ca, pki.OIDStatusSigner), w.Now)
			return w.bind(w.token(*w.leafOf(ca, pki.OIDPIDSigner), map[string]any{"iss": nil}))
		}, want: genuine, also: expect("mdl.country", NotDone)},
		{name: "an anchor with an RSA key", try: func(w *world, o *Options) string {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			w.must(err)
			ca := w.authority(key, []string{"UT"})
			noCRLs(o)
			o.Trust = w.trusting(ca)
			o.Lists = w.listsJWT(*w.leafOf(ca, pki.OIDStatusSigner), w.Now)
			return w.bind(w.token(*w.leafOf(ca, pki.OIDPIDSigner), map[string]any{"iss": nil}))
		}, want: genuine},
		{name: "issued for another country", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"issuing_country": "LU"}))
		}, failed: []string{"mdl.country"}, want: forged},
		{name: "typ of a plain JWT", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"header.typ": "JWT"}))
		}, failed: []string{"sd.typ"}, want: forged},
		{name: "typ of earlier drafts", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"header.typ": "vc+sd-jwt"}))
		}, failed: []string{"sd.typ"}, want: forged},
		{name: "no certificate", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"header.x5c": nil, "header.kid": "1"}))
		}, failed: []string{"sd.path", "sd.sig"}, want: forged},
		{name: "no vct", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"vct": nil}))
		}, failed: []string{"doc.requested", "sd.path", "sd.vct"}, want: forgedVerdict},

		// Who shows it.
		{name: "the nonce alone is known", try: func(w *world, o *Options) string {
			o.Audience = ""
			return w.bind(w.token(w.DocumentSignerPID, nil))
		}, want: with(func(v *policy.Verdict) { *v = genuine; v.Authenticity = policy.HolderNotProven }), also: expect("sd.aud", NotDone)},
		{name: "the audience alone is known, and is another", try: func(w *world, o *Options) string {
			o.Nonce, o.Audience = "", "x509_hash:other"
			return w.bind(w.token(w.DocumentSignerPID, nil))
		}, failed: []string{"sd.aud"}, want: forged},
		{name: "the nonce alone is known, no key binding", try: func(w *world, o *Options) string {
			o.Audience = ""
			return w.token(w.DocumentSignerPID, nil)
		}, failed: []string{"sd.kb"}, want: forged},
		{name: "key binding that nobody asked for", try: func(w *world, o *Options) string {
			o.Nonce, o.Audience = "", ""
			return w.bind(w.token(w.DocumentSignerPID, nil))
		}, want: with(func(v *policy.Verdict) { *v = genuine; v.Authenticity = policy.HolderNotProven })},
		{name: "key binding that nobody asked for, by another key", try: func(w *world, o *Options) string {
			o.Nonce, o.Audience = "", ""
			out := w.bind(w.token(w.DocumentSignerPID, nil))
			i := strings.LastIndexByte(out, '.') + 1
			return out[:i] + map[bool]string{true: "B", false: "A"}[out[i] == 'A'] + out[i+1:]
		}, failed: []string{"sd.kb"}, want: forged},
		{name: "no cnf, no key binding", try: func(w *world, o *Options) string {
			return w.token(w.DocumentSignerPID, map[string]any{"cnf": nil})
		}, failed: []string{"sd.kb"}, want: forged},
		{name: "no cnf, and a key binding all the same", try: func(w *world, o *Options) string {
			bound := w.bind(w.token(w.DocumentSignerPID, nil))
			return bare(w.token(w.DocumentSignerPID, map[string]any{"cnf": nil})) + bound[strings.LastIndexByte(bound, '~')+1:]
		}, failed: []string{"sd.kb"}, want: forged},
		{name: "no cnf, nothing asked", try: func(w *world, o *Options) string {
			o.Nonce, o.Audience = "", ""
			return w.token(w.DocumentSignerPID, map[string]any{"cnf": nil})
		}, want: with(func(v *policy.Verdict) { *v = genuine; v.Authenticity = policy.HolderNotProven })},
		{name: "cnf names a key and does not hold it", try: func(w *world, o *Options) string {
			o.Nonce, o.Audience = "", ""
			bound := w.bind(w.token(w.DocumentSignerPID, nil))
			return w.token(w.DocumentSignerPID, map[string]any{"cnf": map[string]any{"kid": "1"}}) + bound[strings.LastIndexByte(bound, '~')+1:]
		}, failed: []string{"sd.kb"}, want: forged},
		{name: "key binding of another credential", try: func(w *world, o *Options) string {
			bound := w.bind(w.token(w.DocumentSignerPID, nil))
			return w.token(w.DocumentSignerPID, map[string]any{"family_name": "Other"}) + bound[strings.LastIndexByte(bound, '~')+1:]
		}, failed: []string{"sd.sdhash"}, want: forged},

		// Status.
		{name: "a list for mdocs", try: func(w *world, o *Options) string {
			o.Lists = w.lists(w.StatusSigner, w.Now)
			return w.bind(w.token(w.DocumentSignerPID, nil))
		}, failed: []string{"st.sig"}, want: with(func(v *policy.Verdict) { *v = genuine; v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "a status that cannot be followed", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"status": map[string]any{"other": 1}}))
		}, failed: []string{"sd.status"}, want: with(func(v *policy.Verdict) { *v = genuine; v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "a status with a negative index", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": -7, "uri": listURI}}}))
		}, failed: []string{"sd.status"}, want: with(func(v *policy.Verdict) { *v = genuine; v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "no status, lives a day", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"status": nil, "exp": w.Now.Add(23 * time.Hour).Unix()}))
		}, want: genuine},
		{name: "no status, lives a second longer", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"status": nil, "exp": w.Now.Add(23*time.Hour + time.Second).Unix()}))
		}, want: with(func(v *policy.Verdict) { *v = genuine; v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "no status and no end", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"status": nil, "exp": nil}))
		}, want: with(func(v *policy.Verdict) { *v = genuine; v.Status, v.Freshness = policy.Unknown, policy.NotKnown })},
		{name: "dates that are none", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"exp": "tomorrow"}))
		}, failed: []string{"sd.validity"}, want: with(func(v *policy.Verdict) { *v = genuine; v.Status = policy.Unknown })},

		// What is shown.
		{name: "nothing disclosed, and nothing asked", try: func(w *world, o *Options) string {
			o.Profile = nil
			token, err := sdjwt.Parse(w.identity(person()))
			w.must(err)
			out, err := token.Present(func(sdjwt.Path) bool { return false }, w.device, o.Nonce, o.Audience, w.Now, rand.Reader)
			w.must(err)
			return out
		}, want: cannot},
		{name: "asked for an object of which nothing is left", try: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "family_name", "address")
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"address": map[string]any{"_sd": []string{strings.Repeat("A", 43)}}}))
		}, failed: []string{"req.satisfied"}, want: cannot},
		{name: "asked for a list of which nothing is left", try: func(w *world, o *Options) string {
			o.Profile = profileOf("urn:club:1", "badges")
			o.Trust = w.trusting(&w.IACA, "urn:club:1")
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"vct": "urn:club:1", "badges": []any{map[string]any{"...": strings.Repeat("A", 43)}}}))
		}, failed: []string{"req.satisfied"}, want: cannot},
		{name: "asked for a part of a place", try: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "place_of_birth/country")
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"place_of_birth": map[string]any{"country": "UT", "locality": "Capital"}}))
		}, want: genuine, also: func(t *testing.T, r *Report) {
			d := r.Documents[0]
			if len(d.IssuerSigned) != 1 || d.IssuerSigned[0].Name != "place_of_birth.country" || d.IssuerSigned[0].Value != "UT" {
				t.Errorf("shown %v", d.IssuerSigned)
			}
		}},
		{name: "asked for a part of a place that is not there", try: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "place_of_birth/country")
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"place_of_birth": map[string]any{"locality": "Capital"}}))
		}, failed: []string{"req.satisfied"}, want: cannot},
		{name: "a name with a dot is no path", try: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "address/country")
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"address.country": "UT", "address": "a street"}))
		}, failed: []string{"req.satisfied"}, want: cannot},
		{name: "a picture that is none", try: func(w *world, o *Options) string {
			o.Profile = profileOf(elements.PIDVCT, "picture")
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"picture": "data:image/jpeg;base64," + jose.EncodeBase64([]byte("GIF89a"))}))
		}, failed: []string{"mdl.elements", "req.satisfied"}, want: cannot},
		{name: "a birth date that is none", try: func(w *world, o *Options) string {
			return w.bind(w.token(w.DocumentSignerPID, map[string]any{"birthdate": "1990-02-30"}))
		}, failed: []string{"mdl.elements", "req.satisfied"}, want: cannot, also: func(t *testing.T, r *Report) {
			if slices.Contains(names(r.Documents[0].IssuerSigned), "birthdate") {
				t.Error("the date is shown")
			}
		}},
	} {
		t.Run(a.name, func(t *testing.T) {
			w := newWorld(t)
			o := w.sdOptions()
			compact := a.try(w, &o)
			r := SDJWT(compact, o)
			sane(t, r)
			failed := r.Failed()
			slices.Sort(failed)
			if !slices.Equal(failed, a.failed) {
				t.Errorf("failed checks %v, want %v", failed, a.failed)
			}
			if r.Verdict != a.want {
				t.Errorf("verdict %+v, want %+v\n%s", r.Verdict, a.want, strings.Join(r.Reasons, "\n"))
			}
			if a.also != nil {
				a.also(t, r)
			}
		})
	}
}

// RSA stands above issuers of SD-JWTs alone.
func TestNoRSAAboveMdoc(t *testing.T) {
	f := newForgery(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	f.must(err)
	ca := f.authority(key, []string{"UT"})
	f.options.Trust = f.trusting(ca)
	leaf := f.leafOf(ca, pki.OIDMdlDS)
	f.signer, f.unprotected[33] = leaf.Key, leaf.Chain[0]
	r := f.report()
	sane(t, r)
	if r.Verdict.Authenticity != policy.Forged || !slices.Equal(r.Failed(), []string{"ia.path"}) || !strings.Contains(check(r, "ia.path").Detail, "RSA") {
		t.Errorf("%+v %v", r.Verdict, r.Reasons)
	}
}

// authority makes a root by hand: country and kind of key as given.
func (w *world) authority(key crypto.Signer, country []string) *pkitest.Entity {
	w.t.Helper()
	e := &pkitest.Entity{}
	if key == nil {
		var err error
		e.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		w.must(err)
		key = e.Key
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 << 60), Subject: pkix.Name{Country: country, CommonName: "Authority by hand"},
		NotBefore: w.Now.AddDate(-1, 0, 0), NotAfter: w.Now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	w.must(err)
	e.Cert, err = pki.ParseCertificate(der)
	w.must(err)
	w.authorityKeys[fmt.Sprintf("%x", e.Cert.Fingerprint)] = key
	return e
}

// leafOf makes a leaf below an authority made by hand.
func (w *world) leafOf(ca *pkitest.Entity, usage asn1.ObjectIdentifier) *pkitest.Entity {
	w.t.Helper()
	return w.below(ca, &x509.Certificate{Subject: pkix.Name{CommonName: "Leaf by hand"}, KeyUsage: x509.KeyUsageDigitalSignature, UnknownExtKeyUsage: []asn1.ObjectIdentifier{usage}})
}

// authorityOf makes an authority below another.
func (w *world) authorityOf(ca *pkitest.Entity, name string) *pkitest.Entity {
	w.t.Helper()
	e := w.below(ca, &x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true, SubjectKeyId: []byte(name)})
	w.authorityKeys[fmt.Sprintf("%x", e.Cert.Fingerprint)] = e.Key
	return e
}

func (w *world) below(ca *pkitest.Entity, template *x509.Certificate) *pkitest.Entity {
	w.t.Helper()
	e := &pkitest.Entity{}
	var err error
	e.Key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	template.SerialNumber, template.Subject.Country = big.NewInt(1<<61), ca.Cert.Cert.Subject.Country
	template.NotBefore, template.NotAfter = w.Now.AddDate(0, 0, -30), w.Now.AddDate(0, 6, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Cert.Cert, e.Key.Public(), w.authorityKeys[fmt.Sprintf("%x", ca.Cert.Fingerprint)])
	w.must(err)
	e.Cert, err = pki.ParseCertificate(der)
	w.must(err)
	e.Chain = append([][]byte{der}, ca.Chain...)
	return e
}

// trusting trusts one authority for licences and for the types given, else for
// identities.
func (w *world) trusting(ca *pkitest.Entity, vcts ...string) *trust.Store {
	w.t.Helper()
	if vcts == nil {
		vcts = []string{elements.PIDVCT}
	}
	s := &trust.Store{}
	w.must(s.Add(trust.Anchor{Cert: ca.Cert, Source: "test", Scope: trust.Scope{
		Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT}, DocTypes: []string{elements.MDLDocType}, VCTs: vcts}}))
	return s
}
