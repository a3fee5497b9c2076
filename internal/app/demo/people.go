package demo

import (
	"encoding/json"
	"fmt"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
	"vidimus/internal/portrait"
)

// person is somebody who does not exist.
type person struct {
	Number          string
	Given, Family   string
	Born            string // YYYY-MM-DD
	Place, Address  string
	City, Sex       string
	Privileges      []registryclient.Privilege
	Licence, IDCard string // document numbers
	Face            []byte // JPEG
}

// Name is how one speaks of a person.
func (p person) Name() string { return p.Given + " " + p.Family }

// people invents them; the first is the one of the story. Dates follow now, so
// that no document is ever out of date.
func people(now time.Time) ([]person, error) {
	day := func(years int) string { return now.AddDate(years, 0, 0).Format(time.DateOnly) }
	right := func(category string, codes ...registryclient.Code) registryclient.Privilege {
		return registryclient.Privilege{Category: category, IssueDate: day(-2), ExpiryDate: day(8), Codes: codes}
	}
	list := []person{
		{
			Given: "Žofie", Family: "Dvořák-Weber", Born: "1984-01-26", Place: "Utopia City", Address: "11 Harbour Street, Utopia City", City: "Utopia City", Sex: "2",
			// 78: only with an automatic gearbox; 01 below: with glasses (Directive
			// 2006/126/EC, Annex I).
			Privileges: []registryclient.Privilege{right("B"), right("A", registryclient.Code{Code: "78"})},
		},
		{
			Given: "Jean-Luc", Family: "Müller", Born: "1961-07-14", Place: "Port Vidim", Address: "4 Quai du Phare, Port Vidim", City: "Port Vidim", Sex: "1",
			Privileges: []registryclient.Privilege{right("B"), right("C1", registryclient.Code{Code: "01"})},
		},
		{
			Given: "Saoirse", Family: "Ó Briain", Born: "2007-03-02", Place: "New Harbour", Address: "29 Mill Lane, New Harbour", City: "New Harbour", Sex: "2",
			Privileges: []registryclient.Privilege{right("AM"), right("B")},
		},
	}
	for i := range list {
		p, n := &list[i], i+1
		p.Number, p.Licence, p.IDCard = fmt.Sprintf("P-%d", n), fmt.Sprintf("DL-%d", n), fmt.Sprintf("ID-%d", n)
		var err error
		if p.Face, err = portrait.Draw(i); err != nil {
			return nil, fmt.Errorf("drawing a portrait: %w", err)
		}
	}
	return list, nil
}

// events are what the registry states of a person: who it is, what he or she may
// drive, and the two documents.
func (p person) events(a issuer.Authority, now time.Time) ([]issuer.FileEvent, error) {
	day := func(years int) string { return now.AddDate(years, 0, 0).Format(time.DateOnly) }
	card := registryclient.DocumentPut{
		IssueDate: day(-2), ExpiryDate: day(8), IssuingCountry: a.Country, IssuingJurisdiction: a.State,
	}
	licence, id := card, card
	licence.Number, licence.Type, licence.IssuingAuthority, licence.UNDistinguishingSign = p.Licence, "mdl", a.Organization+" Roads", "UTO"
	id.Number, id.Type, id.IssuingAuthority = p.IDCard, "pid", a.Organization+" Interior"
	var out []issuer.FileEvent
	for _, e := range []struct {
		name    string
		payload registryclient.Payload
	}{
		{document.NamePersonPut, registryclient.PersonPut{Attributes: map[string]any{
			"family_name": p.Family, "given_name": p.Given, "birth_date": p.Born, "birth_place": p.Place,
			"place_of_birth": map[string]string{"country": a.Country, "locality": p.Place}, "nationality": []string{a.Country},
			"sex": json.Number(p.Sex), "portrait": p.Face, "portrait_capture_date": day(-2),
			"resident_address": p.Address, "resident_city": p.City, "resident_country": a.Country,
		}}},
		{document.NameEntitlementPut, registryclient.EntitlementPut{Kind: document.KindDriving, Territory: a.Country, Privileges: p.Privileges}},
		{document.NameDocumentPut, licence},
		{document.NameDocumentPut, id},
	} {
		raw, err := json.Marshal(e.payload)
		if err != nil {
			return nil, err
		}
		out = append(out, issuer.FileEvent{Event: e.name, Person: p.Number, Payload: raw})
	}
	return out, nil
}
