package elements

// Names of the PID (PID Rulebook 1.7, chapters 3 and 4).
const (
	PIDDocType   = "eu.europa.ec.eudi.pid.1"
	PIDNameSpace = "eu.europa.ec.eudi.pid.1"
	PIDVCT       = "urn:eudi:pid:1"
)

// PID is the data model of the PID Rulebook with the names of both encodings.
// The age statements of older rulebooks were removed in 1.1.
var PID = &Set{
	DocType:   PIDDocType,
	NameSpace: PIDNameSpace,
	VCT:       PIDVCT,
	rows: []Element{
		{Data: "family_name", Identifier: "family_name", Claim: []string{"family_name"}, Kind: KindText, Mandatory: true, EmptyAllowed: true},
		{Data: "given_name", Identifier: "given_name", Claim: []string{"given_name"}, Kind: KindText, Mandatory: true, EmptyAllowed: true},
		{Data: "birth_date", Identifier: "birth_date", Claim: []string{"birthdate"}, Kind: KindDate, Mandatory: true},
		{Data: "birth_place", Identifier: "place_of_birth", Claim: []string{"place_of_birth"}, Kind: KindPlace, Mandatory: true},
		{Data: "nationality", Identifier: "nationality", Claim: []string{"nationalities"}, Kind: KindCountries, Mandatory: true},
		// Mandatory only 24 months after the amending regulation enters into force;
		// a configuration may demand it before. Empty when the holder opted out.
		{Data: "portrait", Identifier: "portrait", Claim: []string{"picture"}, Kind: KindJPEG, EmptyAllowed: true},
		{Data: "resident_address", Identifier: "resident_address", Claim: []string{"address", "formatted"}, Kind: KindText},
		{Data: "resident_country", Identifier: "resident_country", Claim: []string{"address", "country"}, Kind: KindText},
		{Data: "resident_state", Identifier: "resident_state", Claim: []string{"address", "region"}, Kind: KindText},
		{Data: "resident_city", Identifier: "resident_city", Claim: []string{"address", "locality"}, Kind: KindText},
		{Data: "resident_postal_code", Identifier: "resident_postal_code", Claim: []string{"address", "postal_code"}, Kind: KindText},
		{Data: "resident_street", Identifier: "resident_street", Claim: []string{"address", "street_address"}, Kind: KindText},
		// Gone from the data model and the mdoc encoding, still in the SD-JWT table.
		{Data: "resident_house_number", Claim: []string{"address", "house_number"}, Kind: KindText},
		{Data: "personal_administrative_number", Identifier: "personal_administrative_number", Claim: []string{"personal_administrative_number"}, Kind: KindText},
		{Data: "family_name_birth", Identifier: "family_name_birth", Claim: []string{"birth_family_name"}, Kind: KindText},
		{Data: "given_name_birth", Identifier: "given_name_birth", Claim: []string{"birth_given_name"}, Kind: KindText},
		{Data: "sex", Identifier: "sex", Claim: []string{"sex"}, Kind: KindSexPID},
		{Data: "email_address", Identifier: "email_address", Claim: []string{"email"}, Kind: KindEmail},
		{Data: "mobile_phone_number", Identifier: "mobile_phone_number", Claim: []string{"phone_number"}, Kind: KindPhone},
		{Data: "issuing_authority", Identifier: "issuing_authority", Claim: []string{"issuing_authority"}, Kind: KindText, Mandatory: true},
		{Data: "issuing_country", Identifier: "issuing_country", Claim: []string{"issuing_country"}, Kind: KindCountry, Mandatory: true},
		// Life of the logical PID, not of the copy: those are nbf, exp, validityInfo.
		{Data: "expiry_date", Identifier: "expiry_date", Claim: []string{"date_of_expiry"}, Kind: KindDateOrTime},
		{Data: "issuance_date", Identifier: "issuance_date", Claim: []string{"date_of_issuance"}, Kind: KindDateOrTime},
		{Data: "document_number", Identifier: "document_number", Claim: []string{"document_number"}, Kind: KindText},
		{Data: "issuing_jurisdiction", Identifier: "issuing_jurisdiction", Claim: []string{"issuing_jurisdiction"}, Kind: KindSubdivision},
		{Data: "trust_anchor", Identifier: "trust_anchor", Claim: []string{"trust_anchor"}, Kind: KindURL},
		{Data: "attestation_legal_category", Identifier: "attestation_legal_category", Claim: []string{"attestation_legal_category"}, Kind: KindChoice, Choices: []string{"PID"}},
	},
}
