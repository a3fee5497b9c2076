package document

import (
	"time"

	"vidimus/internal/problem"
)

func parseDocumentPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var wire struct {
		Number               string         `json:"number"`
		Type                 string         `json:"type"`
		IssueDate            string         `json:"issue_date"`
		ExpiryDate           string         `json:"expiry_date"`
		IssuingAuthority     string         `json:"issuing_authority"`
		IssuingCountry       string         `json:"issuing_country"`
		IssuingJurisdiction  string         `json:"issuing_jurisdiction"`
		UNDistinguishingSign string         `json:"un_distinguishing_sign"`
		Attributes           map[string]any `json:"attributes"`
	}
	if err := decodeClosed(NameDocumentPut, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	p := DocumentPut{
		Number: wire.Number, Type: wire.Type, IssueDate: wire.IssueDate, ExpiryDate: wire.ExpiryDate, IssuingAuthority: wire.IssuingAuthority,
		IssuingCountry: wire.IssuingCountry, IssuingJurisdiction: wire.IssuingJurisdiction, UNDistinguishingSign: wire.UNDistinguishingSign,
	}
	if err := checkNumber("number", p.Number); err != nil {
		return nil, err
	}
	if err := checkWord("type", p.Type); err != nil {
		return nil, err
	}
	if _, err := parseDate("issue_date", p.IssueDate); err != nil {
		return nil, err
	}
	if err := checkSpan("", p.IssueDate, p.ExpiryDate); err != nil {
		return nil, err
	}
	if err := checkCountry("issuing_country", p.IssuingCountry); err != nil {
		return nil, err
	}
	if p.IssuingJurisdiction != "" {
		err := checkTerritory("issuing_jurisdiction", p.IssuingJurisdiction)
		if err == nil && (len(p.IssuingJurisdiction) == 2 || p.IssuingJurisdiction[:2] != p.IssuingCountry) {
			err = problem.New(problem.InvalidRequest, "issuing_jurisdiction is not within issuing_country")
		}
		if err != nil {
			return nil, err
		}
	}
	err := cleanAll(MaxText, text{"issuing_authority", &p.IssuingAuthority, true},
		text{"un_distinguishing_sign", &p.UNDistinguishingSign, false})
	if err != nil {
		return nil, err
	}
	if p.Attributes, err = cleanDocument(wire.Attributes, now); err != nil {
		return nil, err
	}
	return p, nil
}

// checkSpan checks two dates, either of which may be "".
func checkSpan(prefix, issue, expiry string) error {
	var from, until time.Time
	var err error
	if issue != "" {
		if from, err = parseDate(prefix+"issue_date", issue); err != nil {
			return err
		}
	}
	if expiry != "" {
		if until, err = parseDate(prefix+"expiry_date", expiry); err != nil {
			return err
		}
		if until.Before(from) {
			return problem.New(problem.InvalidRequest, "%sexpiry_date lies before issue_date", prefix)
		}
	}
	return nil
}
