package document

import "slices"

// KindDriving is the right to drive.
const KindDriving = "driving"

// Entitlement is a right that a person holds. Kind and Territory together name
// it; a person holds at most one of each.
type Entitlement struct {
	// Kind is a short word, KindDriving for the right to drive.
	Kind string `json:"kind"`
	// Territory is an ISO 3166-1 alpha-2 code or an ISO 3166-2 code.
	Territory  string      `json:"territory"`
	Privileges []Privilege `json:"privileges,omitempty"`
}

// Privilege is one vehicle category (ISO/IEC 18013-5, 7.2.4). Dates are
// YYYY-MM-DD or "".
type Privilege struct {
	Category   string `json:"vehicle_category_code"`
	IssueDate  string `json:"issue_date,omitempty"`
	ExpiryDate string `json:"expiry_date,omitempty"`
	Codes      []Code `json:"codes,omitempty"`
}

// Code is a condition on a category, such as 01 (eyesight) or 96.
type Code struct {
	Code  string `json:"code"`
	Sign  string `json:"sign,omitempty"`
	Value string `json:"value,omitempty"`
}

// Right names the entitlement.
func (e Entitlement) Right() Right { return Right{e.Kind, e.Territory} }

func (p Privilege) equal(o Privilege) bool {
	return p.Category == o.Category && p.IssueDate == o.IssueDate && p.ExpiryDate == o.ExpiryDate && slices.Equal(p.Codes, o.Codes)
}
