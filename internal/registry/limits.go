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
)
