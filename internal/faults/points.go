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
	{"store.before-commit", "the operations of a transaction are done in memory; nothing is on disk"},
	{"store.after-commit", "a transaction is durable; nobody was told"},
	{"store.commit-error", "the commit of a durable transaction reports an error all the same"},
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
