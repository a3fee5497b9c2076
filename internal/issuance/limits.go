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

	// maxBatch copies in one request, whatever a configuration says.
	maxBatch = 50

	// staleRetries: how often a record that changed meanwhile is read again.
	staleRetries = 3

	// maxOfferConfigurations in one offer.
	maxOfferConfigurations = 32

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
