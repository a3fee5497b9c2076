package wallet

import "time"

const (
	// DefaultCopies is how many copies are asked for unless told otherwise, or
	// the issuer's batch size when that is less. One copy for each of a
	// fortnight's presentations keeps them from being linked.
	DefaultCopies = 20

	// MaxCopies bounds the copies of one batch.
	MaxCopies = 50

	// maxDatasets bounds the datasets of one configuration that are fetched:
	// somebody with two licences is rare, an issuer with a thousand broken.
	maxDatasets = 8

	// maxSkew is the tolerance for the issuer's clock.
	maxSkew = time.Minute

	// maxInterval bounds what an issuer can put between two questions.
	maxInterval = 30 * 24 * time.Hour

	// tokenMargin is how long before its end an access token is not used any
	// more: the request takes its time.
	tokenMargin = 10 * time.Second

	// maxAges is how many age statements a reader gets out of one request
	// (ISO/IEC 18013-5, 7.2.5): with more it could narrow the age down.
	maxAges = 2
)

// Limits of answers, in bytes.
const (
	maxOffer    = 64 << 10
	maxMetadata = 1 << 20
	maxToken    = 64 << 10
	maxNonce    = 16 << 10
	maxIssued   = 4 << 20  // 50 copies with portraits
	maxErrors   = 16 << 10 // answer of the notification endpoint
)

// Limits of what others say and we keep or send back.
const (
	maxDPoPNonce = 1 << 10
	maxName      = 200     // characters of a display name
	maxBatchFile = 1 << 20 // our own record of a batch
	maxKeyFile   = 16 << 10
	maxGrantFile = 4 << 20 // our own record of a grant: 64 waits for 50 keys each
	maxWaiting   = 64      // requests of one grant that wait
	maxGrants    = 10_000

	// readerSkew forgives a list of revoked readers that was written by a clock
	// ahead of ours.
	readerSkew = 5 * time.Minute
)
