package verification

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/trust"
)

func profile(t *testing.T, id string) *policy.Profile {
	t.Helper()
	p, ok := policy.Default().Profile(id)
	if !ok {
		t.Fatalf("no profile %s", id)
	}
	return &p
}

// Who it is, nobody can tell without a picture to hold beside the face, however
// genuine the document.
func TestIdentity(t *testing.T) {
	w := newWorld(t)
	without := slices.DeleteFunc(person(), func(m sdjwt.Member) bool { return m.Name == "picture" })
	o := w.sdOptions()
	o.Profile = profile(t, "identity")
	mo := w.options()
	mo.Profile = profile(t, "identity")
	noFace := map[string][]string{elements.MDLNameSpace: {"family_name", "given_name", "birth_date", "document_number", "issuing_country"}}
	for name, tt := range map[string]struct {
		r    *Report
		want policy.Entitlement
		says string
	}{
		"SD-JWT with a picture":     {SDJWT(w.bind(w.identity(person())), o), policy.Yes, ""},
		"SD-JWT without":            {SDJWT(w.bind(w.identity(without)), o), policy.CannotTell, "id.portrait: cannot tell who"},
		"SD-JWT, opted out":         {SDJWT(w.bind(w.identity(append(slices.Clone(without), sdjwt.Member{Name: "picture", Value: ""}))), o), policy.CannotTell, "id.portrait: cannot tell who"},
		"PID of an mdoc":            {DeviceResponse(w.pid(), mo), policy.Yes, ""},
		"licence with its portrait": {DeviceResponse(w.present(w.licence(), identityOfLicence), mo), policy.Yes, ""},
		"licence without":           {DeviceResponse(w.present(w.licence(), noFace), mo), policy.CannotTell, "req.satisfied"},
	} {
		sane(t, tt.r)
		if tt.r.Verdict.Entitlement != tt.want || (tt.r.Colour == policy.Green) != (tt.want == policy.Yes) {
			t.Errorf("%s: %s %+v %v", name, tt.r.Colour, tt.r.Verdict, tt.r.Reasons)
		}
		if tt.says != "" && !strings.Contains(strings.Join(tt.r.Reasons, "\n"), tt.says) {
			t.Errorf("%s: %v, want %q", name, tt.r.Reasons, tt.says)
		}
	}
}

// A category of the issuing state's own is asked where the reader stands.
func TestDrivingHere(t *testing.T) {
	w := newWorld(t)
	rights := func(l *licence) {
		l.values["driving_privileges"] = []elements.Privilege{{Category: "B", IssueDate: "2010-06-01", ExpiryDate: "2034-01-09", Codes: []elements.Code{{Code: "01", Sign: "=", Value: "06"}, {Code: "70", Value: "1"}}},
			{Category: "T", IssueDate: "2011-01-01"}, {Category: "A", ExpiryDate: "2020-01-01"}}
	}
	response := w.present(w.licence(rights), asked)
	for _, tt := range []struct {
		category, territory string
		want                policy.Entitlement
	}{
		{"B", "", policy.UnderConditions}, {"T", "UT", policy.Yes}, {"T", "LU", policy.No}, {"T", "", policy.UnderConditions},
		{"A", "UT", policy.No}, {"C", "UT", policy.No},
	} {
		o := w.options()
		p := *policy.Default()
		p.Territory = tt.territory
		q := *o.Profile
		q.Question.Driving = tt.category
		o.Policy, o.Profile = &p, &q
		r := DeviceResponse(response, o)
		sane(t, r)
		if r.Verdict.Entitlement != tt.want {
			t.Errorf("%s in %q: %+v, want %s", tt.category, tt.territory, r.Verdict, tt.want)
		}
		for _, d := range r.Documents[0].Driving {
			switch d.Category {
			case "B":
				if d.Answer != "under conditions" || d.Conditions != "01 =06" || d.Notes != "70 1" || d.From != "2010-06-01" || d.Until != "2034-01-09" || d.Domestic {
					t.Errorf("%+v", d)
				}
			case "T":
				if want := map[string]string{"": "under conditions", "UT": "yes", "LU": "no"}[tt.territory]; d.Answer != want || !d.Domestic || d.Reason == "" {
					t.Errorf("in %q: %+v", tt.territory, d)
				}
			}
		}
		if len(r.Documents[0].Driving) != 3 {
			t.Errorf("%d categories", len(r.Documents[0].Driving))
		}
	}
}

// Nothing beyond the profile is in the report, nor in what is written of it: of
// what was sent without being asked for there is the name alone.
func TestNothingBeyondTheProfile(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Profile = profile(t, "age-over-18")
	secrets := []string{"Weber", "Anouk", "1990-05-02", "U1234567", "Utopia Roads", "2024-01-10"}
	response := w.present(w.licence(), map[string][]string{elements.MDLNameSpace: {
		"age_over_18", "age_over_65", "portrait", "family_name", "given_name", "birth_date", "document_number", "issuing_authority", "issue_date", "driving_privileges"}})
	r := DeviceResponse(response, o)
	sane(t, r)
	d := r.Documents[0]
	if got := names(d.IssuerSigned); !slices.Equal(got, []string{"age_over_18", "portrait"}) && !slices.Equal(got, []string{"portrait", "age_over_18"}) {
		t.Errorf("shown %v", got)
	}
	if len(d.Dropped) != 8 || len(d.Driving) > 0 || r.Verdict.Entitlement != policy.Yes {
		t.Errorf("dropped %v, driving %v, %+v", d.Dropped, d.Driving, r.Verdict)
	}
	so := w.sdOptions()
	so.Profile = profileOf(elements.PIDVCT, "issuing_country")
	sr := SDJWT(w.bind(w.identity(person())), so)
	sane(t, sr)
	for _, report := range []*Report{r, sr} {
		b, err := json.Marshal(report)
		w.must(err)
		for _, secret := range secrets {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s: the report holds %s", report.Format, secret)
			}
		}
	}
}

// What the device says stands apart, also under the issuer's names.
func TestDeviceSignedApart(t *testing.T) {
	f := newForgery(t)
	f.everything()
	f.deviceElements = map[string]map[string]any{"com.example": {"consent": true}, elements.MDLNameSpace: {"height": 180}}
	f.authorize(map[string]any{"nameSpaces": []string{"com.example"}, "dataElements": map[string][]string{elements.MDLNameSpace: {"height"}}})
	r := f.report()
	sane(t, r)
	d := r.Documents[0]
	if got := names(d.DeviceSigned); len(got) != 2 || slices.Contains(names(d.IssuerSigned), "height") || slices.Contains(names(d.IssuerSigned), "consent") {
		t.Errorf("device %v, issuer %v: %v", got, names(d.IssuerSigned), r.Reasons)
	}
}

// The portrait is within its limits, and decoded where the caller wants it.
func TestPortrait(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		value  []byte
		decode bool
		want   Result
	}{
		"JPEG": {picture, false, Pass}, "JPEG decoded": {picture, true, Pass},
		"JPEG 2000": {jp2(), false, Pass}, "JPEG 2000, to be decoded": {jp2(), true, Warn},
	} {
		o := w.options()
		o.DecodePortrait = tt.decode
		r := DeviceResponse(w.present(w.licence(func(l *licence) { l.values["portrait"] = tt.value }), asked), o)
		sane(t, r)
		if got := check(r, "mdl.portrait"); got.Result != tt.want || got.Detail == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// jp2 is the begin of a JPEG 2000 code stream of 64 by 48 pixels.
func jp2() []byte {
	return []byte("\xff\x4f\xff\x51\x00\x2f\x00\x00\x00\x00\x00\x40\x00\x00\x00\x30\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x40\x00\x00\x00\x30\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x07\x01\x01\x07\x01\x01\x07\x01\x01")
}

// A proof of age says that the holder is old enough and nothing else.
func TestProofOfAge(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Profile = profile(t, "age-over-18")
	anchors := w.trust
	w.must(anchors.Add(trust.Anchor{Cert: w.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.AgeDocType}}}))
	for over, want := range map[bool]policy.Entitlement{true: policy.Yes, false: policy.No} {
		row, _ := elements.AgeAttestation.ByIdentifier("age_over_18")
		value, err := row.Encode(over)
		w.must(err)
		l := &licence{world: w, signer: &w.DocumentSignerPID, copy: w.copyOf(5)}
		ns := mdoc.NamespaceElements{NameSpace: elements.AgeNameSpace, Elements: []mdoc.Element{{Identifier: "age_over_18", Value: value}}}
		r := DeviceResponse(w.present(w.sign(l, elements.AgeDocType, ns), map[string][]string{elements.AgeNameSpace: {"age_over_18"}}), o)
		sane(t, r)
		if r.Verdict.Entitlement != want || r.Verdict.Authenticity != policy.Genuine {
			t.Errorf("%v: %+v %v", over, r.Verdict, r.Reasons)
		}
	}
}
