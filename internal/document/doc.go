// Package document holds what the registries say about a person: identity
// facts, rights and legal documents, and what one registry event does to them.
//
// Start with Table.Apply, which turns a Subject and an Event into the next
// Subject and the Change that concerns copies on phones, with Table.Advance and
// Subject.Next for what time alone does, and with Table.Issuable and
// Subject.Driving, which give the effective state at an instant. ParsePayload
// reads the part of a registry event that is its own.
//
// The words are never mixed. A Person has identity facts. An Entitlement is a
// right that the person holds, per kind and territory; measures (withdrawals,
// bans, restrictions) hang on it. A Document is the legal thing issued. A
// technical copy on a phone is none of these: it lives in the issuance room.
//
// Measures are a set: lifting one never lifts another, and they outlive every
// document and every put. Nothing that was said of one is lost: what was said
// last holds for every instant, and Subject.AsKnown gives what the office knew
// at an earlier one. A measure that an appeal struck down never held.
//
// What a fact does to copies is not code but the Table, one row per document
// type; effects.yaml is the default and says why. The effect is applied when
// the fact begins, be it by the event or by time. A fact about a person
// concerns all documents, a right or a measure those that show the right: type
// mdl that of driving, else the type that is called as the right. Revoking is
// final: a fact that ends makes new copies, it does not bring back old ones.
// Whatever the table leaves of old copies, no new one says more than its
// holder may. Days on which a category begins or ends are no facts: they
// stand in the copy, which a wallet renews within days.
//
// A registry that repeats itself changes nothing: no version, no copy. The one
// exception names copies again: the second word of an end (death, annulment,
// surrender), so that its receipt tells of the copies that the first revoked.
// Merging keeps the identity and the rights of the survivor and unites the
// rest; where both have a measure of one id, that of the record that goes has
// from then on the number of the record before it ("P-1:M-7").
//
// The package is pure: the instant is an argument, nothing is stored and
// nothing is logged. It refuses what a registry must not send: unknown
// members, text with control or direction marks or more than 150 characters,
// dates that are not in the calendar, portraits that are not a plain JPEG;
// facts dated ahead that are neither a measure nor the end of a document; a
// document that ended and is put again; a person whose record was merged.
// Text is put in Unicode form NFC.
//
// Promised: a Subject that was encoded with encoding/json or AppendBinary stays
// readable, since stores keep it in these forms.
package document
