// Package catalog knows which credentials an office issues and of what each is
// made: credential configurations, written in YAML, that join the data elements
// with the records of a person and with the two formats.
//
// Start with [Load] for a Catalog, [Configuration.Metadata] for what a wallet is
// told, and [Configuration.NewBatch] for what is issued: one Batch per request,
// [Batch.Prepare] per copy, Sign once on what it returns.
//
// Three configurations are built in (folder builtin): mdl, pid-mdoc and
// pid-sd-jwt, with every element of their tables. A file replaces one of them by
// its id, or adds a credential type of its own, as testdata/fishing.yaml does in
// both formats. Every key is documented in [FileConfiguration].
//
// Times are coarse, so that the copies of one batch cannot be told from others of
// the day: validity begins at midnight UTC of the day of issue (or when the
// signing certificate does, if that was later the same day) and lasts whole
// days. It ends earlier where the document, the signing certificate or an age
// statement does, at a midnight again but for the certificate's.
//
// Driving privileges are those that measures leave: while a ban holds there may
// be none, and the copy is valid and says so. Whether a measure forbids new
// copies altogether is in the table of effects (Terms.Effects). A copy points
// into a status list or, of an mdoc, into an identifier list, or nowhere.
//
// A configuration may demand key attestations of a level, and the approval of a
// person; what follows from either is in package issuance.
//
// It refuses: unknown keys; images but PNG and plain SVG; a built-in type without one of its mandatory
// elements; to issue a document that is annulled, surrendered, expired or of another type; an
// element without a mandatory value or with one that breaks its rule. No error
// and no warning holds the value of an element.
//
// Sources: OpenID4VCI 1.0, 12.2.4 and appendices A.2, A.3; PID Rulebook 1.7;
// ISO/IEC 18013-5:2021, 7.
//
// Promised: keys of the YAML files and their meaning are only added to.
package catalog
