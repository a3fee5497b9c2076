package wallettest

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"

	"vidimus/internal/document"
	"vidimus/internal/pki/pkitest"
)

// portrait draws a picture that no two runs draw differently.
func portrait() ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, 48, 64))
	for y := range 64 {
		for x := range 48 {
			img.Set(x, y, color.RGBA{R: uint8(4 * x), G: uint8(3 * y), B: uint8(x * y), A: 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, nil)
	return b.Bytes(), err
}

// person is whom everything is issued to.
func person() (document.Subject, error) {
	picture, err := portrait()
	if err != nil {
		return document.Subject{}, err
	}
	return document.Subject{
		Number: "P-1", Version: 1,
		Person: &document.Person{Attributes: document.Attributes{
			"family_name": "Weber", "given_name": "Anouk", "birth_date": "1990-05-02", "birth_place": "Utopia City",
			"place_of_birth": map[string]any{"country": pkitest.Country, "locality": "Utopia City"},
			"nationality":    []string{pkitest.Country, "LU"}, "portrait": picture,
			"resident_city": "Utopia City", "resident_country": pkitest.Country,
		}},
		Entitlements: []document.Entitlement{{Kind: document.KindDriving, Territory: pkitest.Country, Privileges: []document.Privilege{
			{Category: "B", IssueDate: "2010-06-01", ExpiryDate: "2034-01-09"},
		}}},
		Documents: []document.Document{
			{Number: "DL-1", Type: "mdl", IssueDate: "2024-01-10", ExpiryDate: "2034-01-09", IssuingAuthority: "Utopia Roads",
				IssuingCountry: pkitest.Country, UNDistinguishingSign: "UTO"},
			{Number: "ID-1", Type: "pid", IssueDate: "2024-01-10", ExpiryDate: "2034-01-09", IssuingAuthority: "Utopia Interior",
				IssuingCountry: pkitest.Country},
		},
	}, nil
}
