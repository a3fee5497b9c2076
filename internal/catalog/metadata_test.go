package catalog

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/oid4vci"
)

// The issuer metadata made of every configuration pass the rules for issuers and
// HAIP, and come back the same from the wallet's parser.
func TestMetadata(t *testing.T) {
	catalog := load(t, "testdata/fishing.yaml")
	const issuer = "https://issuer.example"
	m := &oid4vci.IssuerMetadata{CredentialIssuer: issuer, CredentialEndpoint: issuer + "/credential", NonceEndpoint: issuer + "/nonce",
		Configurations: map[string]oid4vci.Configuration{}}
	for _, id := range catalog.IDs() {
		cfg, _ := catalog.Configuration(id)
		m.Configurations[id] = cfg.Metadata()
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	if findings := m.HAIP(); findings != nil {
		t.Errorf("HAIP: %v", findings)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := oid4vci.ParseIssuerMetadata(text, issuer)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, again); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetadataMembers(t *testing.T) {
	for id, want := range map[string]oid4vci.Configuration{
		"mdl":        {Format: "mso_mdoc", DocType: "org.iso.18013.5.1.mDL", Scope: "mdl", Algorithms: []any{-7, -9}, BindingMethods: []string{"cose_key"}},
		"pid-sd-jwt": {Format: "dc+sd-jwt", VCT: "urn:eudi:pid:1", Scope: "pid.sdjwt", Algorithms: []any{"ES256"}, BindingMethods: []string{"jwk"}},
	} {
		cfg := configuration(t, id)
		got := cfg.Metadata()
		claims := got.Metadata.Claims
		if len(claims) != len(cfg.elements) || len(got.Metadata.Display) != 4 {
			t.Errorf("%s: %d claims of %d, %d languages", id, len(claims), len(cfg.elements), len(got.Metadata.Display))
		}
		first := oid4vci.Claim{Path: oid4vci.Path{"family_name"}, Mandatory: true, Display: []oid4vci.ClaimDisplay{
			{Name: "Familienname", Locale: "de"}, {Name: "Family name", Locale: "en"}, {Name: "Nom", Locale: "fr"}, {Name: "Numm", Locale: "lb"}}}
		if id == "mdl" {
			first.Path = oid4vci.Path{"org.iso.18013.5.1", "family_name"}
		}
		if diff := cmp.Diff(first, claims[0]); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
		got.Metadata, got.ProofTypes = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	strong := *configuration(t, "mdl")
	strong.SigningCurve = "P-384"
	if diff := cmp.Diff([]any{-35, -51}, strong.Metadata().Algorithms); diff != "" {
		t.Error(diff)
	}
}
