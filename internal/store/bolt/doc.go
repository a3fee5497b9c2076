// Package bolt is the durable store: one bbolt file for everything that the
// services keep.
//
// Start with Create, once, then Open. Both take Options; the methods are those
// that registry.Store, issuance.Store, authserver.Store and status.Store
// describe. No transaction handle leaves the package.
//
// Writing: every write is an operation in a queue. One goroutine drains what
// is queued into one transaction, commits with one fsync and wakes all who
// wait, so that many writers share the cost of the disk and one alone does not
// wait for others. An operation writes into a buffer of its own; only when it
// ends without an error does the buffer go into the transaction. So an
// operation that refuses leaves no trace and disturbs no other.
//
// Failing: an error of a commit means that nobody knows whether the
// transaction is on the disk (bbolt can report an error for one that is).
// Options.OnFatal is called, which by default ends the process; every waiting
// and later write gets ErrUnknown. All writes are idempotent by a key of the
// caller, so after a restart he asks again.
//
// Opening: a missing file is an error and never made by accident; a new file
// gets its name only when it is whole. The file has mode 0600 and is locked
// for one process. A development file opens only in development, and the
// reverse.
//
// Values are JSON or binary, keys are made of what they name. Nothing is looked for by
// walking over the past: the cost of a step does not grow with the number of
// credentials that were ever made.
package bolt
