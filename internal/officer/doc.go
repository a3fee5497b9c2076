// Package officer says who works at the console of the office, and what needs
// two of them: logins, look-ups with a purpose, and changes that one human
// being proposes and another one confirms.
//
// Start with New. MintLink makes a login link, RedeemLink and LogIn begin a
// session, Session recognises one. LookUp opens the record of a person, Propose
// and ProposeLift prepare a change, Confirm carries it out, Repair finishes what
// a crash cut short. Store says what the service asks of a store.
//
// What it refuses: an officer whom the configuration does not name or who is
// disabled; a deed that the officer's roles do not cover; a look-up without a
// purpose, or one that cannot be written into the audit record; a proposal about
// a record that changed since it was read; a confirmation by the human being who
// proposed, under whatever account. No method that a session reaches makes a
// login link: only the operator's listener calls MintLink.
//
// A confirmed change becomes a registry event: the office is a source of its own
// with a key of its own, and the event goes through the same inbox as those of
// the registries (formats of events: package registry, RFC 8417). The name of
// the event is reserved with the confirmation, so that it takes effect once,
// however often it has to be sent.
//
// Promised: the store sees digests of links and sessions, never a secret. No log
// and no audit event holds a fact about a person; the person stands there as a
// pseudonym.
package officer
