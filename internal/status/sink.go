package status

import (
	"context"
	"time"
)

// Sink keeps what is published outside of this process too, as files for other
// web servers: lists outlive the issuer.
type Sink interface {
	// Published says what is there, by the URI of the list. A Publisher asks
	// once, before its first publication, and never falls behind it.
	Published(ctx context.Context) (map[string]Past, error)
	// Put brings it up to date. Each object takes the place of the one before
	// as a whole, and is durable when nil is returned; after an error some may
	// have. It refuses what goes back in version or iat.
	Put(ctx context.Context, e Edition) error
}

// Edition is one step of publication: what has changed.
type Edition struct {
	Lists []Tokens
	// Retired are the ids of lists that are no more.
	Retired []string
	// Aggregation is the list of lists; it is always there.
	Aggregation *Object
}

// Tokens are the forms of one list, made of the same bits.
type Tokens struct {
	ID   string
	Kind Kind
	// Objects are a JWT and a CWT; of KindIdentifier a CWT alone.
	Objects []*Object
}

// Past is a list as it was published last.
type Past struct {
	Version  uint64
	IssuedAt time.Time
	// Bits of a KindStatus, as in statuslist.List; Identifiers of the other.
	Bits        []byte
	Identifiers [][]byte
}
