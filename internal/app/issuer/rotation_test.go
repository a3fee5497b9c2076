package issuer_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/keys/soft"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
)

const day = 24 * time.Hour

// generation makes a key and a certificate of a signer of the office, valid from so
// many days after the start until so many, and gives what the configuration says of it.
func (o *office) generation(name, as string, from, until int) issuer.Generation {
	o.t.Helper()
	g := issuer.Generation{Key: "soft:path=keys/" + as + ".key", Chain: "certs/" + as + ".pem"}
	key, err := soft.New(o.cfg.StateDir).Create(o.t.Context(), g.Key, elliptic.P256())
	o.must(err)
	above, profile := o.cfg.IACA, map[string]pki.Profile{
		"mdl": pki.ProfileDocumentSignerMDL, "pid": pki.ProfileDocumentSignerPID, "status": pki.ProfileStatusSigner, "receipt": pki.ProfileReceiptSigner,
		"checkpoint": pki.ProfileCheckpointSigner, "console": pki.ProfileRegistrySource, "bundle": pki.ProfileBundleSigner, "access": pki.ProfileAccess,
	}[name]
	switch name {
	case "receipt", "checkpoint", "console", "bundle":
		above = o.cfg.OperationsCA
	case "access":
		above = o.cfg.AccessCA
	}
	root, err := soft.New(o.cfg.StateDir).Signer(o.t.Context(), above.Key)
	o.must(err)
	first := o.certificate(o.cfg.Path(o.cfg.Signers[name].Chain))
	tpl := pki.Template{
		Profile: profile, Subject: pki.Name{Country: first.Country, Organization: "Utopia", CommonName: "Utopia " + as}, Public: key.Public(),
		NotBefore: start.Add(time.Duration(from) * day), NotAfter: start.Add(time.Duration(until) * day),
		IssuerAltName: o.cfg.PublicURL,
	}
	if above == o.cfg.IACA {
		tpl.CRLDistributionPoint = o.cfg.PublicURL + issuerhttp.SignerCRLPath
	}
	for _, u := range first.Cert.URIs {
		tpl.URIs = append(tpl.URIs, u.String())
	}
	tpl.DNSNames = first.Cert.DNSNames
	cert, err := pki.Build(tpl, o.certificate(o.cfg.Path(above.Certificate)), root, rand.Reader)
	o.must(err)
	o.must(os.WriteFile(o.cfg.Path(g.Chain), pki.EncodePEM(cert), 0o644))
	return g
}

// turns puts generations in the place of a signer's own.
func (o *office) turns(name string, all ...issuer.Generation) {
	s := o.cfg.Signers[name]
	s.Key, s.Chain, s.Next = all[0].Key, all[0].Chain, all[1:]
	o.cfg.Signers[name] = s
}

// keyOf is the key id of a generation.
func (o *office) keyOf(g issuer.Generation) string {
	o.t.Helper()
	t, err := jose.Thumbprint(o.certificate(o.cfg.Path(g.Chain)).PublicKey())
	o.must(err)
	return jose.EncodeBase64URL(t)
}

// publishedSigners gets the certificates as anybody does.
func (o *office) publishedSigners() (list issuer.DocumentSignerList) {
	o.t.Helper()
	status, header, body := o.get(o.cfg.PublicURL + issuerhttp.DocumentSignersPath)
	if status != http.StatusOK || header.Get("ETag") == "" {
		o.t.Fatalf("%d %s", status, body)
	}
	o.must(json.Unmarshal([]byte(body), &list))
	if status, _, _ := o.get(o.cfg.PublicURL+issuerhttp.DocumentSignersPath, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
		o.t.Errorf("who has it gets %d", status)
	}
	return list
}

// states are those of the published document signers, "" for one that is not there.
func (o *office) stateOf(g issuer.Generation) string {
	o.t.Helper()
	for _, s := range o.publishedSigners().Signers {
		if s.KeyID == o.keyOf(g) {
			return string(s.State)
		}
	}
	return ""
}

// ready tells what /readyz says.
func (o *office) ready() int {
	o.t.Helper()
	status, _, _ := o.get("http://" + o.app.Addresses().Metrics + "/readyz")
	return status
}

// drawn is a copy with the key that signed it.
type drawn struct {
	key   string
	list  string
	index uint64
	until time.Time
}

// judge verifies a licence under the office's root at this moment, and that it begins
// and ends with its signer's certificate at the outermost.
func (o *office) judge(copy string) drawn {
	o.t.Helper()
	raw, err := jose.DecodeBase64URL(copy)
	o.must(err)
	signed, err := mdoc.ParseIssuerSigned(raw)
	o.must(err)
	path, err := pki.Validate(signed.IssuerAuth.Header.X5Chain, o.iaca(), pki.PathOptions{Now: o.clock.Now(), Purposes: []asn1.ObjectIdentifier{pki.OIDMdlDS}, RequireEKU: true, CheckCountry: true})
	o.must(err)
	for _, f := range signed.Verify(mdoc.VerifyOptions{Leaf: path.Leaf.PublicKey(), DSNotBefore: path.Leaf.NotBefore(), DSNotAfter: path.Leaf.NotAfter(), Now: o.clock.Now()}) {
		if f.Result == mdoc.Fail {
			o.t.Errorf("%s: %s", f.Check, f.Detail)
		}
	}
	if v := signed.MSO.ValidityInfo; v.ValidUntil.After(path.Leaf.NotAfter()) || v.ValidFrom.Before(path.Leaf.NotBefore()) {
		o.t.Errorf("a copy of %s to %s by a certificate of %s to %s", v.ValidFrom, v.ValidUntil, path.Leaf.NotBefore(), path.Leaf.NotAfter())
	}
	t, err := jose.Thumbprint(path.Leaf.PublicKey())
	o.must(err)
	l := signed.MSO.Status.StatusList
	return drawn{jose.EncodeBase64URL(t), l.URI, l.Index, signed.MSO.ValidityInfo.ValidUntil.UTC()}
}

// draws asks for copies of the licence and gives status, error code and copies.
func (w rawWallet) draws(token string, copies int) (int, string, []string) {
	w.t.Helper()
	nonce := w.nonce()
	request := oid4vci.CredentialRequest{ConfigurationID: "mdl"}
	for range copies {
		proof, err := oid4vci.SignProof(newKey(w.t), w.cfg.PublicURL, nonce, "", w.clock.Now(), rand.Reader)
		w.must(err)
		request.Proofs.JWT = append(request.Proofs.JWT, proof)
	}
	body, err := json.Marshal(request)
	w.must(err)
	status, _, answer := w.post(w.cfg.PublicURL+"/credential", "application/json", string(body), "Authorization", "DPoP "+token, "DPoP", w.proof(w.cfg.PublicURL+"/credential", token))
	var out struct {
		Error       string               `json:"error"`
		Credentials []oid4vci.Credential `json:"credentials"`
	}
	if status != http.StatusServiceUnavailable { // which speaks HTTP alone
		w.must(json.Unmarshal([]byte(answer), &out))
	}
	var got []string
	for _, c := range out.Credentials {
		got = append(got, c.Credential)
	}
	return status, out.Error, got
}

// grant redeems an offer of a licence.
func (o *office) grant(document string) (rawWallet, string) {
	o.t.Helper()
	w := rawWallet{o, newKey(o.t)}
	offer := o.offer(issuer.OfferWish{Documents: []string{document}, Configurations: []string{"mdl"}})
	status, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status != http.StatusOK {
		o.t.Fatalf("token: %d", status)
	}
	return w, token
}

// licence draws one copy of a licence.
func (o *office) licence() drawn {
	o.t.Helper()
	w, token := o.grant("DL-1")
	status, code, copies := w.draws(token, 1)
	if status != http.StatusOK {
		o.t.Fatalf("a licence: %d %s", status, code)
	}
	return o.judge(copies[0])
}

// TestRotation: bad input K05. A document signer follows another while wallets draw
// copies: none fails, every batch is of one key, all verify, and the next key signs
// only after it was public for a week. What the old key signed stays valid.
func TestRotation(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) { c.RateLimit = issuer.RateLimit{PerSecond: 1e6, Burst: 1e6} })
	old, next := o.generation("mdl", "old", 0, 90), o.generation("mdl", "new", 24, 114)
	o.turns("mdl", next, old) // in any order
	o.clock.Set(start.Add(25 * day))
	o.serve().people()
	if a, b := o.stateOf(old), o.stateOf(next); a != "current" || b != "next" {
		t.Fatalf("published as %s and %s", a, b)
	}
	first := o.licence()
	if first.key != o.keyOf(old) || first.until.Before(start.Add(38*day)) {
		t.Fatalf("at first %+v", first)
	}
	change := start.Add(32 * day)
	o.clock.Set(change.Add(-time.Minute))
	o.must(o.app.Tick(t.Context()))
	const wallets, rounds, copies = 8, 8, 3
	var mu sync.Mutex
	var all []drawn
	var changed atomic.Bool
	var half, wg sync.WaitGroup
	half.Add(wallets)
	for n := range wallets {
		w, token := o.grant(fmt.Sprint("DL-", n%2+1))
		wg.Go(func() {
			for round := range rounds {
				if round == rounds/2 {
					half.Done()
				}
				after := changed.Load()
				status, code, got := w.draws(token, copies)
				if status != http.StatusOK || len(got) != copies {
					t.Errorf("wallet %d, round %d: %d %s", n, round, status, code)
					continue
				}
				for i, c := range got {
					d := o.judge(c)
					if after && d.key != o.keyOf(next) {
						t.Error("the old key signs on")
					}
					if i > 0 && d.key != all[len(all)-1].key {
						t.Error("a batch of two keys")
					}
					if i == 0 {
						mu.Lock()
					}
					all = append(all, d)
				}
				mu.Unlock()
			}
		})
	}
	half.Wait() // all are in the midst of it
	o.clock.Set(change)
	changed.Store(true)
	wg.Wait()
	o.app.TendSigners(t.Context())
	by := map[string]int{}
	for _, d := range all {
		by[d.key]++
	}
	if by[o.keyOf(old)] == 0 || by[o.keyOf(next)] == 0 || len(all) != wallets*rounds*copies {
		t.Errorf("%d copies, by key %v", len(all), by)
	}
	o.keptKeys(append(all, first))
	if a, b := o.stateOf(old), o.stateOf(next); a != "retired" || b != "current" {
		t.Errorf("published as %s and %s", a, b)
	}
	if o.audited("signer.turn") != 1 {
		t.Error("the record does not say that another key signs")
	}
	// The copies of before are as good as those since.
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	o.must(o.app.Tick(t.Context()))
	for _, d := range []drawn{first, all[0], all[len(all)-1]} {
		token, err := i.Fetch(t.Context(), d.list, "cwt")
		o.must(err)
		if s, err := token.Lookup(statuslist.Reference{URI: d.list, Index: d.index}, o.clock.Now()); err != nil || s != statuslist.Valid {
			t.Errorf("%s: %s, %v", d.key, s, err)
		}
	}
}

// keptKeys holds what the office kept of copies, and its record, against the copies.
func (o *office) keptKeys(all []drawn) {
	o.t.Helper()
	type place struct {
		list  string
		index uint64
	}
	kept, recorded := map[place]issuance.Copy{}, map[string]string{}
	for _, document := range []string{"DL-1", "DL-2"} {
		copies, err := o.app.Store().Copies(o.t.Context(), document)
		o.must(err)
		for _, c := range copies {
			kept[place{c.List, c.Index}] = c
		}
	}
	lines, _, err := o.app.Store().AuditSize(o.t.Context())
	o.must(err)
	o.must(o.app.Store().AuditLines(o.t.Context(), 1, int(lines), func(_ uint64, line []byte) error {
		e, err := audit.ParseLine(line)
		if err == nil && e.Action == "credential.sign" && e.Outcome == audit.Done {
			recorded[e.Detail["batch"]] = e.Detail["key"]
		}
		return err
	}))
	for _, d := range all {
		if c := kept[place{d.list, d.index}]; c.SignerKeyID != d.key || recorded[c.Batch] != d.key {
			o.t.Errorf("a copy by %s is kept as one by %q, recorded as one by %q", d.key, c.SignerKeyID, recorded[c.Batch])
		}
	}
}

// TestDocumentSignersLiveShortly: outside of development Init gives document signers the
// life of the configuration; what could never sign a copy is refused.
func TestDocumentSignersLiveShortly(t *testing.T) {
	t.Parallel()
	prod := newOffice(t, func(c *issuer.Config) { *c = production(t, *c) })
	for name, want := range map[string]time.Duration{"mdl": 90 * day, "pid": 90 * day, "status": 450*day + time.Hour} {
		c := prod.certificate(prod.cfg.Path(prod.cfg.Signers[name].Chain))
		if got := c.NotAfter().Sub(c.NotBefore()); got != want {
			t.Errorf("%s lives for %s, want %s", name, got, want)
		}
	}
	o := newOffice(t)
	o.turns("mdl", o.generation("mdl", "short", 0, 14))
	o.clock.Set(start.Add(time.Minute))
	if _, err := o.new(); err == nil || !strings.Contains(err.Error(), "configuration mdl") || !strings.Contains(err.Error(), "validity_days") {
		t.Errorf("a signer that lives shorter than a copy: %v", err)
	}
}

// TestRotationConfig: keys and bounds of rotation.
func TestRotationConfig(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for name, tt := range map[string]struct {
		change func(*issuer.Config)
		want   string
	}{
		"use":             {func(c *issuer.Config) { c.Rotation.Use = time.Hour }, "rotation.use"},
		"publish_before":  {func(c *issuer.Config) { c.Rotation.PublishBefore = c.Rotation.Use + 1 }, "rotation.publish_before"},
		"negative":        {func(c *issuer.Config) { c.Rotation.PublishBefore = -1 }, "rotation.publish_before"},
		"longest":         {func(c *issuer.Config) { c.Rotation.Longest = 458 * day }, "rotation.longest"},
		"longest too low": {func(c *issuer.Config) { c.Rotation.Longest = 59 * day }, "rotation.longest"},
		"no chain": {func(c *issuer.Config) {
			c.Signers = map[string]issuer.Signer{"mdl": {Key: "soft:path=a", Chain: "a", Next: []issuer.Generation{{Key: "soft:path=b"}}}}
		}, "signers.mdl.next[0]: chain is missing"},
		"no key": {func(c *issuer.Config) {
			c.Signers = map[string]issuer.Signer{"mdl": {Key: "soft:path=a", Chain: "a", Next: []issuer.Generation{{Chain: "b"}}}}
		}, "signers.mdl.next[0].key"},
		"one file for two": {func(c *issuer.Config) {
			c.Signers = map[string]issuer.Signer{"mdl": {Key: "soft:path=a", Chain: "a", Next: []issuer.Generation{{Key: "soft:path=b", Chain: "a"}}}}
		}, "a is that of signers.mdl"},
	} {
		cfg := o.cfg
		tt.change(&cfg)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEverySignerChanges: with another generation and a restart every signer changes its
// key, and what was signed before is still known.
func TestEverySignerChanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	before := o.licence()
	o.clock.Advance(time.Hour)
	o.must(o.stop())
	names := []string{"receipt", "checkpoint", "console", "bundle", "access", "status", "mdl", "pid"}
	for _, name := range names {
		s := o.cfg.Signers[name]
		s.Next = []issuer.Generation{o.generation(name, name+"-2", 0, 80)}
		o.cfg.Signers[name] = s
	}
	o.clock.Advance(40 * day)
	o.serve()
	if token, _ := o.signedMetadata(); !o.by(token, "access-2") {
		t.Error("the metadata are signed by the old key")
	}
	sent := o.push(issuer.Annulment("DL-1"))
	receipt, err := o.feed(issuer.FeedConfig{}).Settled(t.Context(), sent[0])
	if err != nil || receipt.State != "covered" {
		t.Errorf("%+v, %v", receipt, err)
	}
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	body, err := i.Raw(t.Context(), before.list, statuslist.FormatJWT)
	o.must(err)
	if !o.by(string(body), "status-2") {
		t.Error("lists are signed by the old key")
	}
	_, err = issuer.RevokeSigners(t.Context(), &o.cfg, "", nil, o.clock.Now(), rand.Reader)
	o.must(err)
	built, err := issuer.BuildBundle(t.Context(), &o.cfg, issuer.BundleWish{Output: o.cfg.Path("out.cbor"), Days: 7}, o.clock.Now(), rand.Reader)
	if err != nil || len(built.Data) == 0 {
		t.Error(err)
	}
	o.must(o.stop())
	last := o.read(o.cfg.Path("audit-checkpoints.jsonl"))
	lines := strings.Split(strings.TrimSpace(string(last)), "\n")
	if len(lines) < 2 {
		t.Fatalf("%d checkpoints", len(lines))
	}
	// The record is under checkpoints of both keys.
	var record bytes.Buffer
	o.serve()
	o.must(o.app.Audit(t.Context(), &record))
	if text, err := issuer.VerifyRecord(&o.cfg, &record, nil, o.clock.Now()); err != nil || !strings.HasPrefix(text, "verified") {
		t.Errorf("%q, %v", text, err)
	}
}

// by says whether a JWS brings the certificate of a generation that the test made.
func (o *office) by(token, as string) bool {
	o.t.Helper()
	s, err := jose.Parse(token)
	o.must(err)
	return len(s.Header.X5C) > 0 && bytes.Equal(s.Header.X5C[0], o.certificate(o.cfg.Path("certs/"+as+".pem")).Raw)
}
