package bolt

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// bucketID names a bucket. \0 stands in no part of a key that comes before
// another part: the services refuse it. Numbers and instants in keys are
// big-endian, so that keys sort as what they say.
type bucketID uint8

// The buckets.
const (
	metaBucket bucketID = iota // schema, dev, and what there is one of

	subjectBucket // person -> subjectValue
	imageBucket   // person \0 SHA-256 -> octets of an attribute
	holderBucket  // document number -> person
	agendaBucket  // instant, person -> nothing: when time changes a subject next

	sourceBucket  // source -> sourceValue
	jtiBucket     // source number, jti -> number of the event, digest of the token
	eventBucket   // number of the event -> eventValue
	outcomeBucket // number of the event -> outcome
	receiptBucket // source number, row -> receiptValue
	cursorBucket  // name -> number

	openBucket        // number of the event -> openValue: its outcome is not covered
	memberBucket      // number of the event -> the batches that it concerns, while open
	unpublishedBucket // number of the event -> nothing: all released, to be published
	untilBucket       // instant, number of the event -> nothing: all published, to expire

	offerBucket     // id -> issuance.OfferRecord
	nonceBucket     // digest -> nothing
	useBucket       // token id \0 configuration -> count
	voidBucket      // document number -> instant up to which grants are void
	walletBucket    // unit -> walletValue
	walletEndBucket // instant, number -> unit: those that may be forgotten
	batchBucket     // batch -> document number
	copyBucket      // document number \0 batch -> batchValue
	unitCopyBucket  // unit \0 document number \0 batch -> nothing
	batchEndBucket  // instant, number -> document number \0 batch: when copies expire
	saidBucket      // batch \0 event -> instant

	transactionBucket // id -> issuance.Transaction
	waitingBucket     // holder -> id of the transaction
	awaitingBucket    // instant, id of the transaction -> nothing: those that wait for a person's word

	listBucket     // number of the list -> listValue
	listIDBucket   // id of the list -> number
	listURIBucket  // number of the list -> URI, also when it is retired
	counterBucket  // number of the list -> counterValue
	expiringBucket // instant, number of the list -> how many copies that were not flipped expire then
	flipBucket     // number of the list, index -> flipValue
	dueBucket      // instant, number of the list, index -> nothing: flips not released

	noticeBucket        // number -> notice.Record
	noticeWaitingBucket // number -> instant of the next attempt
	personNoticeBucket  // person \0 number -> nothing

	importBucket // source \0 id -> bulk.Import

	linkBucket          // digest -> officer.Link
	sessionBucket       // digest -> officer.Session
	proposalBucket      // id -> officer.Proposal
	proposalOrderBucket // instant, id -> nothing
	officerEndBucket    // instant, letter of a bucket, key in it -> nothing

	grantBucket // code hash -> authserver.GrantRecord
	keyBucket   // caller's key -> code hash
	tokenBucket // token hash -> authserver.TokenRecord
	seenBucket  // digest -> nothing

	requestBucket // hash of the request_uri -> authserver.RequestRecord
	codeBucket    // code hash -> authserver.CodeRecord
	refreshBucket // token hash -> authserver.RefreshRecord
	revokedBucket // code hash of a grant -> nothing: what it gave is revoked

	revocationBucket     // digest -> citizen.Code
	revocationUnitBucket // person \0 unit -> digest
	revocationEndBucket  // instant, digest -> nothing

	markBucket // digest of a list's name -> issuance.ListMark

	readerBucket     // id -> fleet.Reader
	readerNameBucket // name -> id of who was invited last under it
	readerCodeBucket // digest of the code -> id, likewise
	readerEndBucket  // instant, id -> nothing: when a record may be forgotten

	planBucket      // id -> emergency.Plan
	concernedBucket // id of a plan \0 document number -> person, copies revoked, whether told
	stopBucket      // kind \0 value -> emergency.Stop

	expiryBucket // instant, letter of a bucket, key in it -> nothing
	auditBucket  // sequence number -> line
	treeBucket   // index of a stored hash -> hash

	bucketCount
)

var bucketNames = [bucketCount]string{
	"meta",
	"subjects", "images", "holders", "agenda",
	"sources", "jtis", "events", "outcomes", "receipts", "cursors",
	"open", "members", "unpublished", "until",
	"offers", "nonces", "uses", "voids", "wallets", "wallet-ends", "batches", "copies", "unit-copies", "batch-ends", "wallet-events",
	"transactions", "waiting", "awaiting",
	"lists", "list-ids", "list-uris", "counters", "expiring", "flips", "due",
	"notices", "notices-waiting", "person-notices",
	"imports",
	"links", "sessions", "proposals", "proposal-order", "officer-ends",
	"grants", "grant-keys", "tokens", "seen",
	"requests", "codes", "refreshes", "revoked",
	"revocations", "revocation-units", "revocation-ends",
	"list-marks",
	"readers", "reader-names", "reader-codes", "reader-ends",
	"emergencies", "emergency-documents", "stops",
	"expiry", "audit", "tree",
}

// younger are the buckets that Open adds to a file of before there were any.
var younger = []bucketID{markBucket, readerBucket, readerNameBucket, readerCodeBucket, readerEndBucket, planBucket, concernedBucket, stopBucket}

func (b bucketID) String() string { return bucketNames[b] }

// appending buckets get keys that only rise: their pages are filled.
var appending = [bucketCount]bool{
	eventBucket: true, outcomeBucket: true, receiptBucket: true, openBucket: true, memberBucket: true,
	noticeBucket: true, auditBucket: true, treeBucket: true,
}

// pair is a key of two parts.
func pair(first string, second []byte) []byte {
	key := make([]byte, 0, len(first)+1+len(second))
	return append(append(append(key, first...), 0), second...)
}

// number is a uint64 as a key.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), n) }

func toNumber(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// short is a uint32 as a key.
func short(n uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 0, 4), n) }

// moment is an instant in a key: nanoseconds since 1970. Times before sort as
// 1970, those after 2262 as 2262.
func moment(t time.Time) uint64 {
	switch {
	case t.Unix() < 0:
		return 0
	case t.Unix() > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	}
	return uint64(t.UnixNano())
}

// instant is a moment as a key.
func instant(t time.Time) []byte { return number(moment(t)) }

// after is a key of an instant and what lies then.
func after(at uint64, rest ...[]byte) []byte {
	key := number(at)
	for _, r := range rest {
		key = append(key, r...)
	}
	return key
}

func encode(v any) ([]byte, error) {
	if b, ok := packAuth(v); ok {
		return b, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	return b, nil
}

func decode(b []byte, v any) error {
	if known, err := unpackAuth(b, v); known {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decoding a record: %w", err)
	}
	return nil
}
