// Package ceremony does acts over roots and their leaves, by people together.
//
// Start with Load, which reads the file of an act, and Act.Plan, which says exactly
// what would be signed and touches no key. Operators look at a Plan and Approve it;
// Ceremony.Run signs when all of them approved these very bytes, and leaves a
// Transcript. VerifyChain holds transcripts against themselves and each other.
//
// One act is one YAML file: a root, a link between two roots, a leaf, or a
// revocation list, with everything that is decided about it, down to the serial
// number. Files that it names (the issuing certificate, the subject's public key)
// are pinned by SHA-256. So the same file gives the same bytes on every machine.
//
// An approval is a compact JWS of type vidimus-approval+jwt over the digests of the
// file and of the bytes to sign, with the key that the file names for the operator.
// A transcript is one of type vidimus-transcript+jwt: the file, what was read, the
// approvals, what witnesses wrote, the signed bytes and the digest of the transcript
// before. Its own digest goes into an audit record, which takes no act that does not
// follow the last one in it, and no revocation list that does not go on from the last
// one of its key. An approval counts for MaxApprovalDays, or less where the act says so.
//
// Refused: an act with any finding of lint, with fewer than two operators or without
// a witness; an act that asks for a machine without a network on one that has one;
// overwriting anything.
//
// Order, so that nothing exists that nobody knows of: intent in the audit record,
// signature, transcript, audit record, and only then the certificate.
package ceremony

import "errors"

// What keeps an act from being done, or a transcript from being believed.
var (
	// ErrAct: the file, or one that it names, is not as it must be.
	ErrAct = errors.New("act refused")
	// ErrFindings: what would be signed does not conform to its profile.
	ErrFindings = errors.New("lint has findings")
	// ErrApproval: an approval is missing, of other bytes, or not the operator's.
	ErrApproval = errors.New("not approved")
	// ErrWitness: a witness did not compare the digest.
	ErrWitness = errors.New("not witnessed")
	// ErrNetwork: the act asks for a machine without a network.
	ErrNetwork = errors.New("this machine is on a network")
	// ErrPrevious: the act does not follow the last one of the audit record.
	ErrPrevious = errors.New("not the next act")
	// ErrKey: a key is not the one that the act names.
	ErrKey = errors.New("wrong key")
	// ErrTranscript: a transcript that is not what was signed then.
	ErrTranscript = errors.New("transcript refused")
)
