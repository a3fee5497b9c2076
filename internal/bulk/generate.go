package bulk

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"vidimus/internal/document"
)

// Generator makes lines of people who do not exist, for tests and for
// measuring: about 3 KB each, and the same ones from the same randomness.
type Generator struct {
	// Random is a stream that may be foretold; 32 octets are read per line.
	Random io.Reader
	// Portraits are digests of pictures in the folder; none means no portraits.
	Portraits [][32]byte
	// Prefix begins all person and document numbers.
	Prefix string
}

// generated names: made of these, so that nobody is meant.
var (
	familyNames = []string{"Weber", "Müller", "Schmit", "Faber", "Thill", "Reuter", "Krier", "Da Silva", "O’Neil", "Žukauskas", "Nguyễn", "Ångström"}
	givenNames  = []string{"Marie", "Jean", "Léa", "Noé", "Emma", "Luc", "Zoë", "Björn", "Inês", "Ana Sofia", "Tom", "Łukasz"}
	streets     = []string{"Rue de l’Église", "Am Bongert", "Route d’Esch", "Op der Haart", "Place d’Armes", "Bd Royal"}
	towns       = []string{"Lëtzebuerg", "Esch-sur-Alzette", "Dikrech", "Iechternach", "Réimech", "Wolz"}
	categories  = []string{"AM", "A1", "A2", "A", "B", "BE", "C1", "C", "CE", "F"}
)

// Line makes line number i, without its newline.
func (g *Generator) Line(i int) ([]byte, error) {
	var dice [32]byte
	if _, err := io.ReadFull(g.Random, dice[:]); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", err)
	}
	at := 0
	roll := func(n int) int {
		v := int(binary.BigEndian.Uint16(dice[at%30:]))
		at += 2
		return v % n
	}
	year, month, day := 1940+roll(65), 1+roll(12), 1+roll(28)
	issued := fmt.Sprintf("20%02d-%02d-%02d", 16+roll(9), 1+roll(12), 1+roll(28))
	family, given, street, town := familyNames[roll(len(familyNames))], givenNames[roll(len(givenNames))], streets[roll(len(streets))], towns[roll(len(towns))]
	line := wireLine{
		Person: fmt.Sprintf("%sP-%09d", g.Prefix, i),
		Attributes: map[string]any{
			"family_name": family, "given_name": given, "family_name_birth": family, "given_name_birth": given,
			"birth_date":  fmt.Sprintf("%04d-%02d-%02d", year, month, day),
			"birth_place": town, "place_of_birth": map[string]string{"country": "LU", "region": "LU-L", "locality": town},
			"nationality": []string{"LU"}, "sex": 1 + roll(2), "height": 150 + roll(50), "weight": 50 + roll(60),
			"eye_colour": "brown", "hair_colour": "black", "portrait_capture_date": issued,
			"resident_address": fmt.Sprintf("%d, %s, L-%04d %s", 1+roll(200), street, 1000+roll(8999), town),
			"resident_street":  street, "resident_house_number": fmt.Sprint(1 + roll(200)), "resident_city": town,
			"resident_state": "Luxembourg", "resident_postal_code": fmt.Sprintf("L-%04d", 1000+roll(8999)), "resident_country": "LU",
			"personal_administrative_number": fmt.Sprintf("%04d%02d%02d%05d", year, month, day, i%100000),
			"email_address":                  fmt.Sprintf("p%d@example.org", i), "mobile_phone_number": fmt.Sprintf("+352621%06d", i%1000000),
			"family_name_national_character": family, "given_name_national_character": given,
		},
		Documents: []wireDocument{
			g.document("mdl", fmt.Sprintf("%sL-%09d", g.Prefix, i), issued, map[string]any{
				"issue_history": []map[string]string{{"date": issued, "office": "Société nationale de circulation automobile"}},
			}),
			g.document("pid", fmt.Sprintf("%sI-%09d", g.Prefix, i), issued, nil),
		},
	}
	if len(g.Portraits) > 0 {
		line.Attributes["portrait"] = map[string]string{"sha-256": fmt.Sprintf("%x", g.Portraits[roll(len(g.Portraits))])}
	}
	driving := wireEntitlement{Kind: document.KindDriving, Territory: "LU"}
	for _, c := range categories[:6+roll(5)] {
		p := document.Privilege{Category: c, IssueDate: issued, ExpiryDate: "20" + fmt.Sprint(35+roll(10)) + "-06-30"}
		for range 1 + roll(3) {
			p.Codes = append(p.Codes, document.Code{Code: fmt.Sprintf("%02d", 1+roll(90)), Sign: "=", Value: fmt.Sprint(1 + roll(50))})
		}
		driving.Privileges = append(driving.Privileges, p)
	}
	line.Entitlements = []wireEntitlement{driving}
	if roll(20) == 0 { // one in twenty has a measure against them
		line.Measures = []wireMeasure{{
			ID: fmt.Sprintf("M-%d", i), Kind: document.CourtBan, Right: document.Right{Kind: document.KindDriving, Territory: "LU"},
			Orders: document.Orders{Authority: "Tribunal d’arrondissement", LegalBasis: "loi modifiée du 14 février 1955, art. 13", Categories: []string{"B"}},
			From:   "2026-0" + fmt.Sprint(1+roll(9)) + "-01T00:00:00Z",
		}}
	}
	text, err := json.Marshal(line)
	if err != nil {
		return nil, fmt.Errorf("encoding a line: %w", err)
	}
	return text, nil
}

func (g *Generator) document(docType, number, issued string, attributes map[string]any) wireDocument {
	return wireDocument{
		Number: number, Type: docType, IssueDate: issued, ExpiryDate: "2046-06-30",
		IssuingAuthority: "Ministère de la Mobilité et des Travaux publics", IssuingCountry: "LU", IssuingJurisdiction: "LU-L",
		UNDistinguishingSign: "L", Attributes: attributes,
	}
}

// Generate writes n lines, numbered from first on.
func (g *Generator) Generate(w *Writer, first, n int) error {
	for i := first; i < first+n; i++ {
		line, err := g.Line(i)
		if err != nil {
			return err
		}
		if err := w.Line(line); err != nil {
			return err
		}
	}
	return nil
}
