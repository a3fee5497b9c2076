package document

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vidimus/internal/problem"
)

// parse reads a payload both ways.
func parse(name, raw string) (Payload, error) {
	p, err := ParsePayload(name, []byte(raw), noon, "seq", "prev")
	if slow, slowErr := slowPayload(name, []byte(raw), noon, "seq", "prev"); (err == nil) != (slowErr == nil) || !reflect.DeepEqual(p, slow) {
		panic(fmt.Sprintf("%s %.200s:\n%+v, %v\nslowly\n%+v, %v", name, raw, p, err, slow, slowErr))
	}
	return p, err
}

const goodPerson = `{"seq":1,"prev":0,"attributes":{"family_name":"Müller","given_name":"Erika","birth_date":"1984-01-26",
	"nationality":["DE","UT"],"place_of_birth":{"country":"DE","locality":"Köln"},"sex":2,"height":172,"mobile_phone_number":"+35212345"}}`

const goodEntitlement = `{"seq":1,"kind":"driving","territory":"UT","privileges":[{"vehicle_category_code":"A","issue_date":"2018-08-09",
	"expiry_date":"2030-10-20"},{"vehicle_category_code":"B","codes":[{"code":"01","sign":"=","value":"1"},{"code":"96"}]}]}`

const goodDocument = `{"seq":1,"number":"UT-DL-1","type":"mdl","issue_date":"2025-09-01","expiry_date":"2030-08-31","issuing_authority":"Utopia DMV",
	"issuing_country":"UT","issuing_jurisdiction":"UT-CA","un_distinguishing_sign":"UTO","attributes":{"administrative_number":"7","deep":{"list":[1,true,["a"]]}}}`

const goodMeasure = `{"seq":1,"id":"M-1","kind":"restriction","right":{"kind":"driving","territory":"UT"},"orders":{"authority":"Ministe\u0300re","legal_basis":"Art. 2",
	"until":"2027-01-01T00:00:00+01:00","confirm_by":"2026-06-18T12:00:00Z","categories":["B","C"],"codes":[{"code":"01"}]}}`

const goodSplit = `{"seq":1,"new":"P-7","attributes":{"family_name":"X","given_name":"Y","birth_date":"1984-01-26"},"documents":["N-1","N-2"],
	"entitlements":[{"kind":"driving","territory":"UT"}],"measures":["P-1:M-1"]}`

func TestParsePayload(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      Payload
	}{
		{NamePersonPut, goodPerson, PersonPut{Attributes{
			"family_name": "Müller", "given_name": "Erika", "birth_date": "1984-01-26", "nationality": []string{"DE", "UT"},
			"place_of_birth": map[string]any{"country": "DE", "locality": "Köln"}, "sex": int64(2), "height": int64(172), "mobile_phone_number": "+35212345",
		}}},
		{NameEntitlementPut, goodEntitlement, EntitlementPut{"driving", "UT", []Privilege{
			{"A", "2018-08-09", "2030-10-20", nil}, {"B", "", "", []Code{{"01", "=", "1"}, {"96", "", ""}}},
		}}},
		{NameEntitlementPut, `{"kind":"driving","territory":"UT-CA","privileges":[]}`, EntitlementPut{"driving", "UT-CA", nil}},
		{NameDocumentPut, goodDocument, DocumentPut{
			"UT-DL-1", "mdl", "2025-09-01", "2030-08-31", "Utopia DMV", "UT", "UT-CA", "UTO",
			Attributes{"administrative_number": "7", "deep": map[string]any{"list": []any{int64(1), true, []string{"a"}}}},
		}},
		{NameDocumentAnnulled, `{"seq":1,"number":"UT-DL-1","reason":"forged papers"}`, DocumentAnnulled{"UT-DL-1", "forged papers"}},
		{NameDocumentSurrendered, `{"number":"N","reason":"moved abroad"}`, DocumentSurrendered{"N", "moved abroad"}},
		{NameDocumentCarrierLost, `{"number":"N"}`, DocumentCarrierLost{"N", ""}},
		{NamePersonDied, `{"seq":1,"prev":4}`, PersonDied{}},
		{NamePersonMerged, `{"seq":1,"into":"P-2"}`, PersonMerged{"P-2"}},
		{NamePersonSplit, goodSplit, PersonSplit{"P-7", attributesXY, []string{"N-1", "N-2"}, []Right{{"driving", "UT"}}, []string{"P-1:M-1"}}},
		{NameMeasureAdded, goodMeasure, MeasureAdded{"M-1", Restriction, Right{"driving", "UT"}, Orders{
			Authority: "Ministère", LegalBasis: "Art. 2", Until: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC), ConfirmBy: noon.AddDate(0, 0, 3),
			Categories: []string{"B", "C"}, Codes: []Code{{Code: "01"}},
		}}},
		{NameMeasureAdded, `{"id":"M","kind":"court-ban","right":{"kind":"driving","territory":"UT"},"orders":{"authority":"A"}}`, MeasureAdded{"M", CourtBan, driving, Orders{Authority: "A"}}},
		{NameMeasureLifted, `{"id":"P-1:M-1","reason":"served"}`, MeasureLifted{"P-1:M-1", "served"}},
		{NameMeasureCorrected, `{"id":"M-1","orders":{"authority":"A"},"from":"2026-06-15T12:00:00Z"}`, MeasureCorrected{"M-1", Orders{Authority: "A"}, noon}},
		{NameMeasureCorrected, `{"id":"M-1","orders":{"authority":"A"}}`, MeasureCorrected{ID: "M-1", Orders: Orders{Authority: "A"}}},
		{NameAppealUpheld, `{"measure":"M-1","reason":"not he"}`, AppealUpheld{"M-1", "not he"}},
		{NameWalletLost, `{}`, WalletLost{}},
		{NameWalletLost, `{"wallet":"AbC-_0"}`, WalletLost{Wallet: "AbC-_0"}},
		{NameWalletUnitRevoked, `{"wallet":"AbC-_0","reason":"broken"}`, WalletUnitRevoked{"AbC-_0", "broken"}},
	} {
		got, err := parse(c.name, c.raw)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if got.Name() != c.name {
			t.Errorf("Name() = %s, want %s", got.Name(), c.name)
		}
	}
}

var attributesXY = Attributes{"family_name": "X", "given_name": "Y", "birth_date": "1984-01-26"}

// Every name of the format is read.
func TestParsePayloadKnowsEveryName(t *testing.T) {
	for _, name := range Names() {
		if _, err := parse(name, `{"odd":1}`); !strings.Contains(problem.Detail(err), name+": unknown member odd") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParsePayloadNormalises(t *testing.T) {
	got, err := parse(NamePersonPut, `{"attributes":{"family_name":"Mu\u0308ller","given_name":"A","birth_date":"1984-01-26"}}`)
	if err != nil || got.(PersonPut).Attributes.Text("family_name") != "Müller" {
		t.Errorf("NFD is not put in NFC: %v %v", got, err)
	}
	b64 := base64.StdEncoding.EncodeToString(picture(t))
	got, err = parse(NamePersonPut, fmt.Sprintf(`{"attributes":{"family_name":"A","given_name":"A","birth_date":"1984-01-26","portrait":%q,"signature_usual_mark":""}}`, b64))
	if err != nil || !bytes.Equal(got.(PersonPut).Attributes.Bytes("portrait"), picture(t)) {
		t.Errorf("portrait: %v", err)
	}
}

func attribute(name, value string) string {
	m := map[string]json.RawMessage{"family_name": []byte(`"A"`), "given_name": []byte(`"B"`), "birth_date": []byte(`"1984-01-26"`)}
	m[name] = []byte(value)
	b, _ := json.Marshal(map[string]any{"attributes": m})
	return string(b)
}

// Each is refused as invalid_request and the text names the member.
func TestParsePayloadRefuses(t *testing.T) {
	swap := func(s, from, to string) string {
		if !strings.Contains(s, from) {
			t.Fatalf("%q is not in the good payload", from)
		}
		return strings.Replace(s, from, to, 1)
	}
	for _, c := range []struct{ name, raw, say string }{
		{NamePersonPut, `[]`, "person-put"},
		{NamePersonPut, `{"seq":1}`, "family_name is missing"},
		{NamePersonPut, swap(goodPerson, `"seq":1`, `"seq":1,"deceased":true`), "unknown member deceased"},
		{NamePersonPut, swap(goodPerson, `"seq":1`, `"seq":1,"Attributes":{}`), "Attributes"},
		{NamePersonPut, swap(goodPerson, `"sex":2`, `"sex":2,"sex":1`), "sex"},
		{NamePersonPut, swap(goodPerson, `"sex":2`, `"sex":2,"shoe_size":44`), "unknown member shoe_size"},
		{NamePersonPut, swap(goodPerson, `"country":"DE"`, `"planet":"DE"`), "unknown member planet"},
		{NamePersonPut, swap(goodPerson, `"given_name":"Erika",`, ``), "given_name is missing"},
		{NamePersonPut, attribute("family_name", `"a\u202eb"`), "family_name contains the character U+202E"},
		{NamePersonPut, attribute("family_name", `"a\u200db"`), "U+200D"},
		{NamePersonPut, attribute("family_name", `"a\u0000b"`), "U+0000"},
		{NamePersonPut, attribute("family_name", `"a\nb"`), "U+000A"},
		{NamePersonPut, attribute("family_name", `"a\u0378b"`), "U+0378"},
		{NamePersonPut, attribute("family_name", `"a\ue000b"`), "U+E000"},
		{NamePersonPut, attribute("family_name", `"a\u2028b"`), "U+2028"},
		{NamePersonPut, attribute("family_name", `"\ud800"`), "surrogate"},
		{NamePersonPut, attribute("family_name", `""`), "family_name is empty"},
		{NamePersonPut, attribute("family_name", `"`+strings.Repeat("x", 151)+`"`), "family_name has more than 150"},
		{NamePersonPut, attribute("family_name", `"`+strings.Repeat("x", 10000)+`"`), "family_name has more than 150"},
		{NamePersonPut, attribute("family_name", `7`), "family_name is not a string"},
		{NamePersonPut, attribute("birth_date", `"2023-02-29"`), "birth_date is not a calendar date"},
		{NamePersonPut, attribute("birth_date", `"0000-00-00"`), "birth_date is not a calendar date"},
		{NamePersonPut, attribute("birth_date", `"9999-12-31"`), "birth_date lies outside"},
		{NamePersonPut, attribute("birth_date", `"2026-06-17"`), "birth_date lies in the future"},
		{NamePersonPut, attribute("birth_date", `"1984-01-26Z"`), "birth_date is not a calendar date"},
		{NamePersonPut, attribute("birth_date", `"1984-01-26+02:00"`), "birth_date is not a calendar date"},
		{NamePersonPut, attribute("birth_date", `"1984-1-26"`), "birth_date is not a calendar date"},
		{NamePersonPut, attribute("birth_date", `19840126`), "birth_date is not a date"},
		{NamePersonPut, attribute("nationality", `["DE","DE"]`), "nationality names a country twice"},
		{NamePersonPut, attribute("nationality", `"DE"`), "nationality"},
		{NamePersonPut, attribute("nationality", `[]`), "nationality"},
		{NamePersonPut, attribute("nationality", `["de"]`), "nationality"},
		{NamePersonPut, attribute("place_of_birth", `{}`), "place_of_birth"},
		{NamePersonPut, attribute("place_of_birth", `{"country":"Germany"}`), "place_of_birth.country"},
		{NamePersonPut, attribute("sex", `7`), "sex"},
		{NamePersonPut, attribute("sex", `"2"`), "sex"},
		{NamePersonPut, attribute("height", `0`), "height"},
		{NamePersonPut, attribute("height", `1.8`), "height"},
		{NamePersonPut, attribute("mobile_phone_number", `"00352"`), "mobile_phone_number"},
		{NamePersonPut, attribute("portrait", `"/9g="`), "portrait"},
		{NamePersonPut, attribute("portrait", `"!"`), "portrait"},
		{NameEntitlementPut, swap(goodEntitlement, `"driving"`, `"Driving"`), "kind"},
		{NameEntitlementPut, swap(goodEntitlement, `"UT"`, `"ut"`), "territory"},
		{NameEntitlementPut, swap(goodEntitlement, `"UT"`, `"UT-TOOLONG"`), "territory"},
		{NameEntitlementPut, `{"kind":"driving","territory":"UT"}`, "privileges is missing"},
		{NameEntitlementPut, `{"kind":"driving","territory":"UT","privileges":[` + strings.Repeat(`{"vehicle_category_code":"B"},`, 64) + `{}]}`, "more than 64"},
		{NameEntitlementPut, swap(goodEntitlement, `"sign"`, `"Sign"`), "Sign"},
		{NameEntitlementPut, swap(goodEntitlement, `"sign"`, `"weight"`), "unknown member weight"},
		{NameEntitlementPut, swap(goodEntitlement, `"code":"96"`, `"value":"96"`), "code is empty"},
		{NameEntitlementPut, swap(goodEntitlement, `"vehicle_category_code":"B"`, `"vehicle_category_code":"A"`), "category twice"},
		{NameEntitlementPut, swap(goodEntitlement, `2030-10-20`, `2017-10-20`), "expiry_date lies before issue_date"},
		{NameEntitlementPut, swap(goodEntitlement, `2030-10-20`, `2030-02-30`), "expiry_date is not a calendar date"},
		{NameDocumentPut, swap(goodDocument, `2025-09-01`, `2031-09-01`), "expiry_date lies before issue_date"},
		{NameDocumentPut, swap(goodDocument, `2030-08-31`, `9999-12-31`), "expiry_date lies outside"},
		{NameDocumentPut, swap(goodDocument, `"issue_date":"2025-09-01",`, ``), "issue_date is not a calendar date"},
		{NameDocumentPut, swap(goodDocument, `UT-DL-1`, `UT DL`), "number"},
		{NameDocumentPut, swap(goodDocument, `"UT-DL-1"`, `""`), "number"},
		{NameDocumentPut, swap(goodDocument, `"mdl"`, `"org.iso"`), "type"},
		{NameDocumentPut, swap(goodDocument, `UT-CA`, `DE-BY`), "issuing_jurisdiction"},
		{NameDocumentPut, swap(goodDocument, `"Utopia DMV"`, `""`), "issuing_authority is empty"},
		{NameDocumentPut, swap(goodDocument, `"type"`, `"annulled":false,"type"`), "unknown member annulled"},
		{NameDocumentPut, swap(goodDocument, `"administrative_number"`, `"Administrative"`), "name of an attribute"},
		{NameDocumentPut, swap(goodDocument, `"deep":{`, `"deep":{"A\u202e":1,`), "name of a member"},
		{NameDocumentPut, swap(goodDocument, `"a"`, `"a\u0007"`), "U+0007"},
		{NameDocumentAnnulled, `{"number":"a\u0000b"}`, "number"},
		{NameDocumentAnnulled, `{"number":"A","reason":"\u200b"}`, "reason"},
		{NameDocumentAnnulled, `{"number":"A","number":"B"}`, "number"},
		{NameDocumentAnnulled, `{"number":"A","<script>":"B"}`, "odd name"},
		{NameDocumentSurrendered, `{"number":""}`, "number"},
		{NameDocumentCarrierLost, `{"number":"N","reason":"a\nb"}`, "reason"},
		{NamePersonDied, `[]`, "person-died"},
		{NamePersonMerged, `{}`, "into"},
		{NamePersonMerged, `{"into":"P 2"}`, "into"},
		{NamePersonSplit, swap(goodSplit, `"P-7"`, `""`), "new"},
		{NamePersonSplit, swap(goodSplit, `"given_name":"Y",`, ``), "given_name is missing"},
		{NamePersonSplit, swap(goodSplit, `"N-2"`, `"N-1"`), "documents names one twice"},
		{NamePersonSplit, swap(goodSplit, `"N-2"`, `"N 2"`), "documents"},
		{NamePersonSplit, swap(goodSplit, `"P-1:M-1"`, `"`+strings.Repeat("m", MaxMeasureID+1)+`"`), "measures"},
		{NamePersonSplit, swap(goodSplit, `"territory":"UT"`, `"territory":"ut"`), "entitlements: territory"},
		{NamePersonSplit, swap(goodSplit, `{"kind"`, `{"right":1,"kind"`), "entitlements: unknown member right"},
		{NamePersonSplit, swap(goodSplit, `{"kind":"driving","territory":"UT"}`, `{"kind":"a","territory":"UT"},{"kind":"a","territory":"UT"}`), "entitlements names one twice"},
		{NamePersonSplit, swap(goodSplit, `{"kind":"driving","territory":"UT"}`, strings.Repeat(`{},`, MaxEntitlements)+`{}`), "entitlements has more than 50"},
		{NamePersonSplit, swap(goodSplit, `["N-1","N-2"]`, `[`+strings.Repeat(`"N",`, MaxDocuments)+`"N"]`), "documents has more than 200"},
		{NameMeasureAdded, swap(goodMeasure, `"M-1"`, `""`), "id"},
		{NameMeasureAdded, swap(goodMeasure, `"M-1"`, `"`+strings.Repeat("m", MaxNumber+1)+`"`), "id"},
		{NameMeasureAdded, swap(goodMeasure, `"restriction"`, `"Restriction"`), "kind is not one of"},
		{NameMeasureAdded, swap(goodMeasure, `"kind":"restriction",`, ``), "kind is not one of"},
		{NameMeasureAdded, swap(goodMeasure, `"restriction"`, `"court-ban"`), "codes belong"},
		{NameMeasureAdded, swap(goodMeasure, `,"codes":[{"code":"01"}]`, ``), "codes belong"},
		{NameMeasureAdded, swap(goodMeasure, `"right":{"kind":"driving","territory":"UT"},`, ``), "right is missing"},
		{NameMeasureAdded, swap(goodMeasure, `"right":{"kind":"driving",`, `"right":{`), "right: kind"},
		{NameMeasureAdded, swap(goodMeasure, `"territory":"UT"`, `"territory":"Utopia"`), "right: territory"},
		{NameMeasureAdded, `{"id":"M","kind":"court-ban","right":{"kind":"driving","territory":"UT"}}`, "orders is missing"},
		{NameMeasureAdded, swap(goodMeasure, `"Ministe\u0300re"`, `""`), "authority is empty"},
		{NameMeasureAdded, swap(goodMeasure, `"Art. 2"`, `"a\u202eb"`), "legal_basis"},
		{NameMeasureAdded, swap(goodMeasure, `"until"`, `"Until"`), "Until"},
		{NameMeasureAdded, swap(goodMeasure, `2027-01-01T00:00:00+01:00`, `2027-01-01`), "until is not an RFC 3339"},
		{NameMeasureAdded, swap(goodMeasure, `2027-01-01T00:00:00+01:00`, `2027-02-29T00:00:00Z`), "until is not an RFC 3339"},
		{NameMeasureAdded, swap(goodMeasure, `2027-01-01T00:00:00+01:00`, `2027-01-01T0:00:00Z`), "until is not an RFC 3339"},
		{NameMeasureAdded, swap(goodMeasure, `2027-01-01T00:00:00+01:00`, `2027-01-01T00:00:00,5Z`), "until is not an RFC 3339"},
		{NameMeasureAdded, swap(goodMeasure, `2027-01-01T00:00:00+01:00`, `2027-01-01T00:00:00`), "until is not an RFC 3339"},
		{NameMeasureAdded, swap(goodMeasure, `2027-01-01T00:00:00+01:00`, ``), "until is not an RFC 3339"},
		{NameMeasureAdded, swap(goodMeasure, `2026-06-18T12:00:00Z`, `9999-12-31T23:59:59Z`), "confirm_by lies outside"},
		{NameMeasureAdded, swap(goodMeasure, `"2026-06-18T12:00:00Z"`, `1781784000`), "orders"},
		{NameMeasureAdded, swap(goodMeasure, `["B","C"]`, `["B","B"]`), "categories names a category twice"},
		{NameMeasureAdded, swap(goodMeasure, `["B","C"]`, `["B",""]`), "categories is empty"},
		{NameMeasureAdded, swap(goodMeasure, `["B","C"]`, `[`+strings.Repeat(`"B",`, MaxPrivileges)+`"B"]`), "categories has more than 64"},
		{NameMeasureAdded, swap(goodMeasure, `{"code":"01"}`, `{"code":""}`), "code is empty"},
		{NameMeasureLifted, `{"id":"` + strings.Repeat("m", MaxMeasureID+1) + `"}`, "id"},
		{NameMeasureLifted, `{"id":"M","reason":"` + strings.Repeat("x", 151) + `"}`, "reason has more than 150"},
		{NameMeasureCorrected, `{"id":"M"}`, "orders is missing"},
		{NameMeasureCorrected, `{"id":"M","orders":{"authority":"A"},"kind":"court-ban"}`, "unknown member kind"},
		{NameMeasureCorrected, `{"id":"M","orders":{"authority":"A"},"from":"yesterday"}`, "from is not an RFC 3339"},
		{NameMeasureCorrected, `{"id":"","orders":{"authority":"A"}}`, "id"},
		{NameAppealUpheld, `{"measure":""}`, "measure"},
		{NameWalletLost, `{"wallet":"a+b"}`, "wallet"},
		{NameWalletUnitRevoked, `{}`, "wallet"},
		{NameWalletUnitRevoked, `{"wallet":"` + strings.Repeat("w", MaxNumber+1) + `"}`, "wallet"},
		{"no-such", `{}`, "no such event"},
	} {
		got, err := parse(c.name, c.raw)
		if got != nil || problem.KindOf(err) != problem.InvalidRequest || !strings.Contains(problem.Detail(err), c.say) {
			t.Errorf("%s %.80s: %v (%v), want a text with %q", c.name, c.raw, err, got, c.say)
		}
	}
}

func FuzzParsePayload(f *testing.F) {
	for name, raw := range map[string]string{
		NamePersonPut: goodPerson, NameEntitlementPut: goodEntitlement, NameDocumentPut: goodDocument, NameDocumentAnnulled: `{"number":"A"}`,
		NameMeasureAdded: goodMeasure, NamePersonSplit: goodSplit, NameMeasureCorrected: `{"id":"M","orders":{"authority":"A"},"from":"2026-06-15T12:00:00Z"}`,
		NameMeasureLifted: `{"id":"M"}`, NameAppealUpheld: `{"measure":"M"}`, NameWalletLost: `{"wallet":"w"}`, NameWalletUnitRevoked: `{"wallet":"w"}`,
		NamePersonDied: `{}`, NamePersonMerged: `{"into":"P"}`, NameDocumentSurrendered: `{"number":"A"}`, NameDocumentCarrierLost: `{"number":"A"}`,
	} {
		f.Add(name, []byte(raw))
	}
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		p, err := parse(name, string(raw))
		if err != nil {
			if p != nil || problem.KindOf(err) != problem.InvalidRequest {
				t.Fatalf("refused with %v and %v", err, p)
			}
			return
		}
		// What was taken is in its kept form: read again it is the same.
		switch e := p.(type) {
		case EntitlementPut:
			if e.Privileges == nil {
				e.Privileges = []Privilege{}
			}
			p = e
		case DocumentPut:
			if e.Attributes == nil {
				e.Attributes = Attributes{}
			}
			p = e
		}
		kept, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePayload(name, kept, noon)
		if err != nil || !cmp.Equal(p, again, cmpopts.EquateEmpty()) {
			t.Fatalf("%s: %v %s", kept, err, cmp.Diff(p, again))
		}
	})
}
