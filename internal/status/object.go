package status

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/jose"
)

// Media types of what is served, without parameters (Token Status List,
// section 8.1; ISO/IEC 18013-5 second edition, 12.3.6).
const (
	MediaTypeJWT         = "application/statuslist+jwt"
	MediaTypeCWT         = "application/statuslist+cwt"
	MediaTypeIdentifiers = "application/identifierlist+cwt"
	MediaTypeAggregation = "application/json"
)

// Object is one token as it is served. It is never changed: do not write to
// Body.
type Object struct {
	Body      []byte
	MediaType string
	// ETag is a strong entity tag, quotes included: it names these bytes.
	ETag string
	// Digest is the SHA-256 of Body.
	Digest   [sha256.Size]byte
	URI      string
	Version  uint64
	IssuedAt time.Time
	Expires  time.Time
	TTL      time.Duration
}

func newObject(body []byte, mediaType string) *Object {
	digest := sha256.Sum256(body)
	return &Object{Body: body, MediaType: mediaType, Digest: digest, ETag: `"` + jose.EncodeBase64URL(digest[:16]) + `"`}
}

// snapshot is everything that is served at one instant.
type snapshot struct {
	lists       map[string]*shard // by list id
	aggregation *Object
}

// aggregate is the list of lists (Token Status List, section 9). It names
// status lists alone: the draft knows no others.
func aggregate(lists map[string]*shard, uri string) (*Object, error) {
	uris := make([]string, 0, len(lists))
	for _, s := range lists {
		if s.list.Kind != KindIdentifier {
			uris = append(uris, s.list.URI)
		}
	}
	slices.Sort(uris)
	body, err := json.Marshal(map[string][]string{"status_lists": uris})
	if err != nil {
		return nil, fmt.Errorf("encoding the aggregation: %w", err)
	}
	o := newObject(body, MediaTypeAggregation)
	o.URI = uri
	return o, nil
}
