package signer

import (
	"time"

	"vidimus/internal/bundle"
)

const (
	// MaxMessages bounds one request: the largest batch of copies that a catalogue
	// may ask for, and room.
	MaxMessages = 256

	// MaxMessage bounds a message of most kinds, in bytes: a status list of 2^20
	// entries of 8 bits in a JWT has 1.4 MiB at worst, a revocation list 4 MiB.
	MaxMessage = 5 << 20

	// MaxBundle bounds the message of a bundle, which holds many lists.
	MaxBundle = bundle.MaxBundle + 1<<20

	// skew is how far the clocks of front end and signer may differ.
	skew = 2 * time.Minute

	// maxAge is how long ago a message may say that it was made: a notice waits for
	// its next attempt, but is signed anew for each.
	maxAge = 15 * time.Minute

	// maxCredentialAge is the same for credentials, whose instant is the beginning
	// of their day, so that it does not tell one wallet from another.
	maxCredentialAge = 49 * time.Hour

	// maxText bounds names and addresses in messages, in bytes.
	maxText = 2 << 10

	// maxListAhead is how far ahead of the clock a list may say that it was made:
	// its instant stays where it was when a clock is set back.
	maxListAhead = 49 * time.Hour

	// maxIdentifier bounds an identifier of a list, as its reader does.
	maxIdentifier = 64

	// maxBackup is how long ago a backup may have begun whose digests are signed.
	maxBackup = 24 * time.Hour

	// maxBundleLife is how long a bundle may say that it lives, as its reader has it.
	maxBundleLife = 92 * 24 * time.Hour

	// maxMetadataLife is how long signed metadata may say that they hold.
	maxMetadataLife = 31 * 24 * time.Hour

	// maxCRLLife is ISO/IEC 18013-5, Annex B.
	maxCRLLife = 90 * 24 * time.Hour

	// maxListLife is how long a list of a status signer may say that it counts.
	maxListLife = 92 * 24 * time.Hour

	// maxNumberStep is how far the number of a list may be above the last one, unless
	// it is an instant in microseconds: whoever steps farther uses the numbers up.
	maxNumberStep = 1 << 32

	// maxNamed is how many serial numbers a refusal names.
	maxNamed = 3
)
