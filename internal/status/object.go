package status

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/statuslist"
)

// Object is one token as it is served. It is never changed: do not write to
// Body.
type Object struct {
	Body      []byte
	MediaType string
	// ETag is a strong entity tag, quotes included: it names these bytes.
	ETag     string
	URI      string
	Version  uint64
	IssuedAt time.Time
	Expires  time.Time
	TTL      time.Duration
}

func newObject(body []byte, mediaType string) *Object {
	digest := sha256.Sum256(body)
	return &Object{Body: body, MediaType: mediaType, ETag: `"` + jose.EncodeBase64URL(digest[:16]) + `"`}
}

// edition is one list as published: the same bits in both forms.
type edition struct {
	list     List
	bits     []byte // as set, before compression
	body     *statuslist.Body
	jwt, cwt *Object
}

// snapshot is everything that is served at one instant.
type snapshot struct {
	editions    map[string]*edition // by list id
	aggregation *Object
}

// newBits sets the revoked entries.
func newBits(indices []uint32) (*statuslist.List, error) {
	list, err := statuslist.New(1, ListSize)
	if err != nil {
		return nil, err
	}
	for _, i := range indices {
		if err := list.Set(uint64(i), statuslist.Invalid); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// covers reports whether every bit of old is set in bits too: what was
// published as INVALID stays so.
func covers(bits, old []byte) bool {
	if len(bits) < len(old) {
		return false
	}
	for i := range old {
		if old[i]&^bits[i] != 0 {
			return false
		}
	}
	return true
}

// aggregate is the list of lists (Token Status List, section 9).
func aggregate(editions map[string]*edition) (*Object, error) {
	uris := make([]string, 0, len(editions))
	for _, e := range editions {
		uris = append(uris, e.list.URI)
	}
	slices.Sort(uris)
	body, err := json.Marshal(map[string][]string{"status_lists": uris})
	if err != nil {
		return nil, fmt.Errorf("encoding the aggregation: %w", err)
	}
	return newObject(body, "application/json"), nil
}
