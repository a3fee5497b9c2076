package authserver

import (
	"time"

	"vidimus/internal/oauth"
)

// Defaults and bounds; Config refuses what lies outside.
const (
	// DefaultOfferLifetime: the citizen is standing there, phone in hand.
	DefaultOfferLifetime = 10 * time.Minute
	maxOfferLifetime     = 72 * time.Hour // a code sent by letter is another flow

	// DefaultTokenLifetime: longer counts as long-lived (FAPI 2.0).
	DefaultTokenLifetime = 5 * time.Minute
	maxTokenLifetime     = time.Hour

	// DefaultTxCodeLength digits: five guesses are right once in 200,000.
	DefaultTxCodeLength = 6
	minTxCodeLength     = 6
	maxTxCodeLength     = 12

	// DefaultTxCodeAttempts is how many guesses an offer stands.
	DefaultTxCodeAttempts = 5
	maxTxCodeAttempts     = 10

	// DefaultDPoPAge is how old a proof may be; its jti is remembered longer.
	// Telephones are often a minute wrong.
	DefaultDPoPAge = oauth.DefaultMaxAge
	maxDPoPAge     = 600 * time.Second

	// onceMargin is how much longer a proof is remembered than it could be used:
	// for a request that was judged before that end and comes to the store after
	// it, and for a clock that is set back.
	onceMargin = time.Minute

	minSecret = 32 // bytes; what codes and transaction codes hang on

	// Bounds of what a peer may send; longer is not ours.
	maxCode     = 256 // bytes of a code: ours have 43
	maxTxCode   = 64  // likewise 12
	maxClientID = 512 // a URL

	maxIdempotencyKey = 128 // bytes
	maxDocuments      = 32  // configurations in one offer
	sweepBatch        = 1000
)
