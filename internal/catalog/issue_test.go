package catalog

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/sdjwt"
)

func walletKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func termsOf(e pkitest.Entity) Terms {
	return Terms{NotBefore: e.Cert.Cert.NotBefore, NotAfter: e.Cert.Cert.NotAfter, Country: e.Cert.Country, State: e.Cert.State}
}

// issue makes n copies of a configuration for the full subject.
func issue(t testing.TB, cfg *Configuration, signer pkitest.Entity, n int) (credentials []string, keys []*ecdsa.PrivateKey, b *Batch) {
	t.Helper()
	s := subject(t)
	terms := termsOf(signer)
	if cfg.Format == FormatSDJWT {
		terms.Issuer = pkitest.IssuerURL
	}
	b, err := cfg.NewBatch(s, docFor(t, s, cfg), testNow, terms)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		key := walletKey(t)
		c := Copy{Key: key.Public()}
		if cfg.Status == StatusList {
			c.ListURI, c.Index = "https://issuer.example/status/1", uint64(1000+i)
		}
		prepared, err := b.Prepare(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		credential, err := prepared.Sign(signer.Key, signer.Chain, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := prepared.Sign(signer.Key, signer.Chain, rand.Reader); err == nil {
			t.Error("signed twice")
		}
		credentials, keys = append(credentials, credential.Text()), append(keys, key)
	}
	return credentials, keys, b
}

// verifyMDoc checks path, signature, digests and validity as a reader does, and
// gives the values by namespace and identifier.
func verifyMDoc(t testing.TB, w *pkitest.World, credential string) (*mdoc.IssuerSigned, map[string]map[string]any) {
	t.Helper()
	raw, err := jose.DecodeBase64URL(credential)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := mdoc.ParseIssuerSigned(raw)
	if err != nil {
		t.Fatal(err)
	}
	path, err := pki.Validate(signed.IssuerAuth.Header.X5Chain, w.Anchors, pki.PathOptions{Now: testNow, CheckCountry: true})
	if err != nil {
		t.Fatal(err)
	}
	leaf := path.Leaf.Cert
	for _, f := range signed.Verify(mdoc.VerifyOptions{Leaf: leaf.PublicKey, DSNotBefore: leaf.NotBefore, DSNotAfter: leaf.NotAfter, Now: testNow}) {
		if f.Result != mdoc.Pass && f.Result != mdoc.NotDone {
			t.Errorf("%s %s: %s", f.Check, f.Result, f.Detail)
		}
	}
	values := map[string]map[string]any{}
	for _, ns := range signed.NameSpaces {
		values[ns.Name] = map[string]any{}
		for _, item := range ns.Items {
			rendered, err := elements.Render(item.ElementValue)
			if err != nil {
				t.Fatal(err)
			}
			values[ns.Name][item.ElementIdentifier] = rendered
		}
	}
	return signed, values
}

// readAll decodes every element by its table, as a verifier.
func readAll(t testing.TB, set *elements.Set, signed *mdoc.IssuerSigned) map[string]any {
	t.Helper()
	values := map[string]any{}
	for _, ns := range signed.NameSpaces {
		for _, item := range ns.Items {
			e, ok := set.ByIdentifier(item.ElementIdentifier)
			if !ok || ns.Name != set.NameSpace {
				t.Errorf("%s %s is not in the table", ns.Name, item.ElementIdentifier)
				continue
			}
			d, err := e.Decode(item.ElementValue)
			if err != nil || d.Warnings != nil {
				t.Errorf("%s: %v %v", e.Name(), err, d.Warnings)
			}
			values[e.Data] = d.Value
		}
	}
	return values
}

func TestIssueMDL(t *testing.T) {
	w := pkitest.NewWorld(t)
	credentials, keys, b := issue(t, configuration(t, "mdl"), w.DocumentSignerMDL, 2)
	signed, _ := verifyMDoc(t, w, credentials[0])
	if signed.MSO.DocType != elements.MDLDocType || !keys[0].PublicKey.Equal(signed.MSO.DeviceKey.Public) {
		t.Error("docType or device key")
	}
	if list := signed.MSO.Status.StatusList; list.Index != 1000 || list.URI != "https://issuer.example/status/1" {
		t.Errorf("status %+v", list)
	}
	values := readAll(t, elements.MDL, signed)
	for _, row := range elements.MDL.Elements() {
		if _, ok := values[row.Data]; !ok && row.Data != "age_in_years" {
			t.Errorf("%s not issued", row.Data)
		}
	}
	want := map[string]any{
		"family_name": "Dvorák-Müller", "family_name_national_character": "Dvořák-Müller", "given_name": "Erika", "given_name_national_character": "Ερίκα",
		"birth_date": "1984-01-26", "portrait_capture_date": "2025-08-15T00:00:00Z", "nationality": "UT", "age_over_18": true, "age_over_65": false,
		"age_birth_year": uint64(1984), "age_in_years": uint64(42), "sex": uint64(2), "issuing_jurisdiction": "UT-CA",
		"driving_privileges": []elements.Privilege{
			{Category: "A", IssueDate: "2018-08-09", ExpiryDate: "2030-10-20"},
			{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20", Codes: []elements.Code{{Code: "01", Sign: "=", Value: "06"}}},
		},
	}
	for name, value := range want {
		if diff := cmp.Diff(value, values[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, nn := range elements.DefaultAges {
		if _, ok := values[elements.AgeElement(nn)]; !ok {
			t.Errorf("no statement for %d", nn)
		}
	}
	if err := elements.Check(values, elements.Moments{ValidFrom: testNow, Now: testNow}); err != nil {
		t.Error(err)
	}
	if len(b.Issued()) != len(values) {
		t.Errorf("issued %d of %d", len(b.Issued()), len(values))
	}
	// The signer of this world has no ST.
	if len(b.Warnings()) != 1 || !strings.HasPrefix(b.Warnings()[0], "issuing_jurisdiction: ") {
		t.Errorf("warnings %q", b.Warnings())
	}
}

func TestIssuePIDMDoc(t *testing.T) {
	w := pkitest.NewWorld(t)
	credentials, _, _ := issue(t, configuration(t, "pid-mdoc"), w.DocumentSignerPID, 1)
	signed, _ := verifyMDoc(t, w, credentials[0])
	values := readAll(t, elements.PID, signed)
	for _, row := range elements.PID.Elements() {
		if _, ok := values[row.Data]; !ok && row.Identifier != "" {
			t.Errorf("%s not issued", row.Data)
		}
	}
	if diff := cmp.Diff([]string{"UT", "DE"}, values["nationality"]); diff != "" {
		t.Error(diff)
	}
	if values["family_name"] != "Dvořák-Müller" {
		t.Errorf("family name %v", values["family_name"])
	}
}

// processed parses and verifies an SD-JWT VC.
func processed(t testing.TB, w *pkitest.World, credential string) (*sdjwt.SDJWT, *sdjwt.Payload) {
	t.Helper()
	token, err := sdjwt.Parse(credential)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := token.Chain()
	if err != nil {
		t.Fatal(err)
	}
	path, err := pki.Validate(chain, w.Anchors, pki.PathOptions{Now: testNow, CheckCountry: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, findings := token.VerifyDisclosures()
	findings = append(findings, token.VerifySignature(path.Leaf.Cert.PublicKey), token.VerifyType())
	for _, f := range findings {
		if f.Result != sdjwt.Pass {
			t.Errorf("%s %s: %s", f.Check, f.Result, f.Detail)
		}
	}
	if payload == nil {
		t.Fatal("no payload")
	}
	return token, payload
}

func TestIssuePIDSDJWT(t *testing.T) {
	w := pkitest.NewWorld(t)
	credentials, keys, b := issue(t, configuration(t, "pid-sd-jwt"), w.DocumentSignerPID, 1)
	_, payload := processed(t, w, credentials[0])
	for _, row := range elements.PID.Elements() {
		value, ok := payload.Value(sdjwt.Names(row.Claim...))
		if !ok {
			t.Errorf("%s not issued", row.Name())
			continue
		}
		if d, err := row.DecodeClaim(value); err != nil || d.Warnings != nil {
			t.Errorf("%s: %v %v", row.Name(), err, d.Warnings)
		}
		if !payload.IsDisclosed(sdjwt.Names(row.Claim...)) {
			t.Errorf("%s is not selectively disclosable", row.Name())
		}
	}
	for _, path := range []sdjwt.Path{sdjwt.Names("address"), append(sdjwt.Names("nationalities"), sdjwt.Index(1)), sdjwt.Names("place_of_birth", "country")} {
		if !payload.IsDisclosed(path) {
			t.Errorf("%s is not a disclosure of its own", path)
		}
	}
	from, until := b.Validity()
	if !payload.NotBefore.Equal(from) || !payload.Expires.Equal(until) || payload.Issuer != pkitest.IssuerURL || payload.VCT != elements.PIDVCT {
		t.Errorf("nbf %s exp %s iss %s vct %s", payload.NotBefore, payload.Expires, payload.Issuer, payload.VCT)
	}
	key, err := payload.ConfirmationKey()
	if err != nil || !keys[0].PublicKey.Equal(key.Public) {
		t.Errorf("cnf: %v", err)
	}
	status, err := payload.Status()
	if err != nil || status == nil || status.Index != 1000 {
		t.Errorf("status %+v, %v", status, err)
	}
}

// A third credential type, added by a YAML file alone, in both formats.
func TestThirdType(t *testing.T) {
	w := pkitest.NewWorld(t)
	catalog := load(t, "testdata/fishing.yaml")
	if diff := cmp.Diff([]string{"mdl", "pid-mdoc", "pid-sd-jwt", "fishing-mdoc", "fishing-sd-jwt"}, catalog.IDs()); diff != "" {
		t.Fatal(diff)
	}
	t.Run("mdoc", func(t *testing.T) {
		cfg, _ := catalog.Configuration("fishing-mdoc")
		credentials, _, b := issue(t, cfg, w.DocumentSignerPID, 1)
		signed, values := verifyMDoc(t, w, credentials[0])
		own := values["org.example.fishing.1"]
		if signed.MSO.DocType != "org.example.fishing.1" || values["org.example.fishing.1.UT"]["district"] != "UT-CA" {
			t.Errorf("docType %s, district %v", signed.MSO.DocType, values["org.example.fishing.1.UT"])
		}
		delete(own, "portrait")
		text := map[string]any{"family_name": "Dvořák-Müller", "birth_date": "1984-01-26", "licence_number": "F-1", "valid_until": "2026-12-31",
			"waters": []any{"Our", "Sûre"}, "guide": true, "class": "year", "authority": "Inland Waters Office", "age_over_16": true}
		for name, want := range text {
			if diff := cmp.Diff(want, own[name]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if len(own) != len(text)+1 { // and rods, a number
			t.Errorf("%d elements: %v", len(own), own)
		}
		if from, until := b.Validity(); until.Sub(from) != 7*24*time.Hour {
			t.Errorf("valid from %s to %s", from, until)
		}
	})
	t.Run("sd-jwt", func(t *testing.T) {
		cfg, _ := catalog.Configuration("fishing-sd-jwt")
		credentials, keys, _ := issue(t, cfg, w.DocumentSignerPID, 1)
		token, payload := processed(t, w, credentials[0])
		for path, disclosed := range map[string]bool{"family_name": true, "licence": false, "licence.number": true, "licence.class": false, "licence.valid_until": true, "waters": true, "rods": false, "guide": true} {
			p := sdjwt.Names(strings.Split(path, ".")...)
			if _, ok := payload.Value(p); !ok || payload.IsDisclosed(p) != disclosed {
				t.Errorf("%s: present %v, disclosure %v, want %v", path, ok, payload.IsDisclosed(p), disclosed)
			}
		}
		if status, err := payload.Status(); status != nil || err != nil {
			t.Errorf("status %+v, %v", status, err)
		}
		presented, err := token.Present(sdjwt.Selection(sdjwt.Names("licence", "number")), keys[0], "n-1", "https://verifier.example", testNow, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		shown, seen := processed(t, w, presented)
		if err := shown.VerifyKeyBinding(sdjwt.KeyBindingOptions{Nonce: "n-1", Audience: "https://verifier.example", Now: testNow}); err != nil {
			t.Error(err)
		}
		if _, ok := seen.Value(sdjwt.Names("family_name")); ok {
			t.Error("withheld name was shown")
		}
		if number, _ := seen.Value(sdjwt.Names("licence", "number")); number != "F-1" {
			t.Errorf("number %v", number)
		}
	})
}

// Two copies share the values and the day, and nothing that could link them.
func TestCopiesAreUnlinkable(t *testing.T) {
	w := pkitest.NewWorld(t)
	t.Run("mdoc", func(t *testing.T) {
		credentials, _, _ := issue(t, configuration(t, "mdl"), w.DocumentSignerMDL, 3)
		seen := map[string]bool{}
		orders := map[string]bool{}
		for _, c := range credentials {
			signed, _ := verifyMDoc(t, w, c)
			var order []string
			for _, item := range signed.NameSpaces[0].Items {
				if seen[string(item.Random)] {
					t.Error("salt used twice")
				}
				seen[string(item.Random)] = true
				order = append(order, item.ElementIdentifier+string(rune(item.DigestID)))
			}
			slices.Sort(order)
			orders[strings.Join(order, " ")] = true
			for _, digest := range signed.MSO.ValueDigests[elements.MDLNameSpace] {
				if seen[string(digest)] {
					t.Error("digest used twice")
				}
				seen[string(digest)] = true
			}
			if v := signed.MSO.ValidityInfo; !v.ValidFrom.Time.Equal(v.Signed.Time) || v.ValidFrom.Hour() != 0 || v.ValidUntil.Hour() != 0 {
				t.Errorf("times tell more than the day: %+v", v)
			}
		}
		if len(orders) != len(credentials) {
			t.Error("digest identifiers in the same order")
		}
	})
	t.Run("sd-jwt", func(t *testing.T) {
		credentials, _, _ := issue(t, configuration(t, "pid-sd-jwt"), w.DocumentSignerPID, 3)
		seen := map[string]bool{}
		for _, c := range credentials {
			token, _ := processed(t, w, c)
			for _, d := range token.Disclosures {
				if seen[d.Salt] || seen[d.Encoded] {
					t.Error("salt or disclosure used twice")
				}
				seen[d.Salt], seen[d.Encoded] = true, true
			}
		}
	})
}

// An identifier stands where an index would.
func TestIdentifierList(t *testing.T) {
	w := pkitest.NewWorld(t)
	data, err := builtin.ReadFile("builtin/mdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse("mdl.yaml", append([]byte("status: identifier-list\n"), data...))
	if err != nil {
		t.Fatal(err)
	}
	s := subject(t)
	b, err := all[0].NewBatch(s, s.Documents[0], testNow, termsOf(w.DocumentSignerMDL))
	if err != nil {
		t.Fatal(err)
	}
	key, identifier, uri := walletKey(t).Public(), []byte{1, 2, 3, 4}, "https://issuer.example/identifiers/1"
	prepared, err := b.Prepare(Copy{Key: key, ListURI: uri, Identifier: identifier}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	credential, err := prepared.Sign(w.DocumentSignerMDL.Key, w.DocumentSignerMDL.Chain, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed, _ := verifyMDoc(t, w, credential.Text())
	want := &mdoc.Status{IdentifierList: &mdoc.IdentifierListInfo{ID: identifier, URI: uri}}
	if d := cmp.Diff(want, signed.MSO.Status); d != "" {
		t.Error(d)
	}
	for name, c := range map[string]Copy{
		"no identifier": {Key: key, ListURI: uri}, "no list": {Key: key, Identifier: identifier}, "neither": {Key: key},
	} {
		if _, err := b.Prepare(c, rand.Reader); err == nil {
			t.Errorf("%s: prepared", name)
		}
	}
	indexed, err := configuration(t, "mdl").NewBatch(s, s.Documents[0], testNow, termsOf(w.DocumentSignerMDL))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := indexed.Prepare(Copy{Key: key, ListURI: uri, Index: 1, Identifier: identifier}, rand.Reader); err == nil {
		t.Error("an identifier beside an index")
	}
}

func TestPrepareRefuses(t *testing.T) {
	w := pkitest.NewWorld(t)
	key := walletKey(t)
	for id, c := range map[string]Copy{
		"mdl":            {Key: key.Public()},                                      // no list
		"fishing-sd-jwt": {Key: key.Public(), ListURI: "https://issuer.example/1"}, // a list too many
		"pid-sd-jwt":     {ListURI: "https://issuer.example/1"},                    // no key
	} {
		cfg := configuration(t, id)
		s := subject(t)
		b, err := cfg.NewBatch(s, docFor(t, s, cfg), testNow, termsOf(w.DocumentSignerPID))
		if err != nil {
			t.Fatal(err)
		}
		if prepared, err := b.Prepare(c, rand.Reader); err == nil || prepared != nil {
			t.Errorf("%s: prepared", id)
		}
	}
}
