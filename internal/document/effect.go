package document

import "time"

// Fact is a kind of fact of life that may concern copies.
type Fact string

// The facts. The kinds of measure are facts too, at the instant from which
// they hold; FactMeasureEnded is the instant from which one no longer does.
const (
	FactPersonChanged       Fact = "person-changed"
	FactPersonDied          Fact = "person-died"
	FactPersonMerged        Fact = "person-merged"
	FactPersonSplit         Fact = "person-split"
	FactEntitlementChanged  Fact = "entitlement-changed"
	FactMeasureEnded        Fact = "measure-ended"
	FactDocumentChanged     Fact = "document-changed"
	FactDocumentSurrendered Fact = "document-surrendered"
	FactDocumentAnnulled    Fact = "document-annulled"
	FactDocumentCarrierLost Fact = "document-carrier-lost"
	FactWalletLost          Fact = "wallet-lost"
	FactWalletUnitRevoked   Fact = "wallet-unit-revoked"
)

// FactOfficeEmergency is no fact of a person's: the office took copies back in
// the mass. No table speaks of it.
const FactOfficeEmergency Fact = "office-emergency"

// Effect is what a fact does to the copies of a document.
type Effect string

// The effects.
const (
	// EffectNone leaves copies alone.
	EffectNone Effect = "none"
	// EffectReissue revokes the copies; new ones are made from the new state.
	EffectReissue Effect = "reissue"
	// EffectReissueReduced as EffectReissue; while the fact holds, new copies
	// carry only the privileges that remain, which may be none.
	EffectReissueReduced Effect = "reissue-reduced"
	// EffectRevoke revokes the copies; grants given before are void, new
	// copies need a new offer.
	EffectRevoke Effect = "revoke"
	// EffectRevokeAndBlock as EffectRevoke; while the fact holds there are no
	// new copies.
	EffectRevokeAndBlock Effect = "revoke-and-block"
)

// Rule is one cell of a Table.
type Rule struct {
	Effect Effect `yaml:"effect"`
	// Urgent flips are published at once, others in the mix of a window.
	Urgent bool `yaml:"urgent"`
	// Notice: the holder is told, within 24 hours.
	Notice bool `yaml:"notice"`
}

// Table says for each type of document what each fact does to its copies.
// Types that it does not name have the row "*".
type Table map[string]map[Fact]Rule

// Revocation names copies to be revoked: those of Document (a number) in
// wallet unit Wallet. An empty field means every one; not both are empty.
type Revocation struct {
	Document string
	Wallet   string
	Fact     Fact
	Urgent   bool
	// Cause is the event to whose receipt the flips belong, also when time
	// brought them about.
	Cause EventID
}

// Notice is what the holder is to be told.
type Notice struct {
	Document string // number; "" when it concerns a right or the person
	Fact     Fact
	Measure  string // id, or ""
	Effect   Effect
	Since    time.Time // from when it holds
	Cause    EventID
}

// OfCopiesAlone: a mere change of what the copies say concerns those who have
// some. Who has none lost nothing, and is not told.
func (n Notice) OfCopiesAlone() bool {
	switch n.Fact {
	case FactPersonChanged, FactEntitlementChanged, FactDocumentChanged:
		return n.Effect == EffectReissue
	}
	return false
}

// Change is what an event, or time, does beside the new state.
type Change struct {
	// Applied is false when the event said what was known already: states and
	// versions stay.
	Applied bool
	Revoke  []Revocation
	Notices []Notice
	// Void names documents whose grants given before are void (EffectRevoke,
	// EffectRevokeAndBlock). Ended are those of them for which no wallet may
	// wait with such a grant: what ended it is not a measure that passes.
	Void, Ended []string
	// Wallets are wallet units that get no copy any more.
	Wallets []string
}
