package mdoc

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/cbor"
)

// M08: a document that nobody asked for.
func TestBadInputsRequested(t *testing.T) {
	f := newForgery(t)
	r, err := ParseDeviceResponse(f.assemble())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Documents[0].VerifyRequested("eu.europa.ec.eudi.pid.1", mdlDocType+" ")[0]; got.Result != Fail || got.Check != CheckRequested {
		t.Errorf("M08/not_requested: %v", got)
	}
	if got := r.Documents[0].VerifyRequested("eu.europa.ec.eudi.pid.1", mdlDocType)[0]; got.Result != Pass {
		t.Errorf("M08/requested: %v", got)
	}
}

// M21: documents beside an error are not looked at.
func TestBadInputsIgnoredDocuments(t *testing.T) {
	f := newForgery(t)
	f.response = func(r map[string]any) { r["status"] = 10 }
	r, err := ParseDeviceResponse(f.assemble())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Documents) != 0 || r.Ignored != 1 {
		t.Errorf("%d documents, %d ignored", len(r.Documents), r.Ignored)
	}
}

// M22: one result for each document.
func TestBadInputsTwoDocuments(t *testing.T) {
	for _, c := range []struct {
		name      string
		mutate    func(second *forgery)
		documents int
		check     string
	}{
		{"M22/second_forged", func(f *forgery) { f.signature = func(s []byte) []byte { s[9] ^= 1; return s } }, 2, CheckIssuerSignature},
		{"M22/second_malformed", func(f *forgery) { f.mso["digestAlgorithm"] = "SHA-1" }, 1, CheckFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, second := newForgery(t), newForgery(t)
			c.mutate(second)
			var other any
			second.response = func(r map[string]any) { other = r["documents"].([]any)[0] }
			second.assemble()
			first.response = func(r map[string]any) { r["documents"] = append(r["documents"].([]any), other) }
			response := first.assemble()
			r, err := ParseDeviceResponse(response)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Documents) != c.documents || len(r.Malformed) != 2-c.documents {
				t.Fatalf("%d documents, %d malformed", len(r.Documents), len(r.Malformed))
			}
			if got := r.Documents[0].Verify(first.options); Failed(got) {
				t.Errorf("the first document fails: %v", got)
			}
			if c.documents == 1 {
				if m := r.Malformed[0]; m.Index != 1 || m.Err.Check != c.check || !Failed(r.Verify()) {
					t.Errorf("malformed %v, findings %v", m, r.Verify())
				}
				return
			}
			second.options.DeviceAuth = DeviceAuthOptions{Transcript: second.transcript}
			findings := r.Documents[1].Verify(second.options)
			if i := slices.IndexFunc(findings, func(f Finding) bool { return f.Check == c.check }); findings[i].Result != Fail {
				t.Errorf("the second document: %v", findings)
			}
		})
	}
}

// M23: what nobody asked for is dropped and named.
func TestBadInputsExtraElements(t *testing.T) {
	f := newForgery(t)
	r, err := ParseDeviceResponse(f.assemble())
	if err != nil {
		t.Fatal(err)
	}
	request := &ItemsRequest{DocType: mdlDocType, NameSpaces: []RequestedNameSpace{
		{mdlNS, []RequestedElement{{"family_name", true}, {"portrait", false}, {"age_over_16", false}}},
	}}
	over16 := func(requested string, item *IssuerSignedItem) bool {
		return requested == "age_over_16" && item.ElementIdentifier == "age_over_18"
	}
	s := r.Documents[0].Compare(request, over16)
	if !slices.Equal(s.Missing, []ElementRef{{mdlNS, "portrait"}}) {
		t.Errorf("missing %v", s.Missing)
	}
	if !slices.Equal(s.Extra, []ElementRef{{mdlNS, "birth_date"}, {usNS, "domestic"}}) {
		t.Errorf("extra %v", s.Extra)
	}
	if len(s.Kept) != 1 || len(s.Kept[0].Items) != 2 {
		t.Errorf("kept %v", s.Kept)
	}
	if !s.Retain[ElementRef{mdlNS, "family_name"}] || s.Retain[ElementRef{mdlNS, "age_over_18"}] {
		t.Errorf("retain %v", s.Retain)
	}
	if got := s.Findings()[0]; got.Check != CheckSatisfied || got.Result != Warn || !strings.Contains(got.Detail, "portrait") || !strings.Contains(got.Detail, "domestic") {
		t.Errorf("finding %v", got)
	}
	request.DocType = "org.example.card"
	if s := r.Documents[0].Compare(request, nil); len(s.Kept) != 0 || len(s.Missing) != 3 || len(s.Extra) != 4 {
		t.Errorf("other docType: %v", s)
	}
}

// M26: a date of the wrong form is no date.
func TestBadInputsDates(t *testing.T) {
	for name, value := range map[string]any{
		"M26/untagged":      "1984-01-26",
		"M26/no_date":       cbor.Tag{Number: 1004, Content: "2020-13-01"},
		"M26/tag_0":         cbor.Tag{Number: 0, Content: "1984-01-26T00:00:00Z"},
		"M26/tag_0_date":    cbor.Tag{Number: 0, Content: "1984-01-26"},
		"M26/number":        19840126,
		"M26/with_time":     cbor.Tag{Number: 1004, Content: "1984-01-26T00:00:00Z"},
		"M26/29_february":   cbor.Tag{Number: 1004, Content: "1985-02-29"},
		"M26/without_zeros": cbor.Tag{Number: 1004, Content: "1984-1-26"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.add(mdlNS, 80, "issue_date", value)
			r, err := ParseDeviceResponse(f.assemble())
			if err != nil {
				t.Fatal(err)
			}
			var date cbor.FullDate
			item := r.Documents[0].IssuerSigned.Item(mdlNS, "issue_date")
			if err := item.Decode(&date); !errors.Is(err, ErrMalformed) || date != "" {
				t.Errorf("read as %q, %v", date, err)
			}
		})
	}
}

// M15 and C24: an issuer's own faults are found before anything is signed.
func TestBadInputsIssuing(t *testing.T) {
	f := newForgery(t)
	elements := []NamespaceElements{{mdlNS, []Element{{"family_name", "Mustermann"}, {"given_name", "Erika"}}}}
	ds := f.world.DocumentSignerMDL
	issue := func(i Issuance, c Copy) error {
		template, err := i.Template()
		if err != nil {
			return err
		}
		prepared, err := template.Prepare(c, rand.Reader)
		if err != nil {
			return err
		}
		_, err = prepared.Sign(ds.Key, ds.Chain, rand.Reader)
		return err
	}
	sound := Issuance{DocType: mdlDocType, Elements: elements}
	copyOf := Copy{DeviceKey: f.device.Public(), Validity: fortnight()}
	if err := issue(sound, copyOf); err != nil {
		t.Fatal(err)
	}
	later := func(change func(v *ValidityInfo)) func(*Issuance, *Copy) {
		return func(_ *Issuance, c *Copy) { change(&c.Validity) }
	}
	for name, change := range map[string]func(*Issuance, *Copy){
		"M15/salt_of_8_bytes":         func(i *Issuance, _ *Copy) { i.SaltBytes = 8 },
		"M15/salt_of_15_bytes":        func(i *Issuance, _ *Copy) { i.SaltBytes = 15 },
		"C24/validUntil_after_signer": later(func(v *ValidityInfo) { v.ValidUntil = cbor.NewDateTime(ds.Cert.NotAfter().AddDate(0, 0, 1)) }),
		"C24/signed_before_signer":    later(func(v *ValidityInfo) { v.Signed = cbor.NewDateTime(ds.Cert.NotBefore().AddDate(0, 0, -1)) }),
		"C24/signed_after_validFrom":  later(func(v *ValidityInfo) { v.Signed = day(1) }),
		"C24/until_before_from":       later(func(v *ValidityInfo) { v.ValidUntil = v.ValidFrom }),
		"C24/fraction":                later(func(v *ValidityInfo) { v.Signed.Time = v.Signed.Add(-1) }),
		"C24/no_dates":                later(func(v *ValidityInfo) { *v = ValidityInfo{} }),
		"C24/element_twice":           func(i *Issuance, _ *Copy) { i.Elements = []NamespaceElements{{mdlNS, []Element{{"a", 1}, {"a", 2}}}} },
		"C24/namespace_twice":         func(i *Issuance, _ *Copy) { i.Elements = append(i.Elements, i.Elements[0]) },
		"C24/no_elements":             func(i *Issuance, _ *Copy) { i.Elements = nil },
		"C24/empty_namespace":         func(i *Issuance, _ *Copy) { i.Elements = []NamespaceElements{{mdlNS, nil}} },
		"C24/no_name":                 func(i *Issuance, _ *Copy) { i.Elements = []NamespaceElements{{mdlNS, []Element{{"", 1}}}} },
		"C24/value_not_deterministic": func(i *Issuance, _ *Copy) {
			i.Elements = []NamespaceElements{{mdlNS, []Element{{"a", cbor.RawMessage{0x18, 1}}}}}
		},
		"C24/value_malformed": func(i *Issuance, _ *Copy) {
			i.Elements = []NamespaceElements{{mdlNS, []Element{{"a", cbor.RawMessage{0x81}}}}}
		},
		"C24/value_with_NaN": func(i *Issuance, _ *Copy) {
			i.Elements = []NamespaceElements{{mdlNS, []Element{{"a", cbor.RawMessage{0xf9, 0x7e, 0}}}}}
		},
		"C24/date_that_is_none": func(i *Issuance, _ *Copy) {
			i.Elements = []NamespaceElements{{mdlNS, []Element{{"a", cbor.FullDate("2020-13-01")}}}}
		},
		"C24/no_docType":               func(i *Issuance, _ *Copy) { i.DocType = "" },
		"C24/sha1":                     func(i *Issuance, _ *Copy) { i.DigestAlgorithm = "SHA-1" },
		"C24/no_device_key":            func(_ *Issuance, c *Copy) { c.DeviceKey = nil },
		"C24/key_of_no_kind":           func(_ *Issuance, c *Copy) { c.DeviceKey = "key" },
		"C24/status_without_mechanism": func(_ *Issuance, c *Copy) { c.Status = &Status{} },
		"C24/status_without_uri":       func(_ *Issuance, c *Copy) { c.Status = &Status{StatusList: &StatusListInfo{Index: 1}} },
		"C24/identifier_without_id":    func(_ *Issuance, c *Copy) { c.Status = &Status{IdentifierList: &IdentifierListInfo{URI: "https://a"}} },
		"C24/authorization_said_twice": func(i *Issuance, _ *Copy) {
			i.KeyAuthorizations = KeyAuthorizations{[]string{"a"}, map[string][]string{"a": {"b"}}}
		},
		"C24/authorization_of_nothing":   func(i *Issuance, _ *Copy) { i.KeyAuthorizations = KeyAuthorizations{nil, map[string][]string{"a": {}}} },
		"C24/authorization_without_name": func(i *Issuance, _ *Copy) { i.KeyAuthorizations = KeyAuthorizations{NameSpaces: []string{""}} },
	} {
		t.Run(name, func(t *testing.T) {
			i, c := sound, copyOf
			change(&i, &c)
			if err := issue(i, c); !errors.Is(err, ErrRule) {
				t.Errorf("error %v, want ErrRule", err)
			}
		})
	}
}
