package ceremony

import "time"

const (
	// MaxAct bounds the file of an act: a revocation list with 2,000 entries fits,
	// and people read every line.
	MaxAct = 256 << 10

	// maxInput bounds a file that an act names: a certificate or a public key. A
	// revocation list that is followed has pki.MaxCRLBytes.
	maxInput = 32 << 10

	// MaxTranscript bounds a transcript: an act of MaxAct and what became of it.
	MaxTranscript = 1 << 20

	// maxApproval bounds an approval; ours have 500 bytes.
	maxApproval = 4 << 10

	// MaxApprovalDays is how long an approval counts unless its act says less: who
	// approved last summer may have other reasons by now.
	MaxApprovalDays = 30

	// approvalSkew is how far the clock of who approves may be ahead of that of the
	// machine of the ceremony, which no network sets.
	approvalSkew = 10 * time.Minute

	// Operators and witnesses of one act: two people at least must agree on a
	// signature, and more than sixteen fit in no room.
	minOperators = 2
	maxPeople    = 16

	// maxText bounds names, purposes and what witnesses write, in bytes.
	maxText = 1000

	// shownDigits of a digest are what a witness types: enough that nobody guesses.
	shownDigits = 8
)
