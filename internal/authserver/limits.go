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

	// DefaultRequestLifetime: who logs in with a card and a PIN takes minutes.
	// FAPI 2.0 section 5.3.2.2 wants less than ten.
	DefaultRequestLifetime = 5 * time.Minute
	maxRequestLifetime     = 599 * time.Second

	// DefaultCodeLifetime is also the longest (FAPI 2.0 section 5.3.2.1).
	DefaultCodeLifetime = 60 * time.Second

	// DefaultRefreshLifetime: who does not open his wallet for three months
	// logs in again. HAIP 1.0 speaks of about a year at most.
	DefaultRefreshLifetime = 90 * 24 * time.Hour
	maxRefreshLifetime     = 366 * 24 * time.Hour

	// RevocationMemory is how long a store knows that a grant was revoked: no
	// access token lives longer.
	RevocationMemory = maxTokenLifetime

	// nonceWindow is how long a DPoP nonce is handed out; it passes as long again.
	nonceWindow = 2 * time.Minute
	// challengeWindow likewise, of challenges: a wallet fetches its attestation
	// from its provider in between.
	challengeWindow = 5 * time.Minute

	minSecret = 32 // bytes; what codes and transaction codes hang on

	// Bounds of what a peer may send; longer is not ours.
	maxCode     = 256 // bytes of a code: ours have 43
	maxTxCode   = 64  // likewise 12
	maxClientID = 512 // a URL
	maxRefresh  = 256 // bytes of a refresh token: ours have 43

	// Bounds of a pushed request. FAPI 2.0 wants a state of more than 1000
	// characters to pass.
	maxState       = 8 << 10
	maxIssuerState = 1 << 10
	maxScope       = 8 << 10
	maxLocales     = 16 // of ui_locales; what comes after is left out
	maxLocale      = 35 // characters of a tag (BCP 47 section 4.4.1)
	maxName        = 64 // characters of a wallet's name that people are shown
	maxRequestURI  = 256
	maxACR         = 256

	maxAttesters = 256 // chains of wallet providers that are remembered: more than there are

	maxIdempotencyKey = 128 // bytes
	maxDocuments      = 32  // configurations in one offer
	sweepBatch        = 1000
)
