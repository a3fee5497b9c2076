package document

import (
	"time"

	"vidimus/internal/problem"
)

func parseDocumentPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var p DocumentPut
	if err := decodeClosed(NameDocumentPut, raw, &p, envelope...); err != nil {
		return nil, err
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
	if p.Attributes, err = cleanDocument(p.Attributes, now); err != nil {
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
