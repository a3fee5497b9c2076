package issuance

import "time"

// Defaults and bounds; Config refuses what lies outside.
const (
	// DefaultNonceLifetime: a wallet fetches a nonce, asks its user and signs.
	DefaultNonceLifetime = 5 * time.Minute
	maxNonceLifetime     = time.Hour

	// DefaultTokenBatches is how often one access token may draw a
	// configuration: once, with room for lost answers.
	DefaultTokenBatches = 10
	maxTokenBatches     = 1000

	// placesPerCPU and queuePerCPU: a batch of 20 copies takes 5 ms of a CPU and
	// some of the disk, and holds 2 MB. 16 at once fill both; who comes 64th in
	// the queue waits for half a second.
	placesPerCPU = 16
	queuePerCPU  = 64

	// maxBatch copies in one request, whatever a configuration says.
	maxBatch = 50

	// staleRetries: how often a record that changed meanwhile is read again.
	staleRetries = 3

	// maxOfferConfigurations in one offer.
	maxOfferConfigurations = 32

	// DefaultDeferLifetime is how long a wallet may wait: a month covers most
	// suspensions, and whoever waits longer can ask again.
	DefaultDeferLifetime = 30 * 24 * time.Hour
	maxDeferLifetime     = 366 * 24 * time.Hour

	// DefaultDeferInterval: nobody lifts a measure or approves a request more
	// often than that is worth asking.
	DefaultDeferInterval = 10 * time.Minute
	minDeferInterval     = 5 * time.Second

	// maxTransactionID is in characters: ours have 43.
	maxTransactionID = 64

	// maxSealed bounds what is kept of a request that waits: 50 keys of P-521
	// and the references of their attestation.
	maxSealed = 64 << 10

	// MaxAwaiting bounds one list of requests to approve.
	MaxAwaiting = 1000

	// DefaultKeyRotation is how long a key for requests is announced;
	// keyGrace how long it opens requests after that, for wallets that keep
	// metadata for a day.
	DefaultKeyRotation = 30 * 24 * time.Hour
	keyGrace           = 24 * time.Hour

	// A list of wallets' statuses is used for as long as it says, at most
	// statusFresh, and for statusKept when it cannot be read anew: the EUDI
	// profile asks for a look every 24 h. After a failure it is left alone for
	// statusRetry.
	statusFresh   = 12 * time.Hour
	statusKept    = 24 * time.Hour
	statusDefault = time.Hour
	statusRetry   = 10 * time.Second
	statusTimeout = 10 * time.Second

	// markKept is how long it is remembered how far a list was read, after it was
	// read last: as long as a wallet whose status stands in it.
	markKept = 2 * 366 * day
	day      = 24 * time.Hour

	// maxStatusWaiters is how many requests wait while one list is read: its
	// server may take statusTimeout over it.
	maxStatusWaiters = 128

	// maxStatusLists is how many lists are kept in memory, of up to 1 MiB.
	maxStatusLists = 128

	// sweepUnits is how many wallet units a sweep reads at once, and
	// sweepFresh how old a list may be for it.
	sweepUnits = 1000
	sweepFresh = time.Hour

	// onceMargin is how much longer a nonce, and the count of a token, is kept
	// than it could be used: for a request that was judged before that end and
	// comes to the store after it, and for a clock that is set back.
	onceMargin = time.Minute

	// burnTimeout: how long the store may take for the last step of a batch
	// whose wallet has gone away.
	burnTimeout = 10 * time.Second

	minSecret  = 32 // bytes; what offer ids and notification ids hang on
	maxOfferID = 64 // bytes of an id in a URL: ours have 43
	sweepBatch = 1000
)
