package elements

import (
	"strings"
	"time"
)

// Moments are the instants against which values are compared.
type Moments struct {
	ValidFrom time.Time // when the values were true
	Now       time.Time
}

// Check compares the values of one document with each other: M24 and R12, and
// what ISO/IEC 18013-5, 7.2.1 ties together. Keys are identifiers of the mDL or
// data identifiers of the PID, values neutral; what is absent or of another
// type is not compared. Errors match ErrContradiction and name the element.
func Check(values map[string]any, at Moments) error {
	date := func(names ...string) (time.Time, string) {
		for _, name := range names {
			if t, ok := Day(values[name]); ok {
				return t, name
			}
		}
		return time.Time{}, ""
	}
	birth, hasBirth := date("birth_date", "birthdate")
	issue, hasIssue := date("issue_date", "issuance_date", "date_of_issuance")
	expiry, hasExpiry := date("expiry_date", "date_of_expiry")
	capture, hasCapture := date("portrait_capture_date")
	soon := at.Now.Add(dateSlack)
	switch {
	case hasBirth != "" && birth.After(soon):
		return contradiction(hasBirth, "in the future")
	case hasIssue != "" && issue.After(soon):
		return contradiction(hasIssue, "in the future")
	case hasIssue != "" && hasExpiry != "" && expiry.Before(issue):
		return contradiction(hasExpiry, "before the date of issue")
	case hasBirth != "" && hasIssue != "" && issue.Before(birth):
		return contradiction(hasIssue, "before the date of birth")
	case hasCapture != "" && capture.After(soon):
		return contradiction(hasCapture, "in the future")
	case hasCapture != "" && hasBirth != "" && capture.Before(birth):
		return contradiction(hasCapture, "before the date of birth")
	}
	if hasBirth != "" {
		if err := checkAgeNumbers(values, birth, at); err != nil {
			return err
		}
	}
	if err := checkStatements(values, birth, hasBirth != "", at); err != nil {
		return err
	}
	return checkPlaceOfIssue(values)
}

func checkStatements(values map[string]any, birth time.Time, hasBirth bool, at Moments) error {
	statements := map[int]bool{}
	for name, value := range values {
		if nn, ok := AgeOfElement(name); ok {
			if over, ok := value.(bool); ok {
				statements[nn] = over
			}
		}
	}
	if !hasBirth {
		return agreeing(statements)
	}
	return CheckAges(statements, birth, at.ValidFrom, at.Now)
}

// checkAgeNumbers compares age_in_years and age_birth_year with the date of
// birth.
func checkAgeNumbers(values map[string]any, birth time.Time, at Moments) error {
	if years, ok := values["age_in_years"].(uint64); ok {
		least := AgeInYears(birth, at.ValidFrom.Add(-dateSlack))
		most := AgeInYears(birth, at.Now.Add(dateSlack))
		if years < uint64(least) || years > uint64(most) {
			return contradiction("age_in_years", "against the date of birth")
		}
	}
	if year, ok := values["age_birth_year"].(uint64); ok && year != uint64(birth.Year()) {
		return contradiction("age_birth_year", "against the date of birth")
	}
	return nil
}

// checkPlaceOfIssue: the subdivision code begins with the country's.
func checkPlaceOfIssue(values map[string]any) error {
	country, hasCountry := values["issuing_country"].(string)
	jurisdiction, hasJurisdiction := values["issuing_jurisdiction"].(string)
	if hasCountry && hasJurisdiction && !strings.HasPrefix(jurisdiction, country+"-") {
		return contradiction("issuing_jurisdiction", "not of the issuing country")
	}
	return nil
}

// CheckIssuer compares issuing_country and issuing_jurisdiction, where returned,
// with subject C and ST of the DocumentSigner certificate, in which an absent ST
// is "" (ISO/IEC 18013-5, 9.1.2.5 and B.1.4; check mdl.country). Errors match
// ErrContradiction.
func CheckIssuer(values map[string]any, country, state string) error {
	if v, ok := values["issuing_country"]; ok && v != country {
		return contradiction("issuing_country", "not the country of the document signer")
	}
	if v, ok := values["issuing_jurisdiction"]; ok && state != "" && v != state {
		return contradiction("issuing_jurisdiction", "not the state of the document signer")
	}
	return nil
}

func contradiction(element, reason string) error {
	return &Error{Element: element, Reason: reason, Kind: ErrContradiction}
}
