package document

import "time"

// TypeMDL is the type of the documents that show the right to drive.
const TypeMDL = "mdl"

// Document is the legal thing that an authority issued: a driving licence, an
// identity document. Its number is unique over all persons and types.
type Document struct {
	Number string `json:"number"`
	// Type is the short word by which credential configurations and the
	// matrix of sources name it, such as mdl or pid.
	Type string `json:"type"`
	// IssueDate and ExpiryDate are YYYY-MM-DD; an ExpiryDate of "" never ends.
	IssueDate           string `json:"issue_date"`
	ExpiryDate          string `json:"expiry_date,omitempty"`
	IssuingAuthority    string `json:"issuing_authority"`
	IssuingCountry      string `json:"issuing_country"`
	IssuingJurisdiction string `json:"issuing_jurisdiction,omitempty"`
	// UNDistinguishingSign is the sign of ISO/IEC 18013-1, Annex F.
	UNDistinguishingSign string `json:"un_distinguishing_sign,omitempty"`
	// Attributes are facts of the document itself, with names of its type.
	Attributes Attributes `json:"attributes,omitempty"`

	Annulled bool `json:"annulled,omitempty"`
	// AnnulledAt is when it took effect, the toe of the event.
	AnnulledAt     time.Time `json:"annulled_at,omitzero"`
	AnnulledReason string    `json:"annulled_reason,omitempty"`
	// AnnulledKnown is when the office learned it, AnnulledBy the event.
	AnnulledKnown time.Time `json:"annulled_known,omitzero"`
	AnnulledBy    EventID   `json:"annulled_by,omitzero"`

	Surrendered       bool      `json:"surrendered,omitempty"`
	SurrenderedAt     time.Time `json:"surrendered_at,omitzero"`
	SurrenderedReason string    `json:"surrendered_reason,omitempty"`
	SurrenderedKnown  time.Time `json:"surrendered_known,omitzero"`
	SurrenderedBy     EventID   `json:"surrendered_by,omitzero"`

	// CarrierLostAt is when the card was last reported lost, zero for never.
	CarrierLostAt     time.Time `json:"carrier_lost_at,omitzero"`
	CarrierLostReason string    `json:"carrier_lost_reason,omitempty"`
}

// annulled and surrendered tell whether the document has ended at an instant.
func (d *Document) annulled(at time.Time) bool { return d.Annulled && !at.Before(d.AnnulledAt) }

func (d *Document) surrendered(at time.Time) bool {
	return d.Surrendered && !at.Before(d.SurrenderedAt)
}
