package faults

// Row is a name and where it stands.
type Row struct {
	Name string
	// Sentence says what has happened before it and what has not.
	Sentence string
}

// Points lists every name given to Point and Err.
func Points() []Row { return points }

// Wrongs lists every name given to Wrong.
func Wrongs() []Row { return wrongs }

var points = []Row{
	{"store.before-commit", "the operations of a transaction are done in memory; nothing is on the disk"},
	{"store.after-commit", "a transaction is durable; nobody was told"},
	{"store.commit-error", "the commit of a durable transaction reports an error all the same"},

	{"authserver.redeemed", "a code was exchanged and that is recorded; the wallet has no token"},
	{"issuance.intended", "indices are allocated and the intent is recorded; nothing is signed"},
	{"issuance.signed", "copies are signed; that is not recorded"},
	{"issuance.recorded", "the signed batch is recorded; the wallet has nothing"},

	{"publication.released", "flips are part of the published state in the store; no list is signed"},
	{"publication.staged", "new files lie beside the old ones, with the journal of the step"},
	{"publication.renamed", "new files have taken the place of the old ones; the folders are not synced"},
	{"publication.dir-synced", "the files of the step are durable; the manifest does not name them"},
	{"publication.manifest-written", "the manifest names the new files; the journal of the step is still there"},
	{"publication.before-covered", "lists are published; the outcomes that wait for them are not covered"},

	{"audit.checkpoint-signed", "a checkpoint is signed; the store does not have it"},
	{"audit.checkpoint-kept", "a checkpoint is in the store; the files outside do not have it"},
	{"audit.checkpoint-appended", "one file outside has the checkpoint; the next may not"},

	{"backup.install-begun", "the journal of a restore is durable; no file is in its place"},
	{"backup.file-installed", "some files of a restore are in their places, others are not"},
}

var wrongs = []Row{
	{"store.no-sync", "transactions are not synced to the disk"},
	{"store.early-answer", "callers are told that a transaction is durable before it is committed"},
	{"store.same-index", "every allocation of a list begins again at the same index"},
	{"store.forget-jti", "a jti that a source used before is not recognised, nor is its number in the order"},
	{"store.forget-nonce", "a nonce that was used before is taken again"},
	{"store.lose-flip", "of the flips of an event the last is not written"},
	{"store.unaudited", "issued batches leave no audit entry"},
	{"publication.backwards", "a list is published with a version below the one before"},
	{"publication.torn", "a list is written in place, in two halves"},
}
