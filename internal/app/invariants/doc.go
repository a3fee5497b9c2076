// Package invariants says whether an office kept its word: it compares what
// the database, the audit record and the published lists hold with what the
// office's clients were told.
//
// Start with Gather, which reads the database of an office that does not run,
// ReadJournal, which reads what its clients wrote down, and Check, which gives
// one Result for every invariant. cmd/invariants is the program around them;
// the fault tests call the same functions.
//
// The invariants, by the numbers of the fault plan:
//
//	I1   every acknowledged push is present with its exact version
//	I2   no push was applied twice
//	I3   no status index was given out twice, over all restarts
//	I4   every signed copy has an intent before its signature and a completion
//	I5   no credential was released without an audit entry
//	I6   the audit chain holds, never shrinks, and checkpoints are its prefixes
//	I7   a code and a nonce are taken at most once
//	I8   the count of wrong transaction codes never goes back
//	I9   what was published as revoked stays so, and every copy that an event
//	     revokes is revoked
//	I10  versions and issue times of lists never go back; each list parses and
//	     is signed under our root
//	I11  a list is served whole
//	I12  released credentials verify under the office's root, and each signature
//	     is of a published document signer whose certificate covers the copy
//	I13  the office serves or says that it does not: no third state, and it is
//	     ready within ten seconds; one that says that it is ready does not refuse
//	     everything of a kind with 503
//	I14  the state is the fold of the accepted events
//
// That a credential verifies (I12) is the client's own verdict, taken from its
// journal: the credential itself, which holds what a person is, stays out of the
// journal. By which key is read from the audit record and from what the database
// keeps of each copy, and held against the published certificates. A restore
// that a signed checkpoint declares may shorten the record (I6); nothing else.
//
// The package judges with means of its own where it can: its fold of the
// events (model.go) shares no code with package document, its Merkle tree none
// with package audit. It changes nothing; it refuses a journal that it does
// not understand, and never takes missing evidence for good: an invariant of
// which nothing was seen says so by its count 0.
package invariants
