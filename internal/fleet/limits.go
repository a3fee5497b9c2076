package fleet

import "time"

const (
	// CodeLifetime is how long an invitation stands: a working day and the night
	// before it. MaxCodeLifetime is for devices that travel to their place.
	CodeLifetime    = 24 * time.Hour
	MaxCodeLifetime = 30 * 24 * time.Hour

	// Lifetime of a reader's certificate unless the configuration says otherwise;
	// MaxLifetime is the longest of ISO/IEC 18013-5, B.1.7.
	Lifetime    = 366 * 24 * time.Hour
	MaxLifetime = 1187 * 24 * time.Hour

	// RenewAhead is how long before the end of a certificate the name may be given
	// to its successor.
	RenewAhead = 60 * 24 * time.Hour

	// MaxReaders bounds the fleet: a police force has some thousand.
	MaxReaders = 20_000

	// MaxName bounds the name of a reader and of its organization, in characters:
	// ub-common-name of X.520.
	MaxName = 64

	// MaxRequest bounds a certificate request, in bytes: a P-521 key with a name.
	MaxRequest = 4096

	// waiting is how long a reader that asked waits for a human before it is
	// forgotten.
	waiting = 30 * 24 * time.Hour
	// kept is how long a reader is remembered after its certificate has ended.
	kept = 365 * 24 * time.Hour

	// listFresh is until when the next revocation list is due, listAgain from what
	// age on a new one is signed although nothing changed. B.1.8 asks for one every
	// 90 days at least, and within 48 hours of a revocation; ours is new at once.
	listFresh = 30 * 24 * time.Hour
	listAgain = 24 * time.Hour
	// listRead is for how long a list is given out without a look at the fleet,
	// which anybody could ask for: what was revoked here is seen at once.
	listRead = time.Minute

	sweepBatch = 500

	// maxSeen bounds the token of a reader, in bytes; seenSkew is how far its clock
	// and the office's may differ.
	maxSeen  = 2048
	seenSkew = 5 * time.Minute
)
