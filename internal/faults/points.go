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
	{"store.event-applied", "an event of a batch has its effect in the transaction; those after it do not"},
	{"store.list-opened", "a list is opened in the transaction of the batch that needs it; nothing is on the disk"},
	{"store.due-applied", "what time does to one person is done in the transaction; it is not in the audit record"},
	{"store.agenda-done", "what time did is durable; no publication was asked for"},
	{"store.before-commit", "the operations of a transaction are done in memory; nothing is on the disk"},
	{"store.after-commit", "a transaction is durable; nobody was told"},
	{"store.commit-error", "the commit of a durable transaction reports an error all the same"},

	{"registry.applied", "events are durable; no source was told and no publication asked for"},
	{"registry.batch-settled", "a batch of events is durable and its publication asked for; its source has no answer"},
	{"registry.receipt-signed", "a receipt is signed; nobody has it"},
	{"registry.webhook-sent", "a receipt was taken by a webhook; that is not kept"},
	{"registry.cursor-kept", "how far the receipts of a source went is kept; the next are not read"},
	{"notice.sent", "a notice was sent, or cannot be; that is not recorded"},

	{"authserver.granted", "an offer has its code; the audit record does not say so and the desk has nothing"},
	{"authserver.proof-remembered", "a DPoP proof is used up; what it was for is not done"},
	{"authserver.guess-counted", "a wrong transaction code is counted; neither the audit record nor the wallet know"},
	{"authserver.redeemed", "a code or a refresh token was exchanged and that is recorded; the wallet has no token"},
	{"issuance.offered", "an offer can be fetched; nobody has its address"},
	{"issuance.intended", "a nonce is spent, indices are allocated and the intent is recorded; nothing is built"},
	{"issuance.built", "copies are built to the byte; none is signed"},
	{"issuance.copy-signed", "some copies of a batch are signed, others may not be"},
	{"issuance.signed", "copies are signed; that is not recorded"},
	{"issuance.recorded", "the signed batch is recorded; the wallet has nothing"},
	{"issuance.notified", "what a wallet said of its batch is kept; it has no answer"},

	{"publication.planned", "the noise of a window is planned; its flips are not released"},
	{"publication.released", "flips are part of the published state in the store; no list is signed"},
	{"publication.signed", "lists are signed anew; none is written or served"},
	{"publication.staged", "new files lie beside the old ones, with the journal of the step"},
	{"publication.half-written", "half of a list is in its place, which only a folder that is torn comes to"},
	{"publication.file-renamed", "some new files, of lists, identifier lists or their aggregation, have taken their places, others have not"},
	{"publication.renamed", "new files have taken the place of the old ones; the folders are not synced"},
	{"publication.dir-synced", "the files of the step are durable; the manifest does not name them"},
	{"publication.manifest-written", "the manifest names the new files; the journal of the step is still there"},
	{"publication.step-ended", "the journal of a step is gone; the folder in memory is that of before"},
	{"publication.written", "the folder has the new lists; the office itself serves the old ones"},
	{"publication.before-covered", "lists are published; the outcomes that wait for them are not covered"},
	{"publication.covered", "outcomes are covered; their sources were not told"},

	{"audit.tree-grown", "lines came into the tree of the audit record; no checkpoint is over them"},
	{"audit.checkpoint-signed", "a checkpoint is signed; the store does not have it"},
	{"audit.checkpoint-kept", "a checkpoint is in the store; the files outside do not have it"},
	{"audit.checkpoint-written", "a checkpoint is written to a file outside, and not synced"},
	{"audit.checkpoint-appended", "one file outside has the checkpoint; the next may not"},
	{"audit.key-staged", "a new key of the audit record lies beside its place"},
	{"audit.key-made", "a new key of the audit record is durable; nothing was written with it"},
	{"audit.key-overwritten", "a key of the audit record is overwritten; its file is still named"},
	{"audit.key-removed", "a key of the audit record is gone; no line of the record says so"},

	{"officer.confirmed", "a proposal of the console is confirmed; its event is not in the inbox"},
	{"officer.inboxed", "the event of a proposal has its effect; no officer was told"},
	{"emergency.begun", "a plan has begun: its scope is stopped and nothing of it is revoked"},
	{"emergency.stepped", "a step of a plan is durable; its publication was not asked for"},
	{"emergency.ended", "everything in the scope of a plan is revoked; the plan does not say that it is published"},
	{"bulk.begun", "an import is known to the store; no block of it is loaded"},
	{"bulk.block-applied", "a block of an import is durable; the operator was not told"},
	{"backup.part-written", "some files are in an archive, others are not"},
	{"backup.signed", "every file is in an archive and their digests are signed; the signature is not in it"},
	{"backup.unpacked", "a backup lies unpacked and verified in a folder of its own"},
	{"issuer.database-reopened", "an unpacked database is fit to go on; it is not in its place"},
	{"backup.install-begun", "the journal of a restore is durable; no file is in its place"},
	{"backup.file-installed", "some files of a restore are in their places, others are not"},
	{"issuer.secrets-renewed", "files and secrets of a restore are in their places; its journal is still there"},
	{"backup.installed", "a restore is in its place and its journal gone; that lines of its audit record are lost is not declared"},
}

var wrongs = []Row{
	{"store.no-sync", "transactions are not synced to the disk"},
	{"store.early-answer", "callers are told that a transaction is durable before it is committed"},
	{"store.commit-ignored", "room on the disk is not looked at, and a commit that fails is answered as done"},
	{"store.unlocked", "the lock on the database is given back as soon as it is taken"},
	{"issuer.unlocked", "the lock on the state folder is not taken"},
	{"store.same-index", "every allocation of a list begins again at the same index"},
	{"store.forget-jti", "a jti that a source used before is not recognised, nor is its number in the order"},
	{"store.forget-nonce", "a nonce that was used before is taken again"},
	{"store.free-guesses", "a wrong transaction code costs no try"},
	{"store.lose-flip", "of the flips of an event the last is not written"},
	{"store.unaudited", "issued batches leave no audit entry"},
	{"store.audit-changed", "some lines of the audit record are written otherwise than they were chained"},
	{"audit.checkpoint-other", "checkpoints are signed over another record than there is"},
	{"catalog.outlives", "copies live longer than the certificate of their signer"},
	{"issuer.hidden-signer", "document signers sign and are not published"},
	{"issuer.other-signer", "copies are signed with the key of the status lists"},
	{"issuer.ready-anyway", "it is ready, it says, though nothing is published and nothing can be written"},
	{"publication.backwards", "a list is published with a version below the one before"},
	{"publication.torn", "a list is written in place, in two halves"},
}
