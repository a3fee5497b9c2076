package issuer_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/fetch"
	"vidimus/internal/policy"
	"vidimus/internal/wallet"
)

const source = "https://registry.example"

// production turns a development configuration into that of a real office:
// https, registries behind TLS, named wallets. TLS files lie beside the state.
func production(t *testing.T, c issuer.Config) issuer.Config {
	t.Helper()
	dir := t.TempDir()
	c.Dev, c.PublicURL, c.Clients = false, "https://issuer.example", []string{"https://wallet.example"}
	ca := newTLS(t, dir, "ca", nil)
	newTLS(t, dir, "server", ca)
	newTLS(t, dir, "registry.example", ca)
	newTLS(t, dir, "stranger.example", ca)
	c.RegistryTLS = issuer.TLS{Certificate: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key"), ClientCA: filepath.Join(dir, "ca.pem")}
	key := newKey(t)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "2026-1.pem"), "PUBLIC KEY", der)
	write(t, filepath.Join(dir, "2026-1.key"), "PRIVATE KEY", pkcs8(t, key))
	c.Sources = []issuer.Source{{
		Issuer: source, Keys: []string{filepath.Join(dir, "2026-1.pem")}, Entitlements: []string{"driving"},
		Events: []string{"person-put", "entitlement-put", "document-put", "document-annulled"}, DocumentTypes: []string{"mdl", "pid"},
	}}
	return c
}

type tlsEntity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newTLS makes NAME.pem and NAME.key: a CA, or a leaf of it with NAME and the
// address of this machine.
func newTLS(t *testing.T, dir, name string, by *tlsEntity) *tlsEntity {
	t.Helper()
	key := newKey(t)
	now := time.Now() // the TLS library knows no other clock
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(name))), Subject: pkix.Name{CommonName: name}, NotBefore: start.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := tpl, key
	if by == nil {
		tpl.IsCA, tpl.BasicConstraintsValid, tpl.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	write(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", pkcs8(t, key))
	return &tlsEntity{cert, key}
}

func pkcs8(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// behind is a wallet's way to an office whose public URL belongs to a reverse
// proxy: the host is exchanged, everything else stays.
type behind struct {
	web  *fetch.Client
	from string
	to   string
}

func (b behind) Do(r *http.Request, limit int64) (*http.Response, []byte, error) {
	u, err := url.Parse(b.to + strings.TrimPrefix(r.URL.String(), b.from))
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasPrefix(r.URL.String(), b.from) {
		return nil, nil, fmt.Errorf("the wallet leaves the office: %s", r.URL)
	}
	r = r.Clone(r.Context())
	r.URL, r.Host = u, ""
	return b.web.Do(r, limit)
}

// TestProduction issues without --dev: https behind a proxy, a registry with a
// client certificate (bad input R01: not without), a named wallet.
func TestProduction(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) { *c = production(t, *c) }).serve()
	dir := filepath.Dir(o.cfg.RegistryTLS.ClientCA)
	feed := func(name string) *issuer.Feed {
		return o.feed(issuer.FeedConfig{
			Source: source, Key: filepath.Join(dir, "2026-1.key"), Endpoint: "https://" + o.app.Addresses().Registry,
			TLSRoots: o.cfg.RegistryTLS.ClientCA, TLSCertificate: filepath.Join(dir, name+".pem"), TLSKey: filepath.Join(dir, name+".key"),
		})
	}
	events, err := issuer.Sample(o.cfg.Authority, start)
	o.must(err)
	if err := feed("stranger.example").Send(t.Context(), events[:1], false, nil); err == nil || !strings.Contains(err.Error(), "access_denied") {
		t.Errorf("a certificate of nobody: %v", err)
	}
	var sent []issuer.Sent
	registry := feed("registry.example")
	o.must(registry.Send(t.Context(), events, true, func(s issuer.Sent) { sent = append(sent, s) }))
	if r, err := registry.Receipt(t.Context(), sent[2].JTI); err != nil || r.State != "applied" || r.Audience != source {
		t.Errorf("receipt %+v, %v", r, err)
	}
	if _, err := feed("stranger.example").Receipt(t.Context(), sent[2].JTI); err == nil {
		t.Error("a stranger gets a receipt")
	}
	none := o.feed(issuer.FeedConfig{Source: source, Key: filepath.Join(dir, "2026-1.key"), Endpoint: "https://" + o.app.Addresses().Registry, TLSRoots: o.cfg.RegistryTLS.ClientCA})
	none.Tries = 1
	if _, err := none.Receipt(t.Context(), sent[2].JTI); err == nil {
		t.Error("without a client certificate")
	}
	if _, err := issuer.OpenFeed(t.Context(), &o.cfg, issuer.FeedConfig{Source: source, Key: "x", Endpoint: "http://127.0.0.1:1"}, o.clock.Now); err == nil {
		t.Error("events go over http")
	}
	if _, err := issuer.OpenFeed(t.Context(), &o.cfg, issuer.FeedConfig{}, o.clock.Now); err == nil {
		t.Error("there is a sample registry outside of development")
	}

	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	proxy := behind{web, o.cfg.PublicURL, "http://" + o.app.Addresses().Public}
	offer := o.offer(issuer.OfferWish{Documents: []string{"DL-2"}})
	anonymous := o.wallet(func(c *wallet.Config) { c.Web = proxy })
	if _, err := anonymous.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode}); err == nil {
		t.Error("an anonymous wallet redeems a code")
	}
	named := o.wallet(func(c *wallet.Config) { c.Web, c.ClientID = proxy, "https://wallet.example" })
	batches, err := named.Accept(t.Context(), offer.URI, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 2})
	if err != nil || len(batches) != 1 || batches[0].Configuration != "mdl" {
		t.Fatalf("%+v, %v", batches, err)
	}
	offer = o.offer(issuer.OfferWish{Person: "P-2", Configurations: []string{"pid-sd-jwt", "pid-mdoc"}})
	if _, err := named.Accept(t.Context(), offer.Reference, wallet.AcceptOptions{TxCode: offer.TxCode, Copies: 2}); err != nil {
		t.Fatal(err)
	}
	for id, r := range o.verifyBy(named, proxy) {
		if r.Colour != policy.Green {
			t.Errorf("%s: %s %+v %v", id, r.Colour, r.Verdict, r.Failed())
		}
	}
}

// What the office did not acknowledge waits, and goes first with the same
// token; what it refused is gone, and its number is free.
func TestFeed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	events, err := issuer.Sample(o.cfg.Authority, start)
	o.must(err)
	feed := o.feed(issuer.FeedConfig{})
	feed.Tries = 1
	if err := feed.Send(t.Context(), events[:2], false, nil); err == nil || !strings.Contains(err.Error(), "goes first next time") {
		t.Fatalf("nobody answers: %v", err)
	}
	o.serve()
	var sent []issuer.Sent
	count := func(s issuer.Sent) { sent = append(sent, s) }
	o.must(o.feed(issuer.FeedConfig{}).Send(t.Context(), events[2:4], true, count))
	if len(sent) != 4 || sent[0].Name != "person-put" || sent[3].Seq != 4 {
		t.Fatalf("sent %+v", sent)
	}
	bad := events[2]
	bad.Payload = json.RawMessage(strings.Replace(string(bad.Payload), `"mdl"`, `"boat"`, 1))
	for _, batch := range []bool{false, true} {
		sent = nil
		err = o.feed(issuer.FeedConfig{}).Send(t.Context(), []issuer.FileEvent{events[4], bad, events[5]}, batch, count)
		if err == nil || !strings.Contains(err.Error(), "access_denied") || len(sent) != 1 {
			t.Errorf("batch %t: a type that the source may not put: %v, %d sent", batch, err, len(sent))
		}
	}
	sent = nil
	o.must(o.feed(issuer.FeedConfig{}).Send(t.Context(), events[5:6], false, count))
	if sent[0].Seq != 7 {
		t.Errorf("the number after refusals is %d", sent[0].Seq)
	}
	t.Run("counter lost", func(t *testing.T) {
		box := o.cfg.Path("sources/dev-registry.key.outbox.json")
		if info, err := os.Stat(box); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("outbox %v, %v", info, err)
		}
		o.must(os.Remove(box))
		feed := o.feed(issuer.FeedConfig{})
		if err := feed.Send(t.Context(), events[6:7], false, nil); err == nil || !strings.Contains(err.Error(), "8 is due") {
			t.Errorf("without a counter: %v", err)
		}
		feed = o.feed(issuer.FeedConfig{})
		feed.Next(8)
		o.must(feed.Send(t.Context(), events[6:7], false, nil))
	})
	if _, err := issuer.OpenFeed(t.Context(), &o.cfg, issuer.FeedConfig{Source: "https://other.example"}, o.clock.Now); err == nil {
		t.Error("one key for two sources")
	}
}

func TestParseEvents(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"event":"document-annulled","person":"P-1","payload":{"number":"DL-1","reason":"x"}}`: "",
		`[]`:                        "",
		``:                          "",
		`{`:                         "",
		`{"event":"x"} {}`:          "",
		`{"evnt":"x"}`:              "evnt",
		`{"event":1}`:               "event",
		`{"event":"a","event":"b"}`: "",
	} {
		events, err := issuer.ParseEvents([]byte(text))
		good := text == `[]` || strings.Contains(text, "annulled")
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, events, err)
		}
	}
	o := newOffice(t).serve()
	for text, want := range map[string]string{
		`{"event":"person-dies","person":"P-1","payload":{}}`:                                    "no event",
		`{"event":"person-put","person":"P-1"}`:                                                  "payload is missing",
		`{"event":"person-put","payload":{"attributes":{}}}`:                                     "person is missing",
		`{"event":"document-put","person":"P-1","payload":{"number":"1","expirydate":"2030"}}`:   "expirydate",
		`{"event":"document-annulled","person":"P-1","toe":"today","payload":{"number":"DL-1"}}`: "toe",
	} {
		events, err := issuer.ParseEvents([]byte(text))
		o.must(err)
		if err := o.feed(issuer.FeedConfig{}).Send(t.Context(), events, false, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
