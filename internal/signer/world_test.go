package signer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/audit"
	"vidimus/internal/bulk"
	"vidimus/internal/bundle"
	"vidimus/internal/jose"
	"vidimus/internal/keys"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/sdjwt"
	. "vidimus/internal/signer"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

const (
	issuerURL = pkitest.IssuerURL
	listURI   = issuerURL + "/status/7"
	mdl       = "org.iso.18013.5.1.mDL"
	pidMdoc   = "eu.europa.ec.eudi.pid.1"
	pidVCT    = "urn:eudi:pid:1"
)

// world is an office whose keys are all in one service.
type world struct {
	t testing.TB
	*pkitest.World
	entities map[string]pkitest.Entity
	profiles map[string]pki.Profile
	audit    *audit.Memory
	service  *Service
}

// keyNames are those of the keys, in the order of their making.
var keyNames = []string{"iaca", "reader-ca", "mdl", "pid", "status", "receipt", "checkpoint", "console", "access", "bundle", "vical"}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// newWorld makes one; change may alter the configuration before the service is made.
func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, World: pkitest.NewWorld(t), audit: new(audit.Memory)}
	issue := func(tmpl pki.Template, by *pkitest.Entity) pkitest.Entity {
		e, err := w.Issue(tmpl, by)
		w.must(err)
		return *e
	}
	checkpoint := issue(pki.Template{Profile: pki.ProfileCheckpointSigner, Subject: pki.Name{Country: "UT", CommonName: "checkpoint"}}, &w.OperationsCA)
	console := issue(pki.Template{Profile: pki.ProfileRegistrySource, Subject: pki.Name{Country: "UT", CommonName: "console"}}, &w.OperationsCA)
	access := issue(pki.Template{Profile: pki.ProfileAccess, Subject: pki.Name{Country: "UT", CommonName: "access"}, DNSNames: []string{pkitest.IssuerHost}}, &w.AccessCA)
	vical := issue(pki.Template{Profile: pki.ProfileVICALSigner, Subject: pki.Name{Country: "UT", Organization: "Utopia", CommonName: "lists"},
		CRLDistributionPoint: issuerURL + "/crl"}, &w.OperationsCA)
	w.entities = map[string]pkitest.Entity{
		"vical": vical,
		"iaca":  w.IACA, "reader-ca": w.ReaderCA, "mdl": w.DocumentSignerMDL, "pid": w.DocumentSignerPID, "status": w.StatusSigner,
		"receipt": w.ReceiptSigner, "checkpoint": checkpoint, "console": console, "access": access, "bundle": w.BundleSigner,
	}
	w.profiles = map[string]pki.Profile{
		"vical": pki.ProfileVICALSigner,
		"iaca":  pki.ProfileIACA, "reader-ca": pki.ProfileReaderCA, "mdl": pki.ProfileDocumentSignerMDL, "pid": pki.ProfileDocumentSignerPID,
		"status": pki.ProfileStatusSigner, "receipt": pki.ProfileReceiptSigner, "checkpoint": pki.ProfileCheckpointSigner,
		"console": pki.ProfileRegistrySource, "access": pki.ProfileAccess, "bundle": pki.ProfileBundleSigner,
	}
	cfg := Config{Audit: w.audit, Clock: w.Clock, Rand: rand.Reader}
	for _, name := range keyNames {
		cfg.Keys = append(cfg.Keys, w.key(name))
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	w.service, err = New(cfg)
	w.must(err)
	return w
}

// key is a key as the office configures it.
func (w *world) key(name string) Key {
	w.t.Helper()
	office := Office{Issuer: issuerURL}
	switch name {
	case "mdl":
		office.DocTypes = []string{mdl}
	case "pid":
		office.DocTypes, office.VCTs = []string{pidMdoc}, []string{pidVCT}
	}
	p, err := PolicyFor(w.profiles[name], office)
	w.must(err)
	return Key{Name: name, Signer: w.entities[name].Key, Chain: w.chain(name), Policy: p}
}

// chain is that of a key: a root is its own.
func (w *world) chain(name string) [][]byte {
	if e := w.entities[name]; e.Chain != nil {
		return e.Chain
	}
	return [][]byte{w.entities[name].Cert.Raw}
}

// tape is a key that writes down what it is asked to sign.
type tape struct {
	*ecdsa.PrivateKey
	messages [][]byte
}

func (t *tape) SignMessage(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	t.messages = append(t.messages, append([]byte(nil), message...))
	h := opts.HashFunc().New()
	h.Write(message)
	return t.Sign(rand, h.Sum(nil), opts)
}

// spoken gives the message that somebody has signed with a key.
func (w *world) spoken(name string, speak func(key crypto.Signer, chain [][]byte) error) []byte {
	w.t.Helper()
	tape := &tape{PrivateKey: w.entities[name].Key}
	w.must(speak(tape, w.chain(name)))
	if len(tape.messages) != 1 {
		w.t.Fatalf("%d messages", len(tape.messages))
	}
	return tape.messages[0]
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// mso is a copy of a document with 30 elements.
func (w *world) mso(name, docType string, change func(*mdoc.Copy)) []byte {
	w.t.Helper()
	ns := mdoc.NamespaceElements{NameSpace: "org.iso.18013.5.1"}
	for i := range 30 {
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: fmt.Sprintf("e%d", i), Value: "value"})
	}
	template, err := mdoc.NewTemplate(docType, ns)
	w.must(err)
	day := w.Now.Truncate(24 * time.Hour)
	c := mdoc.Copy{DeviceKey: newKey(w.t).Public(), Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14)),
		Status: &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: 7, URI: listURI}}}
	if change != nil {
		change(&c)
	}
	p, err := template.Prepare(c, rand.Reader)
	w.must(err)
	return w.spoken(name, func(key crypto.Signer, chain [][]byte) error { _, err := p.Sign(key, chain, rand.Reader); return err })
}

func (w *world) sdjwt(change func(*sdjwt.Copy)) []byte {
	w.t.Helper()
	claims := sdjwt.Object{}
	for i := range 20 {
		claims = append(claims, sdjwt.Member{Name: fmt.Sprintf("c%d", i), Value: "value"})
	}
	template, err := sdjwt.NewTemplate(pidVCT, claims, sdjwt.Options{})
	w.must(err)
	day := w.Now.Truncate(24 * time.Hour)
	c := sdjwt.Copy{Issuer: issuerURL, IssuedAt: day, NotBefore: day, Expires: day.AddDate(0, 0, 14), Confirmation: newKey(w.t).Public(),
		Status: &sdjwt.StatusReference{Index: 7, URI: listURI}}
	if change != nil {
		change(&c)
	}
	p, err := template.Prepare(c, rand.Reader)
	w.must(err)
	return w.spoken("pid", func(key crypto.Signer, chain [][]byte) error { _, err := p.Sign(key, chain, rand.Reader); return err })
}

func (w *world) listClaims() statuslist.Claims {
	return statuslist.Claims{Subject: listURI, IssuedAt: w.Now, Expires: w.Now.AddDate(0, 0, 7), TTL: time.Hour, AggregationURI: issuerURL + "/status"}
}

func (w *world) body() *statuslist.Body {
	w.t.Helper()
	list, err := statuslist.New(1, 1<<16)
	w.must(err)
	b, err := statuslist.Build(list)
	w.must(err)
	return b
}

// token is a token of a header and claims that no room makes alone.
func (w *world) token(name string, header map[string]any, claims any) []byte {
	w.t.Helper()
	payload, err := json.Marshal(claims)
	w.must(err)
	return w.spoken(name, func(key crypto.Signer, chain [][]byte) error {
		_, err := jose.Sign(key, header, payload, rand.Reader)
		return err
	})
}

func (w *world) kid(name string) string {
	w.t.Helper()
	thumbprint, err := jose.Thumbprint(w.entities[name].Key.Public())
	w.must(err)
	return jose.EncodeBase64URL(thumbprint)
}

func (w *world) template(profile pki.Profile) pki.Template {
	return pki.Template{Profile: profile, Subject: pki.Name{Country: "UT", Organization: "Police", CommonName: "patrol 7"}, Public: newKey(w.t).Public(),
		NotBefore: w.Now.Add(-time.Hour), NotAfter: w.Now.AddDate(0, 6, 0), IssuerAltName: issuerURL, CRLDistributionPoint: issuerURL + "/crl"}
}

// receipt is what registry says to a source.
func (w *world) receipt() map[string]any {
	return map[string]any{"iss": issuerURL, "aud": "https://registry.example", "iat": w.Now.Unix(), "jti": "a", "event": "b",
		"accepted_at": w.Now.Unix(), "state": "covered", "version": 3, "copies": 2, "covered_at": w.Now.Unix(), "lists": []any{map[string]any{"uri": listURI, "version": 7}}}
}

// speakers make one message of each kind, as this product makes it, with the key that
// is for it.
var speakers = map[Kind]struct {
	key   string
	speak func(w *world) []byte
}{
	KindMSO:   {"mdl", func(w *world) []byte { return w.mso("mdl", mdl, nil) }},
	KindSDJWT: {"pid", func(w *world) []byte { return w.sdjwt(nil) }},
	KindStatusJWT: {"status", func(w *world) []byte {
		return w.spoken("status", func(key crypto.Signer, chain [][]byte) error {
			_, err := w.body().SignJWT(key, w.listClaims(), chain, rand.Reader)
			return err
		})
	}},
	KindStatusCWT: {"status", func(w *world) []byte {
		return w.spoken("status", func(key crypto.Signer, chain [][]byte) error {
			_, err := w.body().SignCWT(key, w.listClaims(), chain, rand.Reader)
			return err
		})
	}},
	KindIdentifierList: {"status", func(w *world) []byte {
		return w.spoken("status", func(key crypto.Signer, chain [][]byte) error {
			_, err := statuslist.SignIdentifierList([][]byte{{1}, {2, 3}}, key, w.listClaims(), chain, rand.Reader)
			return err
		})
	}},
	KindReceipt: {"receipt", func(w *world) []byte {
		return w.token("receipt", map[string]any{"typ": "vidimus-receipt+jwt", "kid": w.kid("receipt"), "x5c": w.chain("receipt")}, w.receipt())
	}},
	KindNotice: {"receipt", func(w *world) []byte {
		return w.token("receipt", map[string]any{"typ": "vidimus-notice+jwt", "kid": w.kid("receipt"), "x5c": w.chain("receipt")},
			map[string]any{"iss": issuerURL, "aud": "https://portal.example", "iat": w.Now.Unix(), "jti": "a", "sub": "123", "created": w.Now.Unix(),
				"fact": "x", "effect": "y", "since": w.Now.Unix(), "texts": map[string]any{}})
	}},
	KindReconciliation: {"receipt", func(w *world) []byte {
		return w.spoken("receipt", func(key crypto.Signer, chain [][]byte) error {
			_, err := bulk.Result{Manifest: bulk.Manifest{Source: "https://registry.example", ID: "x", Issued: w.Now}, Begun: w.Now}.Sign(issuerURL, key, chain, w.Now, rand.Reader)
			return err
		})
	}},
	KindBackup: {"receipt", func(w *world) []byte {
		digest := strings.Repeat("0a", 32)
		return w.token("receipt", map[string]any{"typ": "vidimus-backup+jwt", "kid": w.kid("receipt")},
			map[string]any{"iss": issuerURL, "iat": w.Now.Unix(), "manifest": digest, "files": []any{map[string]any{"name": "a.db", "size": 7, "sha256": digest}}})
	}},
	KindCheckpoint: {"checkpoint", func(w *world) []byte {
		return w.token("checkpoint", map[string]any{"typ": "vidimus-checkpoint+jwt", "kid": w.kid("checkpoint")}, map[string]any{"iss": issuerURL, "iat": w.Now.Unix(),
			"size": 7, "root": jose.EncodeBase64URL(make([]byte, 32)), "head": strings.Repeat("0a", 32)})
	}},
	KindEvent: {"console", func(w *world) []byte {
		return w.spoken("console", func(key crypto.Signer, _ [][]byte) error {
			c := registryclient.Client{Source: issuerURL + "/wallets", Audience: issuerURL, Signer: key, KeyID: w.kid("console"), Now: w.Clock.Now, Rand: rand.Reader}
			_, err := c.Sign(registryclient.Event{Subject: "u1", Seq: 1, Payload: registryclient.WalletUnitRevoked{}})
			return err
		})
	}},
	KindMetadata: {"access", func(w *world) []byte {
		return w.spoken("access", func(key crypto.Signer, chain [][]byte) error {
			m := &oid4vci.IssuerMetadata{CredentialIssuer: issuerURL, CredentialEndpoint: issuerURL + "/credential", Configurations: map[string]oid4vci.Configuration{}}
			_, err := oid4vci.SignMetadata(m, key, chain, w.Now, w.Now.Add(24*time.Hour), rand.Reader)
			return err
		})
	}},
	KindBundle: {"bundle", func(w *world) []byte {
		return w.spoken("bundle", func(key crypto.Signer, chain [][]byte) error {
			anchors := new(trust.Store)
			w.must(anchors.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "a file", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{mdl}}}))
			_, err := bundle.Build(bundle.Contents{Publisher: issuerURL, Sequence: 7, Issued: w.Now, Expires: w.Now.AddDate(0, 0, 7), Anchors: anchors}, key, chain, rand.Reader)
			return err
		})
	}},
	KindVICAL: {"vical", func(w *world) []byte {
		return w.spoken("vical", func(key crypto.Signer, chain [][]byte) error {
			_, err := trust.BuildVICAL(trust.VICALContents{Provider: "Utopia", IssueID: 7, Date: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30),
				Entries: []trust.VICALEntry{{Cert: w.IACA.Cert, DocTypes: []string{mdl}}}}, key, chain, []*pki.Certificate{w.OperationsCA.Cert}, rand.Reader)
			return err
		})
	}},
	KindEntityList: {"vical", func(w *world) []byte {
		return w.spoken("vical", func(key crypto.Signer, chain [][]byte) error {
			_, err := trust.BuildEntityList(trust.EntityListContents{
				Type: trust.PIDProviders, Operator: "Utopia", Territory: "UT", Sequence: 7, Issued: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30),
				Entities: []trust.ListedEntity{{Name: "Utopia", Contact: issuerURL, Services: []trust.ListedService{{Type: trust.PIDIssuance, Name: "PID", Certificates: []*pki.Certificate{w.IACA.Cert}}}}},
			}, key, chain, []*pki.Certificate{w.OperationsCA.Cert}, rand.Reader)
			return err
		})
	}},
	KindReaderCertificate: {"reader-ca", func(w *world) []byte {
		return w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
			_, err := pki.Build(w.template(pki.ProfileReader), w.ReaderCA.Cert, key, rand.Reader)
			return err
		})
	}},
	KindCRL: {"reader-ca", func(w *world) []byte { return w.crl("reader-ca") }},
	KindProof: {"mdl", func(w *world) []byte {
		return w.spoken("mdl", func(key crypto.Signer, _ [][]byte) error {
			return keys.Prove(key, w.entities["mdl"].Cert.Cert, rand.Reader)
		})
	}},
}

func (w *world) crl(name string) []byte {
	return w.spoken(name, func(key crypto.Signer, _ [][]byte) error {
		r := pki.Revocations{Number: big.NewInt(7), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 7),
			Revoked: []pki.RevokedCertificate{{Serial: big.NewInt(77), At: w.Now.Add(-time.Hour)}}}
		_, err := pki.BuildCRL(r, w.entities[name].Cert, key, rand.Reader)
		return err
	})
}

// sign asks as somebody in this process.
func (w *world) sign(key string, messages ...[]byte) ([][]byte, error) {
	return w.service.Sign(w.t.Context(), Caller{Name: "test"}, Request{Key: key, Messages: messages})
}

// verify holds a signature against a message.
func (w *world) verify(key string, message, signature []byte) {
	w.t.Helper()
	pub := w.entities[key].Cert.PublicKey().(*ecdsa.PublicKey)
	hash, err := HashFor(pub, message)
	w.must(err)
	h := hash.New()
	h.Write(message)
	if !ecdsa.VerifyASN1(pub, h.Sum(nil), signature) {
		w.t.Errorf("the signature of %s does not verify", key)
	}
}

// events are those of the record.
func (w *world) events() []audit.Event {
	w.t.Helper()
	var out []audit.Event
	_, err := audit.Verify(bytes.NewReader(w.audit.Bytes()), func(_ uint64, e audit.Event) error {
		out = append(out, e)
		return nil
	})
	w.must(err)
	return out
}
