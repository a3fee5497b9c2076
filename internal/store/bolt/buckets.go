package bolt

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// The buckets. \0 stands in no part of a key that comes before another part:
// the services refuse it.
const (
	metaBucket = "meta" // schema, dev, audit head, open list

	subjectBucket = "subjects" // person -> document.Subject
	holderBucket  = "holders"  // document number -> person
	sourceBucket  = "sources"  // source -> last seq
	eventBucket   = "events"   // source \0 seq -> registry.EventRecord
	outcomeBucket = "outcomes" // source \0 jti -> outcomeValue
	pendingBucket = "pending"  // as outcomes, those that wait for a list -> nothing

	offerBucket = "offers"        // id -> issuance.OfferRecord
	nonceBucket = "nonces"        // digest -> nothing
	useBucket   = "uses"          // token id \0 configuration -> count
	batchBucket = "batches"       // batch -> batchValue
	copyBucket  = "copies"        // document \0 batch -> nothing
	saidBucket  = "wallet-events" // batch \0 event -> instant
	listBucket  = "lists"         // id -> listValue
	flipBucket  = "flips"         // list id \0 index -> version of the list since when

	grantBucket = "grants"     // code hash -> authserver.GrantRecord
	keyBucket   = "grant-keys" // caller's key -> code hash
	tokenBucket = "tokens"     // token hash -> authserver.TokenRecord
	seenBucket  = "seen"       // digest -> nothing

	expiryBucket = "expiry" // instant, letter of a bucket, key in it -> nothing
	auditBucket  = "audit"  // sequence number -> line
)

var buckets = []string{
	metaBucket, subjectBucket, holderBucket, sourceBucket, eventBucket, outcomeBucket, pendingBucket,
	offerBucket, nonceBucket, useBucket, batchBucket, copyBucket, saidBucket, listBucket, flipBucket,
	grantBucket, keyBucket, tokenBucket, seenBucket, expiryBucket, auditBucket,
}

// pair is a key of two parts.
func pair(first string, second []byte) []byte {
	return append(append([]byte(first), 0), second...)
}

// number is a uint64 as a key that sorts.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func toNumber(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// instant is a time as a key that sorts, to the second; times before 1970
// sort as 1970.
func instant(t time.Time) []byte { return number(uint64(max(t.Unix(), 0))) }

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	return b, nil
}

func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decoding a record: %w", err)
	}
	return nil
}
