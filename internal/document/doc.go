// Package document holds what the registries say about a person: identity
// facts, rights and legal documents, and what one registry event does to them.
//
// Start with Apply, which turns a Subject and an Event into the next Subject
// and the Change that concerns copies on phones, and with Subject.Issuable and
// Subject.Driving, which give the effective state at an instant.
// ParsePayload reads the part of a registry event that is its own.
//
// The words are never mixed. A Person has identity facts. An Entitlement is a
// right that the person holds, per kind and territory; measures (withdrawals,
// bans, restrictions) will hang on it. A Document is the legal thing issued.
// A technical copy on a phone is none of these: it lives in the issuance room.
//
// What is decided so far: annulling a document revokes every copy of it. A
// changed person, entitlement or document makes the version grow and leaves
// the copies that exist alone until they expire: which fact re-issues or
// revokes will be a table per document type. Facts that take effect in the
// future are refused for the same reason.
//
// The package is pure: the instant is an argument, nothing is stored and
// nothing is logged. It refuses what a registry must not send: unknown
// members, text with control or direction marks or more than 150 characters,
// dates that are not in the calendar, portraits that are not a plain JPEG.
// Text is put in Unicode form NFC.
//
// Promised: a Subject that was encoded with encoding/json stays readable, since
// the stores keep it in that form.
package document
