package elements

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/cbor"
)

// rows is every row of a table, with members of the open families.
func rows(s *Set) []Element {
	all := s.Elements()
	if s.family != nil {
		for _, name := range []string{"age_over_00", "age_over_18", "age_over_99", "biometric_template_face"} {
			if e, ok := s.ByIdentifier(name); ok {
				all = append(all, e)
			}
		}
	}
	return all
}

func TestEveryRowBothWays(t *testing.T) {
	for _, set := range Sets() {
		for _, e := range rows(set) {
			t.Run(set.DocType+"/"+e.Name(), func(t *testing.T) {
				value := sampleValue(t, e)
				item, err := e.Encode(value)
				if err != nil {
					t.Fatal(err)
				}
				if findings := cbor.Lint(item); findings != nil {
					t.Errorf("encoding not canonical: %v", findings)
				}
				d, err := e.Decode(item)
				if err != nil || d.Warnings != nil {
					t.Fatalf("decoding: %v, warnings %v", err, d.Warnings)
				}
				if diff := cmp.Diff(value, d.Value); diff != "" {
					t.Errorf("CBOR round trip (-want +got):\n%s", diff)
				}
				claim, err := e.ClaimValue(value)
				if err != nil {
					t.Fatal(err)
				}
				d, err = e.DecodeClaim(claim)
				if err != nil || d.Warnings != nil {
					t.Fatalf("decoding claim: %v, warnings %v", err, d.Warnings)
				}
				if diff := cmp.Diff(value, d.Value); diff != "" {
					t.Errorf("JSON round trip (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// The tables of issuance: identifier and need, written out once more.
func TestTablesAreComplete(t *testing.T) {
	tests := []struct {
		set                 *Set
		mandatory, optional string
	}{
		{MDL, "family_name given_name birth_date issue_date expiry_date issuing_country issuing_authority document_number portrait driving_privileges un_distinguishing_sign",
			"administrative_number sex height weight eye_colour hair_colour birth_place resident_address portrait_capture_date age_in_years age_birth_year age_over_NN issuing_jurisdiction nationality resident_street resident_city resident_state resident_postal_code resident_country biometric_template_xx family_name_national_character given_name_national_character signature_usual_mark"},
		{PID, "family_name given_name birth_date place_of_birth nationality issuing_authority issuing_country",
			"portrait resident_address resident_country resident_state resident_city resident_postal_code resident_street address.house_number personal_administrative_number family_name_birth given_name_birth sex email_address mobile_phone_number expiry_date issuance_date document_number issuing_jurisdiction trust_anchor attestation_legal_category"},
	}
	for _, test := range tests {
		var mandatory, optional []string
		for _, e := range test.set.Elements() {
			if e.Mandatory {
				mandatory = append(mandatory, e.Name())
			} else {
				optional = append(optional, e.Name())
			}
		}
		if test.set == MDL {
			optional = append(optional, "age_over_NN", "biometric_template_xx") // tested as families
		}
		for _, list := range []struct{ want, got []string }{{strings.Fields(test.mandatory), mandatory}, {strings.Fields(test.optional), optional}} {
			slices.Sort(list.want)
			slices.Sort(list.got)
			if diff := cmp.Diff(list.want, list.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.set.DocType, diff)
			}
		}
	}
}

func TestClaimNames(t *testing.T) {
	want := map[string]string{
		"family_name": "family_name", "birth_date": "birthdate", "place_of_birth": "place_of_birth", "nationality": "nationalities",
		"portrait": "picture", "resident_address": "address.formatted", "resident_country": "address.country", "resident_state": "address.region",
		"resident_city": "address.locality", "resident_postal_code": "address.postal_code", "resident_street": "address.street_address",
		"family_name_birth": "birth_family_name", "given_name_birth": "birth_given_name", "email_address": "email",
		"mobile_phone_number": "phone_number", "expiry_date": "date_of_expiry", "issuance_date": "date_of_issuance", "sex": "sex",
	}
	for identifier, claim := range want {
		e, ok := PID.ByIdentifier(identifier)
		if !ok || strings.Join(e.Claim, ".") != claim {
			t.Errorf("%s has claim %v, want %s", identifier, e.Claim, claim)
		}
		back, ok := PID.ByClaim(strings.Split(claim, ".")...)
		if !ok || back.Identifier != identifier {
			t.Errorf("claim %s belongs to %q, want %s", claim, back.Identifier, identifier)
		}
	}
}

func TestFind(t *testing.T) {
	if s, ok := ForDocType("org.iso.18013.5.1.mDL"); !ok || s != MDL {
		t.Error("mDL not found")
	}
	if s, ok := ForVCT("urn:eudi:pid:1"); !ok || s != PID {
		t.Error("PID not found")
	}
	if _, ok := ForVCT(""); ok {
		t.Error("a table found for no type")
	}
	for _, name := range []string{"", "age_over_", "age_over_1", "age_over_100", "age_over_1x", "biometric_template_", "Family_name", "age_over_18 "} {
		if _, ok := MDL.ByIdentifier(name); ok {
			t.Errorf("%q found in the mDL", name)
		}
	}
	if _, ok := PID.ByIdentifier("age_over_18"); ok {
		t.Error("age statement found in the PID, from which it was removed")
	}
	if e, ok := PID.ByData("birth_place"); !ok || e.Identifier != "place_of_birth" {
		t.Error("birth_place not found by its data identifier")
	}
}

// Bytes on the wire, written out, for the kinds that people get wrong.
func TestWireForms(t *testing.T) {
	tests := []struct {
		set        *Set
		name       string
		value      any
		hex, claim string
	}{
		{PID, "birth_date", "1991-03-09", "d903ec6a313939312d30332d3039", `"1991-03-09"`},
		{PID, "expiry_date", "2030-08-31T00:00:00Z", "c074323033302d30382d33315430303a30303a30305a", `"2030-08-31"`},
		{PID, "nationality", []any{"FI", "SE"}, "82624649625345", `["FI","SE"]`},
		{PID, "sex", json.Number("2"), "02", `2`},
		{PID, "sex", float64(9), "09", `9`},
		{PID, "place_of_birth", map[string]any{"country": "FI", "locality": "Turku"}, "a267636f756e747279624649686c6f63616c69747965" + hex.EncodeToString([]byte("Turku")), `{"country":"FI","locality":"Turku"}`},
		{PID, "portrait", []byte{}, "40", `""`},
		{PID, "family_name", "Mo\u0308bius", "674dc3b662697573", `"Möbius"`},
		{MDL, "sex", uint64(5), "09", `9`},
		{MDL, "height", 172, "18ac", `172`},
		{MDL, "age_over_18", true, "f5", `true`},
		{MDL, "nationality", "DE", "624445", `"DE"`},
		{MDL, "portrait_capture_date", "2025-08-15T12:30:00+02:00", "c074323032352d30382d31355431303a33303a30305a", `"2025-08-15T10:30:00Z"`},
	}
	for _, test := range tests {
		e, ok := test.set.ByIdentifier(test.name)
		if !ok {
			t.Fatalf("%s not in the table", test.name)
		}
		item, err := e.Encode(test.value)
		if err != nil || hex.EncodeToString(item) != test.hex {
			t.Errorf("%s: %x, %v, want %s", test.name, []byte(item), err, test.hex)
		}
		claim, err := e.ClaimValue(test.value)
		text, _ := json.Marshal(claim)
		if err != nil || string(text) != test.claim {
			t.Errorf("%s: claim %s, %v, want %s", test.name, text, err, test.claim)
		}
	}
}

func TestPictureClaim(t *testing.T) {
	e, _ := PID.ByIdentifier("portrait")
	claim, err := e.ClaimValue(sampleJPEG(t, 8, 10))
	if err != nil || !strings.HasPrefix(claim.(string), "data:image/jpeg;base64,/9j/") {
		t.Errorf("claim %.40v, %v", claim, err)
	}
	for _, bad := range []any{"data:image/png;base64,/9j/", "data:image/jpeg,/9j/", "/9j/", "data:image/jpeg;base64,_-==", json.Number("1"), nil} {
		if _, err := e.DecodeClaim(bad); err == nil {
			t.Errorf("accepted %v", bad)
		}
	}
}

// The elements of the DeviceResponse of ISO/IEC 18013-5, D.4.1.2.
func TestAnnexD(t *testing.T) {
	file, err := os.ReadFile("testdata/annexd/elements.json")
	if err != nil {
		t.Fatal(err)
	}
	var items map[string]string
	if err := json.Unmarshal(file, &items); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"family_name": "Doe", "issue_date": "2019-10-20", "expiry_date": "2024-10-20", "document_number": "123456789",
		"driving_privileges": samplePrivileges(),
	}
	for name, text := range items {
		item, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := MDL.ByIdentifier(name)
		d, err := e.Decode(item)
		if err != nil || d.Warnings != nil {
			t.Errorf("%s: %v, %v", name, err, d.Warnings)
		}
		if name == "portrait" {
			if _, err := DecodePicture(d.Value.([]byte)); err != nil {
				t.Errorf("portrait: %v", err)
			}
			continue
		}
		if diff := cmp.Diff(want[name], d.Value); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(items) != 6 {
		t.Errorf("%d elements, want 6", len(items))
	}
}

func TestErrorsHoldNoValue(t *testing.T) {
	const secret = "Zyx-Secret-9999-99-99"
	for _, set := range Sets() {
		for _, e := range rows(set) {
			for _, value := range []any{secret, []string{secret}, map[string]string{"country": secret}, []byte(secret), []Privilege{{Category: secret}}, strings.Repeat(secret, 20)} {
				if _, err := e.Encode(value); err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("%s: error shows the value: %v", e.Name(), err)
				}
			}
			if _, err := e.Decode(cbor.MustMarshal(map[string]any{secret: secret})); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: error shows the value: %v", e.Name(), err)
			}
		}
	}
}

// A verifier warns where an issuer refuses, when the value cannot deceive.
func TestReaderIsTolerant(t *testing.T) {
	tests := []struct {
		name    string
		item    []byte
		warning string
	}{
		{"family_name", cbor.MustMarshal(strings.Repeat("a", 151)), "longer than 150"},
		{"family_name", cbor.MustMarshal("Čapek"), "outside ISO 8859-1"},
		{"family_name", cbor.MustMarshal("Mo\u0308bius"), "not in the form"},
		{"eye_colour", cbor.MustMarshal("Hazel"), "not one of the words"},
		{"sex", cbor.MustMarshal(4), "not in the form"},
		{"sex", cbor.MustMarshal(7), "5218"},
		{"un_distinguishing_sign", cbor.MustMarshal("usa"), "distinguishing sign"},
		{"portrait_capture_date", cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2025-08-15T10:30:00.5Z"}), "fraction"},
		{"portrait_capture_date", cbor.MustMarshal(cbor.Tag{Number: 0, Content: "2025-08-15T10:30:00+02:00"}), "offset"},
		{"expiry_date", cbor.MustMarshal(cbor.FullDate("9999-12-31")), "year"},
		{"issuing_jurisdiction", cbor.MustMarshal("Iowa"), "3166-2"},
	}
	for _, test := range tests {
		e, _ := MDL.ByIdentifier(test.name)
		d, err := e.Decode(test.item)
		if err != nil || len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], test.warning) {
			t.Errorf("%s %x: %v, warnings %q, want %q", test.name, test.item, err, d.Warnings, test.warning)
		}
		if d.Value == nil {
			t.Errorf("%s: no value beside the warning", test.name)
		}
		if test.warning == "fraction" || test.warning == "offset" || test.warning == "not in the form" {
			continue // the issuer writes these in the right form
		}
		var raw any
		if err := cbor.Unmarshal(test.item, &raw); err != nil {
			t.Fatal(err)
		}
		if tag, ok := raw.(cbor.Tag); ok {
			raw = tag.Content
		}
		if _, err := e.Encode(raw); !errors.Is(err, ErrRule) {
			t.Errorf("%s: issuer's answer %v, want ErrRule", test.name, err)
		}
	}
}
