// Package bundle is everything that a reader without a network knows, in one
// signed file: who may issue what, revoked certificates, whole status lists and
// identifier lists as they were published, and the policy of the reader.
//
// Start with Open for a file, and with its Trust, Opened, CRLs and Policy; with
// Build to make one; with Mark, which keeps a reader from going back in time.
//
// The file is a COSE_Sign1 (tag 18) of the content type
// application/vidimus-bundle+cbor; its sections are embedded items (tag 24), so
// that one is read without the others. Lists are those that their issuers signed:
// Open proves each signature once, under the certificate that the list carries.
// They stay compressed until one is asked for, and whether its signer speaks for a
// document is not for the bundle to say.
//
// Refused:
//   - a bundle whose signer is none of those pinned, nor below one of them with
//     the key usage of bundle signers; one that says anything its signer did not;
//   - one for a newer reader; one made after what the clock of the reader says:
//     then the clock is wrong, and that is told (ClockError);
//   - by Mark: a number that was seen higher, a number that comes again with
//     other content, and a clock before an instant that was already proven.
//
// A list that is not in the bundle (ErrNotCarried) and one that is past its own
// end (ErrListExpired) or that of the bundle (ErrEnded) are answers of their own:
// none of them says that a document is valid.
//
// The package holds no clock and no network.
package bundle
