package trust

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	fx "github.com/fxamacker/cbor/v2"
	veraison "github.com/veraison/go-cose"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

func vicalOf(w *pkitest.World) VICALContents {
	return VICALContents{Provider: "Utopia", IssueID: 7, Date: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30), NotAfter: w.Now.AddDate(0, 0, 60),
		URL: "https://issuer.example/trust/vical", Entries: []VICALEntry{
			{Cert: w.IACA.Cert, DocTypes: []string{mdlType, pidType}, Profiles: []string{ProfileURNIACA}, Authority: "Utopia Roads"},
		}}
}

func TestBuildVICAL(t *testing.T) {
	w := pkitest.NewWorld(t)
	roots := []*pki.Certificate{w.VICALRoot.Cert}
	build := func(c VICALContents) ([]byte, error) {
		return BuildVICAL(c, w.VICALSigner.Key, w.VICALSigner.Chain, roots, rand.Reader)
	}
	in := vicalOf(w)
	data, err := build(in)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseVICAL(data, roots, w.Now)
	if err != nil || len(l.Warnings)+len(l.Refused) != 0 || l.Provider != "Utopia" || l.IssueID != 7 || !l.Date.Equal(w.Now) || !l.NextUpdate.Equal(in.NextUpdate) ||
		!l.NotAfter.Equal(in.NotAfter) || l.URL != in.URL || len(l.Entries) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	if e := l.Entries[0]; !e.Cert.Equal(w.IACA.Cert) || !slices.Equal(e.DocTypes, in.Entries[0].DocTypes) || !slices.Equal(e.Profiles, in.Entries[0].Profiles) || e.Authority != "Utopia Roads" {
		t.Errorf("%+v", e)
	}
	if _, err := ParseVICAL(data, roots, in.NotAfter.Add(time.Second)); !errors.Is(err, ErrVICALExpired) {
		t.Errorf("after its end: %v", err)
	}
	// Libraries of others read the same.
	var msg veraison.UntaggedSign1Message
	if err := msg.UnmarshalCBOR(data); err != nil {
		t.Fatal(err)
	}
	verifier, err := veraison.NewVerifier(veraison.AlgorithmES256, w.VICALSigner.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.Verify(nil, verifier); err != nil {
		t.Errorf("go-cose: %v", err)
	}
	if chain, ok := msg.Headers.Unprotected[int64(33)].([]byte); !ok || !bytes.Equal(chain, w.VICALSigner.Chain[0]) {
		t.Error("x5chain is not unprotected")
	}
	var plain struct {
		Version string    `cbor:"version"`
		Date    time.Time `cbor:"date"`
		Infos   []struct {
			Certificate []byte    `cbor:"certificate"`
			Serial      fx.RawTag `cbor:"serialNumber"`
			NotAfter    time.Time `cbor:"notAfter"`
			Country     string    `cbor:"issuingCountry"`
			DocType     []string  `cbor:"docType"`
		} `cbor:"certificateInfos"`
	}
	if err := fx.Unmarshal(msg.Payload, &plain); err != nil || plain.Version != "1.0" || !plain.Date.Equal(w.Now) || len(plain.Infos) != 1 {
		t.Fatalf("%+v, %v", plain, err)
	}
	if i := plain.Infos[0]; !bytes.Equal(i.Certificate, w.IACA.Cert.Raw) || i.Serial.Number != 2 || !i.NotAfter.Equal(w.IACA.Cert.NotAfter()) || i.Country != "UT" || len(i.DocType) != 2 {
		t.Errorf("%+v", i)
	}
	next := in
	next.IssueID, next.Date = 8, w.Now.Add(time.Hour)
	if data, err = build(next); err != nil {
		t.Fatal(err)
	}
	if newer, err := ParseVICAL(data, roots, next.Date); err != nil || newer.Follows(l) != nil || l.Follows(newer) == nil {
		t.Errorf("the next one: %v", err)
	}

	for name, tt := range map[string]struct {
		change func(*VICALContents)
		want   error
	}{
		"no provider":      {func(c *VICALContents) { c.Provider = "" }, ErrContents},
		"no number":        {func(c *VICALContents) { c.IssueID = 0 }, ErrContents},
		"no next update":   {func(c *VICALContents) { c.NextUpdate = time.Time{} }, ErrContents},
		"next update past": {func(c *VICALContents) { c.NextUpdate = c.Date }, ErrContents},
		"ends too early":   {func(c *VICALContents) { c.NotAfter = c.Date.Add(time.Hour) }, ErrContents},
		"nobody":           {func(c *VICALContents) { c.Entries = nil }, ErrContents},
		"no certificate":   {func(c *VICALContents) { c.Entries = []VICALEntry{{DocTypes: []string{mdlType}}} }, ErrContents},
		"no doctype":       {func(c *VICALContents) { c.Entries = []VICALEntry{{Cert: w.IACA.Cert}} }, ErrContents},
		"X02 a signer":     {func(c *VICALContents) { c.Entries[0].Cert = w.DocumentSignerMDL.Cert }, ErrContents},
		"signer has ended": {func(c *VICALContents) {
			c.Date = w.VICALSigner.Cert.NotAfter().Add(time.Hour)
			c.NextUpdate, c.NotAfter = c.Date.Add(time.Hour), time.Time{}
		}, pki.ErrExpired},
	} {
		c := vicalOf(w)
		tt.change(&c)
		if data, err := build(c); data != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, e := range map[string]pkitest.Entity{"a bundle signer": w.BundleSigner, "a document signer": w.DocumentSignerMDL} {
		if data, err := BuildVICAL(vicalOf(w), e.Key, e.Chain, []*pki.Certificate{w.OperationsCA.Cert, w.IACA.Cert}, rand.Reader); data != nil || !errors.Is(err, pki.ErrProfile) {
			t.Errorf("signed by %s: %v", name, err)
		}
	}
}

func entitiesOf(w *pkitest.World) EntityListContents {
	return EntityListContents{
		Type: PIDProviders, Determination: "http://uri.etsi.org/19602/PIDProvidersList/StatusDetn/EU", Rules: "http://uri.etsi.org/19602/PIDProviders/schemerules/EU",
		Operator: "Utopia", Territory: "UT", Contact: "https://issuer.example", Name: "Utopia's issuers", Sequence: 7, Issued: w.Now, NextUpdate: w.Now.AddDate(0, 3, 0),
		Entities: []ListedEntity{{Name: "Utopia Interior", Contact: "https://issuer.example", Postal: PostalAddress{"Main Street 1", "Capital", "1000", "UT"}, Services: []ListedService{
			{Type: PIDIssuance, Name: "Identity credentials", Certificates: []*pki.Certificate{w.IACA.Cert}},
			{Type: PIDRevocation, Name: "Their status", Certificates: []*pki.Certificate{w.IACA.Cert, w.StatusSigner.Cert}},
		}}},
	}
}

func TestBuildEntityList(t *testing.T) {
	w := pkitest.NewWorld(t)
	roots := []*pki.Certificate{w.VICALRoot.Cert}
	build := func(c EntityListContents) ([]byte, error) {
		return BuildEntityList(c, w.VICALSigner.Key, w.VICALSigner.Chain, roots, rand.Reader)
	}
	in := entitiesOf(w)
	token, err := build(in)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseEntityList(token, roots, w.Now)
	if err != nil || l.Type != PIDProviders || l.Operator != "Utopia" || l.Sequence != 7 || len(l.Refused) != 0 || len(l.Services) != 2 || !l.NextUpdate.Equal(in.NextUpdate) {
		t.Fatalf("%+v, %v", l, err)
	}
	if got := certificates(l, PIDIssuance); len(got) != 1 || !got[0].Equal(w.IACA.Cert) || l.Services[0].Entity != "Utopia Interior" {
		t.Errorf("%v", got)
	}
	// As another program takes it apart: base64, JSON, the hash of the certificate.
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var header struct {
		S   string `json:"x5t#S256"`
		X5C []string
		IAT int64
		Alg string
	}
	decode := func(part string, v any) {
		t.Helper()
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	decode(parts[0], &header)
	digest := sha256.Sum256(w.VICALSigner.Cert.Raw)
	if header.S != base64.RawURLEncoding.EncodeToString(digest[:]) || header.IAT != w.Now.Unix() || header.Alg != "ES256" || len(header.X5C) != 1 {
		t.Errorf("%+v", header)
	}
	var body map[string]map[string]any
	decode(parts[1], &body)
	information := body["LoTE"]["ListAndSchemeInformation"].(map[string]any)
	for _, name := range []string{"LoTEVersionIdentifier", "LoTESequenceNumber", "LoTEType", "SchemeOperatorName", "SchemeOperatorAddress", "SchemeName", "SchemeInformationURI",
		"StatusDeterminationApproach", "SchemeTypeCommunityRules", "SchemeTerritory", "ListIssueDateTime", "NextUpdate"} {
		if information[name] == nil {
			t.Errorf("no %s", name)
		}
	}

	for name, tt := range map[string]struct {
		change func(*EntityListContents)
		want   error
	}{
		"no type":            {func(c *EntityListContents) { c.Type = "" }, ErrContents},
		"no operator":        {func(c *EntityListContents) { c.Operator = "" }, ErrContents},
		"no number":          {func(c *EntityListContents) { c.Sequence = 0 }, ErrContents},
		"ends at once":       {func(c *EntityListContents) { c.NextUpdate = c.Issued }, ErrContents},
		"more than 6 month":  {func(c *EntityListContents) { c.NextUpdate = c.Issued.AddDate(0, 7, 0) }, ErrContents},
		"nobody":             {func(c *EntityListContents) { c.Entities = nil }, ErrContents},
		"a service of none":  {func(c *EntityListContents) { c.Entities[0].Services[0].Certificates = nil }, ErrContents},
		"no kind of service": {func(c *EntityListContents) { c.Entities[0].Services[0].Type = "" }, ErrContents},
		"signer has ended": {func(c *EntityListContents) {
			c.Issued = w.VICALSigner.Cert.NotAfter().Add(time.Hour)
			c.NextUpdate = c.Issued.Add(time.Hour)
		}, pki.ErrExpired},
	} {
		c := entitiesOf(w)
		tt.change(&c)
		if token, err := build(c); token != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if token, err := BuildEntityList(in, w.BundleSigner.Key, w.VICALSigner.Chain, roots, rand.Reader); token != nil || !errors.Is(err, ErrEntityListSignature) {
		t.Errorf("by another key: %v", err)
	}
}

// Links of a list are followed by who wishes, and are nobody's anchors.
func TestVICALLinks(t *testing.T) {
	for name, subject := range map[string]pki.Name{"another name": utopia("Utopia IACA 2"), "the same name": utopia("Utopia IACA")} {
		r := newRollover(t, subject)
		roots := []*pki.Certificate{r.VICALRoot.Cert}
		c := vicalOf(r.World)
		c.Entries = nil
		for _, cert := range []*pki.Certificate{r.IACA.Cert, r.next.Cert, r.forth, r.back} {
			profile := ProfileURNIACA
			if cert == r.forth || cert == r.back {
				profile = ProfileURNLink
			}
			c.Entries = append(c.Entries, VICALEntry{Cert: cert, DocTypes: []string{mdlType}, Profiles: []string{profile}})
		}
		data, err := BuildVICAL(c, r.VICALSigner.Key, r.VICALSigner.Chain, roots, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		l, err := ParseVICAL(data, roots, r.now)
		if err != nil || len(l.Entries) != 4 || len(l.Refused) != 0 {
			t.Fatalf("%+v, %v", l, err)
		}
		if got := l.Store().Anchors(IssueMdoc, mdlType); len(got) != 2 || !got[0].Equal(r.IACA.Cert) || !got[1].Equal(r.next.Cert) {
			t.Errorf("%s: anchors %v", name, got)
		}
	}
}
