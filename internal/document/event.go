package document

import "time"

// The names of the registry events that are understood.
const (
	NamePersonPut        = "person-put"
	NameEntitlementPut   = "entitlement-put"
	NameDocumentPut      = "document-put"
	NameDocumentAnnulled = "document-annulled"
)

// Names lists the understood events.
func Names() []string {
	return []string{NamePersonPut, NameEntitlementPut, NameDocumentPut, NameDocumentAnnulled}
}

// Planned lists the events that the format names and that are not understood
// yet: they are refused by name.
func Planned() []string {
	return []string{"person-died", "person-merged", "person-split", "measure-added", "measure-lifted",
		"measure-corrected", "document-surrendered", "document-carrier-lost", "wallet-lost",
		"wallet-unit-revoked", "appeal-upheld"}
}

// Event is one statement of a registry about one subject, already verified.
type Event struct {
	// Subject is the person number, also for events about a document.
	Subject string
	// Effective is when the fact took effect (toe), Received when we learned.
	Effective, Received time.Time
	Payload             Payload
}

// Payload is one of PersonPut, EntitlementPut, DocumentPut, DocumentAnnulled.
type Payload interface {
	// Name is the event's name, such as person-put.
	Name() string
}

// PersonPut replaces all identity facts of a person.
type PersonPut struct {
	Attributes Attributes `json:"attributes"`
}

// EntitlementPut replaces the right of one kind and territory. No privileges
// means that the right ended.
type EntitlementPut struct {
	Kind       string      `json:"kind"`
	Territory  string      `json:"territory"`
	Privileges []Privilege `json:"privileges"`
}

// DocumentPut records a document or replaces what is known of it.
type DocumentPut struct {
	Number               string     `json:"number"`
	Type                 string     `json:"type"`
	IssueDate            string     `json:"issue_date"`
	ExpiryDate           string     `json:"expiry_date"`
	IssuingAuthority     string     `json:"issuing_authority"`
	IssuingCountry       string     `json:"issuing_country"`
	IssuingJurisdiction  string     `json:"issuing_jurisdiction"`
	UNDistinguishingSign string     `json:"un_distinguishing_sign"`
	Attributes           Attributes `json:"attributes"`
}

// DocumentAnnulled ends a document for good and revokes every copy.
type DocumentAnnulled struct {
	Number string `json:"number"`
	// Reason is a short word for the record; it is not published.
	Reason string `json:"reason"`
}

// Name of the event.
func (PersonPut) Name() string { return NamePersonPut }

// Name of the event.
func (EntitlementPut) Name() string { return NameEntitlementPut }

// Name of the event.
func (DocumentPut) Name() string { return NameDocumentPut }

// Name of the event.
func (DocumentAnnulled) Name() string { return NameDocumentAnnulled }
