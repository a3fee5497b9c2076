package issuer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/portrait"
)

// SamplePeople are the numbers of the people in Sample, in their order; the
// licence of P-1 is DL-1, the identity document ID-1.
var SamplePeople = []string{"P-1", "P-2", "P-3"}

// samplePerson is what differs between them.
type samplePerson struct {
	family, given, born, place, city, sex string
	categories                            []string
}

var samplePeople = []samplePerson{
	{"Dvořák-Weber", "Erika", "1984-01-26", "Utopia City", "Utopia City", "2", []string{"AM", "B", "BE"}},
	{"Müller", "Jean-Luc", "1961-07-14", "Port Vidim", "Port Vidim", "1", []string{"A", "B", "C1"}},
	{"Ó Briain", "Saoirse", "2007-03-02", "New Harbour", "Utopia City", "2", []string{"AM", "B"}},
}

// Sample gives the events that make three people with a portrait, a driving
// licence and an identity document each, for trying things by hand. The
// country is that of the office, or copies would not be issued.
func Sample(a Authority, now time.Time) ([]FileEvent, error) {
	day := func(years int) string { return now.AddDate(years, 0, 0).Format(time.DateOnly) }
	var out []FileEvent
	for i, p := range samplePeople {
		face, err := portrait.Draw(i)
		if err != nil {
			return nil, fmt.Errorf("drawing a portrait: %w", err)
		}
		n := i + 1
		attributes := map[string]any{
			"family_name": p.family, "given_name": p.given, "birth_date": p.born, "birth_place": p.place,
			"place_of_birth": map[string]string{"country": a.Country, "locality": p.place}, "nationality": []string{a.Country},
			"sex": json.Number(p.sex), "portrait": base64.StdEncoding.EncodeToString(face), "portrait_capture_date": day(-2),
			"resident_address": fmt.Sprintf("%d Harbour Street, %s", 10+n, p.city), "resident_city": p.city, "resident_country": a.Country,
			"personal_administrative_number": fmt.Sprintf("UT%07d", 1000+n),
		}
		privileges := make([]map[string]string, len(p.categories))
		for j, c := range p.categories {
			privileges[j] = map[string]string{"vehicle_category_code": c, "issue_date": day(-2), "expiry_date": day(8)}
		}
		doc := func(kind, typ, authority string) map[string]any {
			d := map[string]any{
				"number": fmt.Sprintf("%s-%d", kind, n), "type": typ, "issue_date": day(-2), "expiry_date": day(8),
				"issuing_authority": a.Organization + " " + authority, "issuing_country": a.Country,
			}
			if a.State != "" {
				d["issuing_jurisdiction"] = a.State
			}
			if typ == "mdl" {
				d["un_distinguishing_sign"] = "UTO"
			}
			return d
		}
		for _, e := range []struct {
			name    string
			payload any
		}{
			{document.NamePersonPut, map[string]any{"attributes": attributes}},
			{document.NameEntitlementPut, map[string]any{"kind": document.KindDriving, "territory": a.Country, "privileges": privileges}},
			{document.NameDocumentPut, doc("DL", "mdl", "Roads")},
			{document.NameDocumentPut, doc("ID", "pid", "Interior")},
		} {
			raw, err := json.Marshal(e.payload)
			if err != nil {
				return nil, err
			}
			out = append(out, FileEvent{Event: e.name, Person: SamplePeople[i], Payload: raw})
		}
	}
	return out, nil
}

// Annulment is the event that ends a document of the sample.
func Annulment(number string) FileEvent {
	raw, _ := json.Marshal(map[string]string{"number": number, "reason": "sample"}) // cannot fail
	return FileEvent{Event: document.NameDocumentAnnulled, Person: number, Payload: raw}
}
