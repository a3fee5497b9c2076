package document

import "time"

// The names of the registry events.
const (
	NamePersonPut           = "person-put"
	NamePersonDied          = "person-died"
	NamePersonMerged        = "person-merged"
	NamePersonSplit         = "person-split"
	NameEntitlementPut      = "entitlement-put"
	NameMeasureAdded        = "measure-added"
	NameMeasureLifted       = "measure-lifted"
	NameMeasureCorrected    = "measure-corrected"
	NameDocumentPut         = "document-put"
	NameDocumentSurrendered = "document-surrendered"
	NameDocumentAnnulled    = "document-annulled"
	NameDocumentCarrierLost = "document-carrier-lost"
	NameWalletLost          = "wallet-lost"
	NameWalletUnitRevoked   = "wallet-unit-revoked"
	NameAppealUpheld        = "appeal-upheld"
)

// Names lists the events, in the order of the format.
func Names() []string {
	return []string{
		NamePersonPut, NamePersonDied, NamePersonMerged, NamePersonSplit, NameEntitlementPut,
		NameMeasureAdded, NameMeasureLifted, NameMeasureCorrected, NameDocumentPut, NameDocumentSurrendered,
		NameDocumentAnnulled, NameDocumentCarrierLost, NameWalletLost, NameWalletUnitRevoked, NameAppealUpheld,
	}
}

// ConcernsAttributes tells whether an event reads or changes the attributes of
// a person. To Table.Apply of one that does not they may be missing: what it
// gives is without them then, and otherwise the same.
func ConcernsAttributes(name string) bool {
	switch name {
	case NamePersonDied, NameEntitlementPut, NameMeasureAdded, NameMeasureLifted, NameMeasureCorrected, NameDocumentPut, NameDocumentSurrendered,
		NameDocumentAnnulled, NameDocumentCarrierLost, NameWalletLost, NameWalletUnitRevoked, NameAppealUpheld:
		return false
	}
	return true
}

// Event is one statement of a registry, already verified.
type Event struct {
	// ID names the event for all time: source and jti. What an event caused
	// is traced back to it.
	ID EventID
	// Effective is when the fact took effect (toe), past or future; Received
	// when we learned.
	Effective, Received time.Time
	Payload             Payload
}

// EventID names one event of one source.
type EventID struct {
	Source string `json:"source"`
	JTI    string `json:"jti"`
}

// Payload is one of the types below.
type Payload interface {
	// Name is the event's name, such as person-put.
	Name() string
}

// PersonPut replaces all identity facts of a person.
type PersonPut struct {
	Attributes Attributes `json:"attributes"`
}

// PersonDied blocks every document of the person.
type PersonDied struct{}

// PersonMerged: the record of the event's subject turned out to be that of
// the person Into, who gets its documents, entitlements and measures. The
// subject stays as a reference to Into and takes no further event.
type PersonMerged struct {
	Into string `json:"into"`
}

// PersonSplit: the record of the event's subject mixed two people. What is
// named goes to the person New, who is not known yet.
type PersonSplit struct {
	New        string     `json:"new"`
	Attributes Attributes `json:"attributes"`
	// Documents are document numbers, Measures measure ids.
	Documents    []string `json:"documents"`
	Entitlements []Right  `json:"entitlements"`
	Measures     []string `json:"measures"`
}

// Right names an entitlement.
type Right struct {
	Kind      string `json:"kind"`
	Territory string `json:"territory"`
}

// EntitlementPut replaces the right of one kind and territory. No privileges
// means that the right ended.
type EntitlementPut struct {
	Kind       string      `json:"kind"`
	Territory  string      `json:"territory"`
	Privileges []Privilege `json:"privileges"`
}

// MeasureAdded adds a measure; it holds from the event's Effective on.
type MeasureAdded struct {
	// ID is chosen by the source and unique within the person.
	ID     string      `json:"id"`
	Kind   MeasureKind `json:"kind"`
	Right  Right       `json:"right"`
	Orders Orders      `json:"orders"`
}

// MeasureLifted ends one measure at the event's Effective; others stay.
type MeasureLifted struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// MeasureCorrected replaces the orders of a measure, or confirms it: with
// ConfirmBy empty it no longer lapses. The kind and the right stay. From, when
// set, moves its begin; else the begin stays.
type MeasureCorrected struct {
	ID     string    `json:"id"`
	Orders Orders    `json:"orders"`
	From   time.Time `json:"from,omitzero"` // RFC 3339 or absent
}

// AppealUpheld: the measure was never lawful. It counts as never having held,
// for every instant.
type AppealUpheld struct {
	Measure string `json:"measure"`
	Reason  string `json:"reason"`
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

// DocumentSurrendered: the holder gave the document back; it ends for good.
type DocumentSurrendered struct {
	Number string `json:"number"`
	Reason string `json:"reason"`
}

// DocumentAnnulled ends a document for good.
type DocumentAnnulled struct {
	Number string `json:"number"`
	// Reason is a short word for the record; it is not published.
	Reason string `json:"reason"`
}

// DocumentCarrierLost: the plastic card was lost, stolen or destroyed. By
// itself it says nothing against the copies on phones.
type DocumentCarrierLost struct {
	Number string `json:"number"`
	Reason string `json:"reason"`
}

// WalletLost: the person lost a phone. Wallet names the wallet unit; "" means
// every wallet of the person.
type WalletLost struct {
	Wallet string `json:"wallet"`
	Reason string `json:"reason"`
}

// WalletUnitRevoked: a wallet provider took back a wallet unit. The subject of
// the event is the unit, not a person.
type WalletUnitRevoked struct {
	Wallet string `json:"wallet"`
	Reason string `json:"reason"`
}

// Name of the event.
func (PersonPut) Name() string { return NamePersonPut }

// Name of the event.
func (PersonDied) Name() string { return NamePersonDied }

// Name of the event.
func (PersonMerged) Name() string { return NamePersonMerged }

// Name of the event.
func (PersonSplit) Name() string { return NamePersonSplit }

// Name of the event.
func (EntitlementPut) Name() string { return NameEntitlementPut }

// Name of the event.
func (MeasureAdded) Name() string { return NameMeasureAdded }

// Name of the event.
func (MeasureLifted) Name() string { return NameMeasureLifted }

// Name of the event.
func (MeasureCorrected) Name() string { return NameMeasureCorrected }

// Name of the event.
func (AppealUpheld) Name() string { return NameAppealUpheld }

// Name of the event.
func (DocumentPut) Name() string { return NameDocumentPut }

// Name of the event.
func (DocumentSurrendered) Name() string { return NameDocumentSurrendered }

// Name of the event.
func (DocumentAnnulled) Name() string { return NameDocumentAnnulled }

// Name of the event.
func (DocumentCarrierLost) Name() string { return NameDocumentCarrierLost }

// Name of the event.
func (WalletLost) Name() string { return NameWalletLost }

// Name of the event.
func (WalletUnitRevoked) Name() string { return NameWalletUnitRevoked }
