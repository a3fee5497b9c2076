package document

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vidimus/internal/problem"
)

func parse(name, raw string) (Payload, error) {
	return ParsePayload(name, []byte(raw), noon, "seq", "prev")
}

const goodPerson = `{"seq":1,"prev":0,"attributes":{"family_name":"Müller","given_name":"Erika","birth_date":"1984-01-26",
	"nationality":["DE","UT"],"place_of_birth":{"country":"DE","locality":"Köln"},"sex":2,"height":172,"mobile_phone_number":"+35212345"}}`

const goodEntitlement = `{"seq":1,"kind":"driving","territory":"UT","privileges":[{"vehicle_category_code":"A","issue_date":"2018-08-09",
	"expiry_date":"2030-10-20"},{"vehicle_category_code":"B","codes":[{"code":"01","sign":"=","value":"1"},{"code":"96"}]}]}`

const goodDocument = `{"seq":1,"number":"UT-DL-1","type":"mdl","issue_date":"2025-09-01","expiry_date":"2030-08-31","issuing_authority":"Utopia DMV",
	"issuing_country":"UT","issuing_jurisdiction":"UT-CA","un_distinguishing_sign":"UTO","attributes":{"administrative_number":"7","deep":{"list":[1,true,["a"]]}}}`

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
		{"measure-added", `{}`, "measure-added is not supported yet"},
		{"no-such", `{}`, "no such event"},
	} {
		got, err := parse(c.name, c.raw)
		if got != nil || problem.KindOf(err) != problem.InvalidRequest || !strings.Contains(problem.Detail(err), c.say) {
			t.Errorf("%s %.80s: %v (%v), want a text with %q", c.name, c.raw, err, got, c.say)
		}
	}
}

func FuzzParsePayload(f *testing.F) {
	for name, raw := range map[string]string{NamePersonPut: goodPerson, NameEntitlementPut: goodEntitlement, NameDocumentPut: goodDocument, NameDocumentAnnulled: `{"number":"A"}`} {
		f.Add(name, []byte(raw))
	}
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		p, err := ParsePayload(name, raw, noon, "seq", "prev")
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
