package catalog

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/document"
)

var testNow = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// portrait draws a picture of about the given size in bytes, or small.
func portrait(t testing.TB, size int) []byte {
	t.Helper()
	side := 24
	if size > 4096 {
		side = 190
	}
	noise := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			img.Set(x, y, color.RGBA{R: uint8(noise.IntN(120) + x/2), G: uint8(x), B: uint8(y), A: 255})
		}
	}
	for quality := 75; ; quality++ {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		if b.Len() >= size || quality == 100 {
			return b.Bytes()
		}
	}
}

// subject has every attribute that the built-in configurations read, and one
// document of each type.
func subject(t testing.TB) document.Subject {
	t.Helper()
	picture := portrait(t, 0)
	biometric := []byte{0x7f, 0x61, 0x01, 0x00}
	return document.Subject{
		Number: "P-1", Version: 3,
		Person: &document.Person{Attributes: document.Attributes{
			"family_name": "Dvořák-Müller", "given_name": "Erika", "birth_date": "1984-01-26",
			"family_name_birth": "Gabler", "given_name_birth": "Erika",
			"given_name_national_character": "Ερίκα",
			"birth_place":                   "Berlin, Germany", "place_of_birth": map[string]any{"country": "DE", "locality": "Berlin"},
			"nationality": []string{"UT", "DE"}, "sex": int64(2), "height": int64(172), "weight": int64(68),
			"eye_colour": "green", "hair_colour": "brown", "portrait": picture, "portrait_capture_date": "2025-08-15",
			"signature_usual_mark": picture,
			"resident_address":     "Heidestrasse 17", "resident_street": "Heidestrasse 17", "resident_house_number": "17",
			"resident_city": "Koeln", "resident_state": "NRW", "resident_postal_code": "51147", "resident_country": "DE",
			"personal_administrative_number": "UT-1", "email_address": "erika@example.org", "mobile_phone_number": "+491701234567",
		}},
		Entitlements: []document.Entitlement{{Kind: document.KindDriving, Territory: "UT", Privileges: []document.Privilege{
			{Category: "A", IssueDate: "2018-08-09", ExpiryDate: "2030-10-20"},
			{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20", Codes: []document.Code{{Code: "01", Sign: "=", Value: "06"}}},
			{Category: "C", IssueDate: "2017-02-23", ExpiryDate: "2020-10-20"},
		}}},
		Documents: []document.Document{
			{Number: "DL-1", Type: "mdl", IssueDate: "2025-09-01", ExpiryDate: "2030-08-31", IssuingAuthority: "Utopia DMV",
				IssuingCountry: "UT", IssuingJurisdiction: "UT-CA", UNDistinguishingSign: "UTO",
				Attributes: document.Attributes{"administrative_number": "ADM-1", "biometric_template_face": biometric,
					"biometric_template_finger": biometric, "biometric_template_signature_sign": biometric, "biometric_template_iris": biometric}},
			{Number: "ID-1", Type: "pid", IssueDate: "2025-09-01", ExpiryDate: "2030-08-31", IssuingAuthority: "Utopia Ministry of Interior",
				IssuingCountry: "UT", IssuingJurisdiction: "UT-CA", Attributes: document.Attributes{"trust_anchor": "https://trust.example/anchor"}},
			{Number: "F-1", Type: "fishing", IssueDate: "2026-01-01", ExpiryDate: "2026-12-31", IssuingAuthority: "Inland Waters Office",
				IssuingCountry: "UT", IssuingJurisdiction: "UT-CA", Attributes: document.Attributes{
					"waters": []string{"Our", "Sûre"}, "rods": int64(2), "guide": true, "class": "year"}},
		},
	}
}

// changed is the subject with attributes set, or removed when the value is nil:
// "person.X", "document.X" (an attribute of every document).
func changed(t testing.TB, change map[string]any) document.Subject {
	t.Helper()
	s := subject(t)
	s.Person.Attributes = maps.Clone(s.Person.Attributes)
	for name, value := range change {
		set := func(a document.Attributes, name string) {
			if value == nil {
				delete(a, name)
			} else {
				a[name] = value
			}
		}
		if rest, ok := strings.CutPrefix(name, "person."); ok {
			set(s.Person.Attributes, rest)
			continue
		}
		rest, _ := strings.CutPrefix(name, "document.")
		for i := range s.Documents {
			d := &s.Documents[i]
			text, _ := value.(string)
			switch rest {
			case "number":
				d.Number = text
			case "issue_date":
				d.IssueDate = text
			case "expiry_date":
				d.ExpiryDate = text
			case "issuing_authority":
				d.IssuingAuthority = text
			case "issuing_country":
				d.IssuingCountry = text
			case "issuing_jurisdiction":
				d.IssuingJurisdiction = text
			case "un_distinguishing_sign":
				d.UNDistinguishingSign = text
			default:
				d.Attributes = maps.Clone(d.Attributes)
				set(d.Attributes, rest)
			}
		}
	}
	return s
}

// docFor finds the subject's document that a configuration issues.
func docFor(t testing.TB, s document.Subject, cfg *Configuration) document.Document {
	t.Helper()
	for _, d := range s.Documents {
		if d.Type == cfg.DocumentType {
			return d
		}
	}
	t.Fatalf("no document of type %s", cfg.DocumentType)
	return document.Document{}
}

func load(t testing.TB, paths ...string) *Catalog {
	t.Helper()
	c, err := Load(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// loadOnce shares one catalog among the tests, which only read it.
var loadOnce = sync.OnceValues(func() (*Catalog, error) { return Load("testdata/fishing.yaml") })

func configuration(t testing.TB, id string) *Configuration {
	t.Helper()
	catalog, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	cfg, ok := catalog.Configuration(id)
	if !ok {
		t.Fatalf("no configuration %s", id)
	}
	return cfg
}
