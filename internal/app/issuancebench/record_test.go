package issuancebench

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
	"vidimus/internal/portrait"
)

// workload is testdata/workload/mdl30.json.
type workload struct {
	Elements [][3]any `json:"elements"` // name, type, value
}

// The person of the workload, who is one of the sample people since the login of
// development knows no others.
const (
	person        = "P-1"
	configuration = "mdl"
)

// record gives the events that make the person of the workload: a licence whose
// copies have its 30 elements. What the catalogue makes of others (the ages, the
// rights, the days of the document) is not said twice.
func record(now time.Time) ([]issuer.FileEvent, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "workload", "mdl30.json"))
	if err != nil {
		return nil, err
	}
	var w workload
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, e := range w.Elements {
		values[e[0].(string)] = e[2]
	}
	attributes := map[string]any{"place_of_birth": map[string]any{"country": "DE", "locality": "Berlin"}}
	for _, name := range []string{
		"family_name", "given_name", "birth_date", "portrait", "sex", "height", "weight", "eye_colour", "hair_colour", "birth_place",
		"resident_address", "resident_city", "resident_state", "resident_postal_code",
	} {
		attributes[name] = values[name]
	}
	if attributes["portrait"], err = picture(values["portrait"].(string)); err != nil {
		return nil, err
	}
	attributes["portrait_capture_date"], _, _ = strings.Cut(values["portrait_capture_date"].(string), "T")
	attributes["nationality"] = []any{values["nationality"]}
	day := func(years int) string { return now.AddDate(years, 0, 0).Format(time.DateOnly) }
	privileges := []map[string]string{
		{"vehicle_category_code": "A", "issue_date": day(-7), "expiry_date": day(8)},
		{"vehicle_category_code": "B", "issue_date": day(-8), "expiry_date": day(8)},
	}
	var events []issuer.FileEvent
	for _, e := range []struct {
		name    string
		payload any
	}{
		{document.NamePersonPut, map[string]any{"attributes": attributes}},
		{document.NameEntitlementPut, map[string]any{"kind": document.KindDriving, "territory": "UT", "privileges": privileges}},
		{document.NameDocumentPut, map[string]any{
			"number": values["document_number"], "type": "mdl", "issue_date": day(-1), "expiry_date": day(8),
			"issuing_authority": values["issuing_authority"], "issuing_country": "UT", "un_distinguishing_sign": values["un_distinguishing_sign"],
			"attributes": map[string]any{"administrative_number": values["administrative_number"]},
		}},
	} {
		raw, err := json.Marshal(e.payload)
		if err != nil {
			return nil, err
		}
		events = append(events, issuer.FileEvent{Event: e.name, Person: person, Payload: raw})
	}
	return events, nil
}

// picture is a picture of about as many octets as that of the workload, which is
// random and no picture: a drawn face, as fine as that allows. Comments would be
// cut out of it.
func picture(like string) (string, error) {
	octets, err := base64.StdEncoding.DecodeString(like)
	if err != nil {
		return "", err
	}
	drawn, err := portrait.Draw(0)
	if err != nil {
		return "", err
	}
	face, err := jpeg.Decode(bytes.NewReader(drawn))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for quality := 100; quality > 0; quality-- {
		out.Reset()
		if err := jpeg.Encode(&out, face, &jpeg.Options{Quality: quality}); err != nil {
			return "", err
		}
		if out.Len() <= len(octets) {
			break
		}
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}
