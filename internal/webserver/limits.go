package webserver

import "time"

// Limits of every listener. Together they bound what one connection can hold.
const (
	// ReadHeaderTimeout ends a peer that dribbles its headers.
	ReadHeaderTimeout = 5 * time.Second
	// ReadTimeout bounds headers and body together: 8 MiB at 1 MB/s fit.
	ReadTimeout = 10 * time.Second
	// WriteTimeout bounds the handler and a slow reader: a batch of 50 copies
	// is about 1.7 MB.
	WriteTimeout = 30 * time.Second
	// IdleTimeout closes kept connections; wallets make four requests in a row.
	IdleTimeout = 60 * time.Second
	// MaxHeaderBytes holds a DPoP proof and a wallet attestation with room to
	// spare. The library reads 4 KiB more before it answers 431.
	MaxHeaderBytes = 16 << 10
	// MaxConnections of one listener: with a body of 64 KiB each, 256 MiB. A
	// process that may open few files serves fewer.
	MaxConnections = 4096
	minConnections = 64
	// lingerTime is how long what a refused peer sends on is thrown away: 8 MiB
	// at 4 MB/s.
	lingerTime = 2 * time.Second
	// ShutdownTimeout is how long requests under way may still take.
	ShutdownTimeout = 10 * time.Second
)

// Caps of bodies, by what travels.
const (
	// MaxFormBody: a token request is below 8 KiB.
	MaxFormBody = 64 << 10
	// MaxJSONBody: notifications, offers of the office.
	MaxJSONBody = 64 << 10
	// MaxCredentialBody: 50 proofs of up to 4 KiB each.
	MaxCredentialBody = 256 << 10
	// MaxEventBody: one registry event with a portrait.
	MaxEventBody = 1 << 20
	// MaxBatchBody: 500 events, or fewer with portraits.
	MaxBatchBody = 8 << 20
)

const (
	// maxQuery and maxQueryPairs: no route of ours takes more than a handful
	// of parameters, but wallets put all of their request beside its
	// request_uri, and a state alone may have thousands of characters.
	maxQuery      = 8 << 10
	maxQueryPairs = 32
	// maxAccept and maxAcceptEntries bound content negotiation.
	maxAccept        = 4 << 10
	maxAcceptEntries = 32
	// maxLogValue is where a value of the peer is cut in the log.
	maxLogValue = 256
	// maxLimiterKeys bounds the memory of a rate limiter (about 10 MB).
	maxLimiterKeys = 1 << 16
)
