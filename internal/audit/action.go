package audit

import (
	"maps"
	"slices"
)

// Look-ups: an officer or operator read what is kept of a person. An event
// with one of these actions says for what purpose, or Check refuses it.
const (
	ActionSearch  = "officer.search"  // somebody was looked for, found or not
	ActionShow    = "officer.show"    // the present state: entitlements, measures, documents
	ActionHistory = "officer.history" // the events
	ActionCopies  = "officer.copies"  // the copies and their status indices
	ActionReceipt = "officer.receipt" // what became of an event, and its publication
	ActionRecord  = "officer.record"  // the lines of this record about a person
)

var lookups = map[string]bool{
	ActionSearch: true, ActionShow: true, ActionHistory: true, ActionCopies: true, ActionReceipt: true, ActionRecord: true,
}

// Purposes of a look-up. The list is closed: free text would hold what a
// person is or has sooner or later.
const (
	PurposeHolder   = "holder-request"      // the person asked, at the counter or in writing
	PurposeDecision = "decision"            // a measure or a document is being decided on
	PurposeAppeal   = "appeal"              // somebody appealed
	PurposeControl  = "roadside-control"    // an officer on the road asked
	PurposeCourt    = "court-order"         // a court or prosecutor asked
	PurposeAccess   = "data-subject-access" // the person asked what is kept of them
	PurposeFault    = "fault"               // something does not work
	PurposeAudit    = "audit"               // somebody checks what was done here
)

var purposes = map[string]string{
	PurposeHolder:   "the person asked",
	PurposeDecision: "a measure or a document is being decided on",
	PurposeAppeal:   "somebody appealed",
	PurposeControl:  "an officer on the road asked",
	PurposeCourt:    "a court or prosecutor asked",
	PurposeAccess:   "the person asked what is kept of them",
	PurposeFault:    "something does not work",
	PurposeAudit:    "somebody checks what was done here",
}

// Purposes gives the words that "purpose" may have, sorted.
func Purposes() []string { return slices.Sorted(maps.Keys(purposes)) }
