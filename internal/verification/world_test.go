package verification

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

const listURI = "https://issuer.example/status/1"

// picture is a JPEG of one grey pixel.
var picture = func() []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

// world is an issuer, a holder and a reader at one instant.
type world struct {
	*pkitest.World
	t      testing.TB
	device *ecdsa.PrivateKey
	list   *statuslist.List
	trust  *trust.Store

	listAuthority *pkitest.Entity
	authorityKeys map[string]crypto.Signer // of roots made by hand
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: pkitest.NewWorld(t), t: t, authorityKeys: map[string]crypto.Signer{}}
	var err error
	if w.device, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if w.list, err = statuslist.New(1, 1<<10); err != nil {
		t.Fatal(err)
	}
	w.trust = &trust.Store{}
	w.must(w.trust.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "test", Scope: trust.Scope{
		Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT, trust.StatusList},
		DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT},
	}}))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// values are those of a licence that drives category B.
func values() map[string]any {
	return map[string]any{
		"family_name": "Weber", "given_name": "Anouk", "birth_date": "1990-05-02", "issue_date": "2024-01-10",
		"expiry_date": "2034-01-09", "issuing_country": pkitest.Country, "issuing_authority": "Utopia Roads",
		"document_number": "U1234567", "portrait": picture, "un_distinguishing_sign": "UT",
		"driving_privileges": []elements.Privilege{{Category: "B", IssueDate: "2010-06-01", ExpiryDate: "2034-01-09"}},
		"age_over_18":        true, "age_over_65": false,
	}
}

// licence is what a test may change before the credential is issued.
type licence struct {
	world  *world
	values map[string]any
	copy   mdoc.Copy
	signer *pkitest.Entity
	chain  [][]byte
}

func (w *world) licence(change ...func(*licence)) []byte {
	w.t.Helper()
	l := &licence{world: w, values: values(), signer: &w.DocumentSignerMDL, copy: w.copyOf(5)}
	for _, f := range change {
		f(l)
	}
	names := make([]string, 0, len(l.values))
	for name := range l.values {
		names = append(names, name)
	}
	slices.Sort(names)
	ns := mdoc.NamespaceElements{NameSpace: elements.MDLNameSpace}
	for _, name := range names {
		row, ok := elements.MDL.ByIdentifier(name)
		if !ok {
			w.t.Fatalf("no row %s", name)
		}
		item, err := row.Encode(l.values[name])
		w.must(err)
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: name, Value: item})
	}
	return w.sign(l, elements.MDLDocType, ns)
}

// copyOf is a copy with one index in the status list.
func (w *world) copyOf(index uint64) mdoc.Copy {
	day := w.Now.Truncate(24 * time.Hour)
	return mdoc.Copy{
		DeviceKey: &w.device.PublicKey,
		Validity:  mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14)),
		Status:    &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: index, URI: listURI}},
	}
}

// sign issues elements as a document.
func (w *world) sign(l *licence, docType string, ns mdoc.NamespaceElements) []byte {
	w.t.Helper()
	template, err := mdoc.NewTemplate(docType, ns)
	w.must(err)
	prepared, err := template.Prepare(l.copy, rand.Reader)
	w.must(err)
	chain := l.signer.Chain
	if l.chain != nil {
		chain = l.chain
	}
	out, err := prepared.Sign(l.signer.Key, chain, rand.Reader)
	w.must(err)
	return out
}

var asked = map[string][]string{elements.MDLNameSpace: {"portrait", "family_name", "given_name", "driving_privileges"}}

func (w *world) transcript() mdoc.SessionTranscript {
	w.t.Helper()
	tr, err := mdoc.OpenID4VPTranscript("x509_hash:abc", "nonce-of-this-session-0123456789", nil, "https://verifier.example/r")
	w.must(err)
	return tr
}

// present shows elements of a licence in the session of transcript.
func (w *world) present(issued []byte, want map[string][]string) []byte {
	w.t.Helper()
	signed, err := mdoc.ParseIssuerSigned(issued)
	w.must(err)
	device, err := mdoc.SignDevice(w.device, w.transcript(), signed.MSO.DocType, nil, rand.Reader)
	w.must(err)
	response, err := mdoc.BuildDeviceResponse(mdoc.ResponseDocument{IssuerSigned: signed.Select(want), DeviceSigned: device})
	w.must(err)
	return response
}

func (w *world) options() Options {
	p, ok := policy.Default().Profile("right-to-drive")
	if !ok {
		w.t.Fatal("no profile")
	}
	return Options{Now: w.Now, Trust: w.trust, CRLs: w.CRLs, Lists: w.lists(w.StatusSigner, w.Now.Add(-time.Hour)), Transcript: w.transcript(), Profile: &p}
}

// noCRLs asks for no revocation lists: of authorities made by hand there are none.
func noCRLs(o *Options) {
	p := *policy.Default()
	p.RequireRevocation = false
	o.Policy, o.CRLs = &p, nil
}

// lists publishes the list for mdocs, signed by an entity at an instant.
func (w *world) lists(by pkitest.Entity, at time.Time) func(string) ([]byte, error) {
	return w.publish(at, func(body *statuslist.Body, c statuslist.Claims) ([]byte, error) {
		return body.SignCWT(by.Key, c, by.Chain, rand.Reader)
	})
}

// listsJWT publishes the same list for SD-JWTs.
func (w *world) listsJWT(by pkitest.Entity, at time.Time) func(string) ([]byte, error) {
	return w.publish(at, func(body *statuslist.Body, c statuslist.Claims) ([]byte, error) {
		token, err := body.SignJWT(by.Key, c, by.Chain, rand.Reader)
		return []byte(token), err
	})
}

func (w *world) publish(at time.Time, sign func(*statuslist.Body, statuslist.Claims) ([]byte, error)) func(string) ([]byte, error) {
	return func(uri string) ([]byte, error) {
		if uri != listURI {
			return nil, fmt.Errorf("no list %s", uri)
		}
		body, err := statuslist.Build(w.list)
		if err != nil {
			return nil, err
		}
		return sign(body, statuslist.Claims{Subject: uri, IssuedAt: at, Expires: at.AddDate(0, 0, 14), TTL: 5 * time.Minute})
	}
}

// sdOptions are those of a reader of SD-JWTs that asked for what an identity
// holds, and not for whose it is: of most of these there is no picture.
func (w *world) sdOptions() Options {
	o := w.options()
	p, _ := policy.Default().Profile("identity")
	p.Question = policy.Question{}
	o.Profile, o.Nonce, o.Audience = &p, "n-1234567890", "x509_hash:abc"
	o.Lists = w.listsJWT(w.StatusSigner, w.Now.Add(-time.Hour))
	return o
}

// bind shows every claim of a credential, in the transaction of sdOptions.
func (w *world) bind(compact string) string {
	w.t.Helper()
	token, err := sdjwt.Parse(compact)
	w.must(err)
	out, err := token.Present(sdjwt.Everything, w.device, "n-1234567890", "x509_hash:abc", w.Now, rand.Reader)
	w.must(err)
	return out
}

// identity issues a PID as SD-JWT VC.
func (w *world) identity(claims sdjwt.Object, change ...func(*sdjwt.Copy)) string {
	w.t.Helper()
	template, err := sdjwt.NewTemplate(elements.PIDVCT, claims, sdjwt.Options{})
	w.must(err)
	day := w.Now.Truncate(24 * time.Hour)
	c := sdjwt.Copy{Issuer: pkitest.IssuerURL, IssuedAt: day, NotBefore: day, Expires: day.AddDate(0, 0, 14), Confirmation: &w.device.PublicKey,
		Status: &sdjwt.StatusReference{Index: 7, URI: listURI}}
	for _, f := range change {
		f(&c)
	}
	prepared, err := template.Prepare(c, rand.Reader)
	w.must(err)
	compact, err := prepared.Sign(w.DocumentSignerPID.Key, w.DocumentSignerPID.Chain, rand.Reader)
	w.must(err)
	return compact
}

func person() sdjwt.Object {
	return sdjwt.Object{
		{Name: "family_name", Value: "Weber"}, {Name: "given_name", Value: "Anouk"}, {Name: "birthdate", Value: "1990-05-02"},
		{Name: "place_of_birth", Value: sdjwt.Object{{Name: "country", Value: "UT"}}}, {Name: "nationalities", Value: []any{"UT"}},
		{Name: "issuing_authority", Value: "Utopia"}, {Name: "issuing_country", Value: "UT"},
		{Name: "picture", Value: "data:image/jpeg;base64," + jose.EncodeBase64(picture)},
	}
}

// otherKey is a reader's key of another session.
func otherKey(f *forgery) *ecdh.PrivateKey {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	f.must(err)
	return key
}

var errNoNetwork = errors.New("no network")
