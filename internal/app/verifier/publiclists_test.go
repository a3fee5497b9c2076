package verifier

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/cose"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// A real list of issuing authorities becomes a bundle, while its signer is good.
func TestBuildFromRealVICAL(t *testing.T) {
	r := newRoadside(t)
	data, err := os.ReadFile("../../trust/testdata/vical/lists.json")
	r.must(err)
	var in struct {
		VICALs []struct{ Hex string } `json:"vicals"`
	}
	r.must(json.Unmarshal(data, &in))
	at := time.Date(2026, 1, 3, 10, 0, 0, 0, time.UTC)
	signer := filepath.Join(r.dir, "signer")
	anchor, err := CreateBundleSigner(t.Context(), signer, "UT", "Police", at, rand.Reader)
	r.must(err)
	for i, l := range in.VICALs {
		raw, err := hex.DecodeString(l.Hex)
		r.must(err)
		msg, err := cose.ParseSign1(raw)
		r.must(err)
		chain := msg.Header.X5Chain
		root, err := pki.ParseCertificate(chain[len(chain)-1])
		r.must(err)
		r.file("vical.cbor", raw)
		r.file("root.pem", pki.EncodePEM(root))
		cfg := BuildConfig{Signer: signer, Output: filepath.Join(r.dir, "out.cbor"),
			Sources: r.file("sources.yaml", []byte("publisher: x\nanchors: [{vical: vical.cbor, roots: [root.pem]}]\n"))}
		if _, err := BuildBundle(t.Context(), cfg, at.AddDate(0, 6, 0), rand.Reader); err == nil || !strings.Contains(err.Error(), "expired") {
			t.Errorf("list %d, whose signer has ended: %v", i, err)
		}
		built, err := BuildBundle(t.Context(), cfg, at, rand.Reader)
		r.must(err)
		k, err := BundleSource{File: cfg.Output, Anchor: anchor}.Open(at.Add(time.Hour))
		r.must(err)
		mdl := k.Trust().Anchors(trust.IssueMdoc, elements.MDLDocType)
		if len(mdl) != 14 || len(k.Trust().Anchors(trust.IssueSDJWT, elements.PIDVCT)) != 0 {
			t.Errorf("list %d: %d authorities, left out %q", i, len(mdl), built.LeftOut)
		}
	}
}

// entityList is a list of ETSI TS 119 602 with one service, as a compact JWS.
func (r *roadside) entityList(typ string, cert *pki.Certificate) []byte {
	r.t.Helper()
	payload, err := json.Marshal(map[string]any{"LoTE": map[string]any{
		"ListAndSchemeInformation": map[string]any{
			"LoTEVersionIdentifier": 1, "LoTESequenceNumber": 7, "LoTEType": "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList", "SchemeTerritory": "EU",
			"SchemeOperatorName":          []any{map[string]string{"lang": "en", "value": "Utopia"}},
			"StatusDeterminationApproach": "http://uri.etsi.org/19602/PIDProvidersList/StatusDetn/EU",
			"ListIssueDateTime":           r.Now.Add(-time.Hour).Format(time.RFC3339), "NextUpdate": r.Now.Add(day).Format(time.RFC3339),
		},
		"TrustedEntitiesList": []any{map[string]any{
			"TrustedEntityInformation": map[string]any{"TEName": []any{map[string]string{"lang": "en", "value": "PID Office"}}},
			"TrustedEntityServices": []any{map[string]any{"ServiceInformation": map[string]any{
				"ServiceTypeIdentifier": typ, "ServiceDigitalIdentity": map[string]any{"X509Certificates": []any{map[string]string{"val": jose.EncodeBase64(cert.Raw)}}},
			}}},
		}},
	}})
	r.must(err)
	var x5c []string
	for _, der := range r.BundleSigner.Chain {
		x5c = append(x5c, jose.EncodeBase64(der))
	}
	token, err := jose.Sign(r.BundleSigner.Key, map[string]any{"typ": "JOSE", "x5c": x5c}, payload, rand.Reader)
	r.must(err)
	return []byte(token)
}

// trustedList is one of ETSI TS 119 612.
func (r *roadside) trustedList(typ string, cert *pki.Certificate) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" TSLTag="http://uri.etsi.org/19612/TSLTag" Id="x">
<SchemeInformation><TSLVersionIdentifier>5</TSLVersionIdentifier><TSLSequenceNumber>42</TSLSequenceNumber>
<TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType>
<SchemeOperatorName><Name xml:lang="en">Utopia XML</Name></SchemeOperatorName>
<ListIssueDateTime>%s</ListIssueDateTime><NextUpdate><dateTime>%s</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="en">Signers</Name></TSPName></TSPInformation>
<TSPServices><TSPService><ServiceInformation><ServiceTypeIdentifier>%s</ServiceTypeIdentifier>
<ServiceDigitalIdentity><DigitalId><X509Certificate>%s</X509Certificate></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus><StatusStartingTime>%s</StatusStartingTime></ServiceInformation></TSPService></TSPServices>
</TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>`,
		r.Now.Add(-time.Hour).Format(time.RFC3339), r.Now.Add(day).Format(time.RFC3339), typ, jose.EncodeBase64(cert.Raw), r.Now.Add(-100*time.Hour).Format(time.RFC3339))
}

// Every kind of list in one bundle: each certificate counts for what its source may
// say, and names where it comes from.
func TestBuildFromEveryKindOfList(t *testing.T) {
	r := newRoadside(t)
	const pid, qc = "http://uri.etsi.org/19602/SvcType/PID/Issuance", "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
	xml := r.trustedList(qc, r.AccessCA.Cert)
	s := serveFiles(t, map[string]string{"/pid.jws": r.file("pid.jws", r.entityList(pid, r.ReaderCA.Cert)), "/tl.xml": r.file("tl.xml", xml)})
	r.must(os.Mkdir(filepath.Join(r.dir, "anchors"), 0o700))
	r.file("anchors/iaca.pem", pki.EncodePEM(r.IACA.Cert))
	r.file("anchors/trust.yaml", []byte("anchors: {iaca.pem: {purposes: [issue-mdoc], doctypes: [org.iso.18013.5.1.mDL]}}\n"))
	signer := filepath.Join(r.dir, "signer")
	anchor, err := CreateBundleSigner(t.Context(), signer, "UT", "Police", r.Now, rand.Reader)
	r.must(err)
	cfg := BuildConfig{Signer: signer, Output: filepath.Join(r.dir, "out.cbor"), Fetch: fetch.Options{AllowInsecureLoopback: true}}
	build := func(sum [32]byte) (*bundle.Built, error) {
		cfg.Sources = r.file("sources.yaml", fmt.Appendf(nil, `publisher: https://police.example
anchors:
  - folder: anchors
  - entity_list: %q
    roots: [bundle-ca.pem]
    services:
      %q: {purposes: [issue-mdoc, issue-sd-jwt], doctypes: [eu.europa.ec.eudi.pid.1], vcts: ["urn:eudi:pid:1"]}
      "http://nobody.example": {purposes: [issue-mdoc], doctypes: [x]}
  - trusted_list: %q
    sha256: %x
    services:
      %q: {purposes: [issue-sd-jwt], vcts: ["urn:x"]}
`, s.URL+"/pid.jws", pid, s.URL+"/tl.xml", sum, qc))
		return BuildBundle(t.Context(), cfg, r.Now, rand.Reader)
	}
	built, err := build(sha256.Sum256(xml))
	r.must(err)
	k, err := BundleSource{File: cfg.Output, Anchor: anchor}.Open(r.Now.Add(time.Hour))
	r.must(err)
	for _, want := range []struct {
		cert    *pki.Certificate
		purpose trust.Purpose
		typ     string
		source  string
	}{
		{r.IACA.Cert, trust.IssueMdoc, elements.MDLDocType, "iaca.pem"},
		{r.ReaderCA.Cert, trust.IssueMdoc, elements.PIDDocType, "Utopia 7"},
		{r.ReaderCA.Cert, trust.IssueSDJWT, elements.PIDVCT, "Utopia 7"},
		{r.AccessCA.Cert, trust.IssueSDJWT, "urn:x", "Utopia XML 42"},
	} {
		got := k.Trust().Anchors(want.purpose, want.typ)
		if len(got) != 1 || !got[0].Equal(want.cert) {
			t.Errorf("%s for %s: %v", want.source, want.typ, got)
		}
		if !slices.ContainsFunc(k.Trust().All(), func(a trust.Anchor) bool {
			return a.Cert.Equal(want.cert) && strings.Contains(a.Source, want.source) && !a.AsOf.IsZero()
		}) {
			t.Errorf("nobody says %s", want.source)
		}
	}
	if len(built.LeftOut) != 1 || !strings.Contains(built.LeftOut[0], "no service of the type http://nobody.example") {
		t.Errorf("left out %q", built.LeftOut)
	}
	if _, err := build(sha256.Sum256([]byte("another"))); err == nil || !strings.Contains(err.Error(), "not the one that was pinned") {
		t.Errorf("another XML list: %v", err)
	}
}
