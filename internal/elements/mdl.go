package elements

import "strings"

// Names of the mDL (ISO/IEC 18013-5, 7.1 and 7.2.1).
const (
	MDLDocType   = "org.iso.18013.5.1.mDL"
	MDLNameSpace = "org.iso.18013.5.1"
)

// MDL is table 5 of ISO/IEC 18013-5, 7.2.1 with resident_street of the second
// edition. There is no SD-JWT VC of it.
var MDL = &Set{
	DocType:   MDLDocType,
	NameSpace: MDLNameSpace,
	family:    mdlFamily,
	rows: []Element{
		// A person may have one name only: then the other is present and empty.
		{Identifier: "family_name", Kind: KindLatin1, Mandatory: true, EmptyAllowed: true},
		{Identifier: "given_name", Kind: KindLatin1, Mandatory: true, EmptyAllowed: true},
		{Identifier: "birth_date", Kind: KindDate, Mandatory: true},
		{Identifier: "issue_date", Kind: KindDateOrTime, Mandatory: true},
		{Identifier: "expiry_date", Kind: KindDateOrTime, Mandatory: true},
		{Identifier: "issuing_country", Kind: KindCountry, Mandatory: true},
		{Identifier: "issuing_authority", Kind: KindLatin1, Mandatory: true},
		{Identifier: "document_number", Kind: KindLatin1, Mandatory: true},
		{Identifier: "portrait", Kind: KindImage, Mandatory: true},
		{Identifier: "driving_privileges", Kind: KindPrivileges, Mandatory: true},
		{Identifier: "un_distinguishing_sign", Kind: KindSign, Mandatory: true},
		{Identifier: "administrative_number", Kind: KindLatin1},
		{Identifier: "sex", Kind: KindSex},
		{Identifier: "height", Kind: KindUint},
		{Identifier: "weight", Kind: KindUint},
		{Identifier: "eye_colour", Kind: KindChoice, Choices: []string{
			"black", "blue", "brown", "dichromatic", "grey", "green", "hazel", "maroon", "pink", "unknown"}},
		{Identifier: "hair_colour", Kind: KindChoice, Choices: []string{
			"bald", "black", "blond", "brown", "grey", "red", "auburn", "sandy", "white", "unknown"}},
		{Identifier: "birth_place", Kind: KindLatin1},
		{Identifier: "resident_address", Kind: KindLatin1},
		{Identifier: "portrait_capture_date", Kind: KindDateTime},
		{Identifier: "age_in_years", Kind: KindUint},
		{Identifier: "age_birth_year", Kind: KindUint},
		{Identifier: "issuing_jurisdiction", Kind: KindSubdivision},
		{Identifier: "nationality", Kind: KindCountry},
		{Identifier: "resident_street", Kind: KindLatin1},
		{Identifier: "resident_city", Kind: KindLatin1},
		{Identifier: "resident_state", Kind: KindLatin1},
		{Identifier: "resident_postal_code", Kind: KindLatin1},
		{Identifier: "resident_country", Kind: KindCountry},
		{Identifier: "family_name_national_character", Kind: KindText},
		{Identifier: "given_name_national_character", Kind: KindText},
		{Identifier: "signature_usual_mark", Kind: KindImage},
	},
}

func init() {
	for i := range MDL.rows {
		MDL.rows[i].Data = MDL.rows[i].Identifier
	}
}

// mdlFamily gives the row of an element of an open family: age_over_NN with two
// digits, biometric_template_xx.
func mdlFamily(identifier string) (Element, bool) {
	if e, ok := ageFamily(identifier); ok {
		return e, true
	}
	if kind, ok := strings.CutPrefix(identifier, "biometric_template_"); ok && kind != "" && len(kind) <= MaxCode {
		return Element{Identifier: identifier, Data: identifier, Kind: KindBiometric}, true
	}
	return Element{}, false
}
