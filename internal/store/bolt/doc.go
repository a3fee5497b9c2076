// Package bolt is the durable store: one bbolt file for everything that the
// services keep.
//
// Start with Create, once, then Open. Both take Options; the methods are those
// that registry.Store, issuance.Store, authserver.Store, status.Store,
// notice.Store, bulk.Store, officer.Store, emergency.Store and audit.TreeStore describe, and
// beside them WriteBackup, Restored, Retain, Check and Writable. No transaction
// handle leaves the package.
//
// Writing: what a caller wants is an operation of one or more steps in a queue;
// a batch of events is one operation with a step for each. One goroutine takes
// steps until the queue is empty or a transaction is large enough, commits
// (two fdatasync) and wakes all who wait, so that many writers share the cost
// of the disk and one alone does not wait for others. Steps write above the
// transaction; one that refuses is taken back, leaves no trace and disturbs no
// other.
//
// Failing: an error of a commit means that nobody knows whether the
// transaction is on the disk (bbolt can report an error for one that is).
// Options.OnFatal is called, which by default ends the process; every waiting
// and later write gets ErrUnknown. All writes are idempotent by a key of the
// caller, so after a restart he asks again. A full disk is another thing: room
// is looked for before a commit begins, and a write that would take of
// Options.Reserve gets ErrFull, which heals when there is room.
//
// Damage: every value carries a checksum over its bucket, its key and itself,
// verified whenever it is read; that there is no value is believed only between
// two neighbours that hold. A file of at most 32 MiB is read whole when it is
// opened, a larger one by Check alone: the count in the head of a page and the
// list of free pages are seen by nothing else. Checksums are against faults of
// the disk, not against a writer: records are not encrypted.
//
// Opening: a missing file is an error and never made by accident; a new file
// gets its name only when it is whole. The file has mode 0600 and is locked
// for one process. A development file opens only in development, and the
// reverse. A file of another schema is refused: there is no migration yet.
//
// A flip is one index that is or will be INVALID (flip.go). It waits in the
// due bucket until Release, and outcomes wait for flips by counting them down
// (opening.go): nothing looks through what waits. Indices are not kept: a batch
// keeps, per list, the first counter and how many, and the order in which its
// copies drew their lists; status.Permutation gives the indices again. Binary
// attributes over 1 KiB lie apart from their subject (subject.go). Events are
// linked to the one before in the history of each person (history.go).
//
// Hot values are in a compact form of our own, others JSON; keys are made of
// what they name (buckets.go). Nothing is looked for by walking over the past:
// the cost of a step does not grow with what was ever made.
package bolt
