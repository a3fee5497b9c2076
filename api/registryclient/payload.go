package registryclient

import "time"

// Payload is an event's own part: one of the types below. Dates are
// YYYY-MM-DD; a time.Time that is zero is left out.
type Payload interface{ eventName() string }

// PersonPut states all identity facts of a person, replacing what was known.
// family_name, given_name and birth_date (YYYY-MM-DD) are needed. A portrait
// is a []byte with a JPEG of at most 256 KiB.
type PersonPut struct {
	Attributes map[string]any `json:"attributes"`
}

// PersonDied ends every document of the person.
type PersonDied struct{}

// PersonMerged says that the record of the subject is about the person Into,
// who gets its documents, entitlements and measures. The subject takes no
// event any more.
type PersonMerged struct {
	Into string `json:"into"`
}

// PersonSplit says that the record of the subject mixed two people: what is
// named goes to the person New, who is not known yet.
type PersonSplit struct {
	New          string         `json:"new"`
	Attributes   map[string]any `json:"attributes"`
	Documents    []string       `json:"documents,omitempty"`
	Entitlements []Right        `json:"entitlements,omitempty"`
	Measures     []string       `json:"measures,omitempty"` // ids
}

// Right names an entitlement: its kind ("driving") and territory (ISO 3166).
type Right struct {
	Kind      string `json:"kind"`
	Territory string `json:"territory"`
}

// EntitlementPut states a right, replacing what was known of the right of this
// kind and territory. No privileges ends it.
type EntitlementPut struct {
	Kind       string      `json:"kind"`
	Territory  string      `json:"territory"`
	Privileges []Privilege `json:"privileges"`
}

// Privilege is one vehicle category.
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

// The kinds of measure. All but Restriction take the categories away while
// they hold.
const (
	Restriction              = "restriction"
	ProvisionalWithdrawal    = "provisional-withdrawal"
	PointsSuspension         = "points-suspension"
	AdministrativeWithdrawal = "administrative-withdrawal"
	CourtBan                 = "court-ban"
	ForeignDisqualification  = "foreign-disqualification"
)

// MeasureAdded adds a measure to a right; it holds from Event.Effective on,
// which may lie in the future.
type MeasureAdded struct {
	ID     string `json:"id"`   // unique within the person
	Kind   string `json:"kind"` // one of the constants
	Right  Right  `json:"right"`
	Orders Orders `json:"orders"`
}

// Orders is what a measure says.
type Orders struct {
	Authority  string `json:"authority"`
	LegalBasis string `json:"legal_basis,omitempty"`
	// Until is its end, exclusive; without it it holds until lifted.
	Until time.Time `json:"until,omitzero"`
	// ConfirmBy: it lapses then unless MeasureCorrected took this away before.
	ConfirmBy time.Time `json:"confirm_by,omitzero"`
	// Categories are those concerned; none means all.
	Categories []string `json:"categories,omitempty"`
	// Codes are the conditions of a Restriction, which has some.
	Codes []Code `json:"codes,omitempty"`
}

// MeasureLifted ends a measure at Event.Effective; others stay.
type MeasureLifted struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// MeasureCorrected replaces the orders of a measure, or confirms it. From,
// when not zero, moves its begin.
type MeasureCorrected struct {
	ID     string    `json:"id"`
	Orders Orders    `json:"orders"`
	From   time.Time `json:"from,omitzero"`
}

// AppealUpheld says that a measure was never lawful: it never held.
type AppealUpheld struct {
	Measure string `json:"measure"` // id
	Reason  string `json:"reason,omitempty"`
}

// DocumentPut states a document of the subject, replacing what was known of
// the document of this number. Without ExpiryDate it never ends.
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

// DocumentSurrendered ends a document that its holder gave back.
type DocumentSurrendered struct {
	Number string `json:"number"`
	Reason string `json:"reason,omitempty"`
}

// DocumentAnnulled ends a document for good: every copy of it is revoked.
type DocumentAnnulled struct {
	Number string `json:"number"`
	// Reason is a word for the record; it is not published.
	Reason string `json:"reason,omitempty"`
}

// DocumentCarrierLost says that the plastic card was lost, stolen or destroyed.
// By itself that is nothing against the copies on phones.
type DocumentCarrierLost struct {
	Number string `json:"number"`
	Reason string `json:"reason,omitempty"`
}

// WalletLost says that the person lost a phone: the wallet unit Wallet, or
// every one when it is "".
type WalletLost struct {
	Wallet string `json:"wallet,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// WalletUnitRevoked says that a wallet provider took back the wallet unit that
// is the subject of the event.
type WalletUnitRevoked struct {
	Reason string `json:"reason,omitempty"`
}

func (PersonPut) eventName() string           { return "person-put" }
func (PersonDied) eventName() string          { return "person-died" }
func (PersonMerged) eventName() string        { return "person-merged" }
func (PersonSplit) eventName() string         { return "person-split" }
func (EntitlementPut) eventName() string      { return "entitlement-put" }
func (MeasureAdded) eventName() string        { return "measure-added" }
func (MeasureLifted) eventName() string       { return "measure-lifted" }
func (MeasureCorrected) eventName() string    { return "measure-corrected" }
func (AppealUpheld) eventName() string        { return "appeal-upheld" }
func (DocumentPut) eventName() string         { return "document-put" }
func (DocumentSurrendered) eventName() string { return "document-surrendered" }
func (DocumentAnnulled) eventName() string    { return "document-annulled" }
func (DocumentCarrierLost) eventName() string { return "document-carrier-lost" }
func (WalletLost) eventName() string          { return "wallet-lost" }
func (WalletUnitRevoked) eventName() string   { return "wallet-unit-revoked" }
