package registryclient

import "time"

// Event is one statement about one subject.
type Event struct {
	// Subject is the person number; for DocumentAnnulled it may be the number
	// of the document.
	Subject string
	// Seq is the number of the event, counted by the source from 1.
	Seq uint64
	// Prev, when not nil, is the version of the person's record that the event
	// builds on (Receipt.Version of the last one, 0 for a new person).
	Prev *uint64
	// JTI names the token; empty takes a random one.
	JTI string
	// Effective is when the fact took effect; zero is the time of signing.
	Effective time.Time
	// Decision refers to the act on which the event rests; may be empty.
	Decision string
	// Payload is PersonPut, EntitlementPut, DocumentPut or DocumentAnnulled.
	Payload Payload
}

// Payload is an event's own part.
type Payload interface{ eventName() string }

// PersonPut states all identity facts of a person, replacing what was known.
// family_name, given_name and birth_date (YYYY-MM-DD) are needed. A portrait
// is a []byte with a JPEG of at most 256 KiB.
type PersonPut struct {
	Attributes map[string]any `json:"attributes"`
}

// EntitlementPut states a right, replacing what was known of the right of this
// kind ("driving") and territory (ISO 3166). No privileges ends it.
type EntitlementPut struct {
	Kind       string      `json:"kind"`
	Territory  string      `json:"territory"`
	Privileges []Privilege `json:"privileges"`
}

// Privilege is one vehicle category. Dates are YYYY-MM-DD.
type Privilege struct {
	Category   string `json:"vehicle_category_code"`
	IssueDate  string `json:"issue_date,omitempty"`
	ExpiryDate string `json:"expiry_date,omitempty"`
	Codes      []Code `json:"codes,omitempty"`
}

// Code is a condition on a category.
type Code struct {
	Code  string `json:"code"`
	Sign  string `json:"sign,omitempty"`
	Value string `json:"value,omitempty"`
}

// DocumentPut states a document of the subject, replacing what was known of
// the document of this number. Dates are YYYY-MM-DD; without ExpiryDate it
// never ends.
type DocumentPut struct {
	Number               string         `json:"number"`
	Type                 string         `json:"type"`
	IssueDate            string         `json:"issue_date"`
	ExpiryDate           string         `json:"expiry_date,omitempty"`
	IssuingAuthority     string         `json:"issuing_authority"`
	IssuingCountry       string         `json:"issuing_country"`
	IssuingJurisdiction  string         `json:"issuing_jurisdiction,omitempty"`
	UNDistinguishingSign string         `json:"un_distinguishing_sign,omitempty"`
	Attributes           map[string]any `json:"attributes,omitempty"`
}

// DocumentAnnulled ends a document for good: every copy of it is revoked.
type DocumentAnnulled struct {
	Number string `json:"number"`
	// Reason is a word for the record; it is not published.
	Reason string `json:"reason,omitempty"`
}

func (PersonPut) eventName() string        { return "person-put" }
func (EntitlementPut) eventName() string   { return "entitlement-put" }
func (DocumentPut) eventName() string      { return "document-put" }
func (DocumentAnnulled) eventName() string { return "document-annulled" }
