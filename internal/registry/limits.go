package registry

import "time"

const (
	// MaxItem is the largest token in octets: a person with a portrait of
	// document.MaxImage fits after two rounds of base64.
	MaxItem = 1 << 20
	// MaxBatch is the largest body of a batch, in octets, for the web layer.
	MaxBatch = 8 << 20
	// MaxBatchItems is how many events a batch may hold: one transaction
	// stays under a second.
	MaxBatchItems = 500
	// maxID bounds jti and txn: they are keys and go into receipts.
	maxID = 128
	// maxSources bounds the configuration; a state has a handful.
	maxSources = 1000

	// DefaultMaxAge is how old the signature of a new event may be. A source
	// that was cut off for longer signs again.
	DefaultMaxAge = 24 * time.Hour
	// DefaultSkew is how far a source's clock may run ahead.
	DefaultSkew = 60 * time.Second
	// maxAheadYears is how far in the future an event may take effect: the
	// longest bans with a fixed begin.
	maxAheadYears = 10

	// DefaultHoldFor is how long an event that came too early waits: longer
	// than a source needs to send again what was lost, shorter than what
	// proxies allow a request.
	DefaultHoldFor = 60 * time.Second
	// DefaultHoldEvents and DefaultHoldBytes bound what waits for one source:
	// two batches, and what a few connections have under way.
	DefaultHoldEvents = 1000
	DefaultHoldBytes  = 32 << 20

	// DefaultPage and MaxPage are how many receipts a page of the feed has:
	// each is one signature.
	DefaultPage = 100
	MaxPage     = 500

	// pollReceipts is how often webhooks and metrics look for new receipts.
	pollReceipts = time.Second
	// firstRetry and lastRetry bound the wait before a receipt is sent again.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// maxOpened bounds what the meter remembers of one source; a revocation
	// beyond is measured from its acceptance.
	maxOpened = 100_000

	// pollDue is how often the agenda of future changes is looked at.
	pollDue = time.Second
	// dueStep is how many subjects time changes in one step of the store.
	dueStep = 500
)
