// Package issuer is the credential office as one program: it joins the
// services to a store, keys, listeners and a configuration.
//
// Start with LoadConfig, Init (once), New and App.Run. The commands of
// cmd/issuer and the tests use the same functions; what an operator does to a
// running office from outside is in Desk (offers), Feed (registry events) and
// Inspect (published lists).
//
// It refuses to start rather than to repair: without a state folder that Init
// made, with a development database outside of development or the reverse,
// with a key that is not its certificate's, with a certificate of its own that
// does not conform to its profile or leads to no root, with a signer none of
// whose certificates is valid, with a credential configuration whose signing key
// is missing. Of document signers all may have ended: then nothing is issued and
// it is not ready, but what was issued is revoked. When a commit fails,
// the process ends: its outcome is unknown, and every write can be repeated.
//
// A signer may have several keys (package rotation). A document signer is published
// before it signs and until it ends, and signs no copy that could outlive it.
//
// Promised: keys of the configuration file keep their meaning; no file turns
// development on; no secret is a value in the configuration, in a flag or in
// the log.
package issuer
