package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// tx is what steps see: the transaction below it, and on top what the steps of
// this transaction have written, which reaches the transaction below sorted and
// once a key, by flush. A step that refuses is taken back by revert.
type tx struct {
	below   *bbolt.Tx
	buckets [bucketCount]*bbolt.Bucket
	finders [bucketCount]walker            // of get, each used again and again
	over    [bucketCount]map[string][]byte // value nil: deleted
	dirty   [bucketCount]int               // writes of the present step
	undo    []former                       // of the present step
	fault   error                          // first write of the present step that cannot be
	size    int                            // octets of keys and values written
	poured  int                            // keys in no order that are below already
}

// former is what a key had before the present step wrote to it.
type former struct {
	bucket bucketID
	known  bool // it was in over
	key    string
	value  []byte
}

func newTx(below *bbolt.Tx) *tx { return &tx{below: below} }

// keptKeys is up to how many keys of a bucket a map is used again.
const keptKeys = 8192

// again makes t ready for another transaction.
func (t *tx) again(below *bbolt.Tx) {
	for b := range bucketCount {
		t.empty(b)
	}
	t.keep()
	t.below, t.buckets, t.finders, t.size, t.poured = below, [bucketCount]*bbolt.Bucket{}, [bucketCount]walker{}, 0, 0
}

func (t *tx) bucket(b bucketID) *bbolt.Bucket {
	if t.buckets[b] == nil {
		t.buckets[b] = openBelow(t.below, b)
	}
	return t.buckets[b]
}

func openBelow(below *bbolt.Tx, b bucketID) *bbolt.Bucket {
	defer stumbled(b)
	bucket := below.Bucket([]byte(bucketNames[b]))
	if bucket == nil {
		panic(damage{b, "it is gone"})
	}
	if below.Writable() && appending[b] {
		bucket.FillPercent = 0.95
	}
	return bucket
}

// empty forgets what was written above a bucket. To walk over a map costs what
// it once held: a large one is not kept.
func (t *tx) empty(b bucketID) {
	if len(t.over[b]) > keptKeys {
		t.over[b] = nil
	}
	clear(t.over[b])
}

// get gives a value that holds until the transaction ends and is not to be
// written to, nil when there is none.
func (t *tx) get(b bucketID, key []byte) []byte {
	if v, ok := t.over[b][string(key)]; ok {
		return v
	}
	w := &t.finders[b]
	if w.cursor == nil {
		*w = walker{bucket: b, cursor: t.bucket(b).Cursor()}
	}
	return w.find(key)
}

func (t *tx) has(b bucketID, key []byte) bool { return t.get(b, key) != nil }

// put keeps value, and what lies behind it up to its capacity: neither is to be
// written to afterwards.
func (t *tx) put(b bucketID, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	if len(key) == 0 || len(key) > bbolt.MaxKeySize {
		t.fault = errors.Join(t.fault, fmt.Errorf("a key of %d octets for %s", len(key), b))
		return
	}
	t.set(b, key, value)
}

func (t *tx) delete(b bucketID, key []byte) {
	if len(key) > 0 {
		t.set(b, key, nil)
	}
}

func (t *tx) set(b bucketID, key, value []byte) {
	m := t.over[b]
	if m == nil {
		m = map[string][]byte{}
		t.over[b] = m
	}
	k := string(key)
	before, known := m[k]
	t.undo = append(t.undo, former{b, known, k, before})
	m[k] = value
	t.dirty[b]++
	t.size += len(key) + len(value)
}

// need is how many octets the transaction may take on the disk: twice what is
// written, since pages are not full, and for each key that has no order a page
// that is written anew; and what lies above.
func (t *tx) need() uint64 {
	pages := t.poured
	for b := range t.over {
		if !appending[b] {
			pages += len(t.over[b])
		}
	}
	return 2*uint64(t.size) + 4096*uint64(pages) + 1<<20
}

// keep ends a step and keeps what it wrote.
func (t *tx) keep() {
	clear(t.undo)
	t.undo, t.dirty, t.fault = t.undo[:0], [bucketCount]int{}, nil
}

// revert ends a step and takes back what it wrote.
func (t *tx) revert() {
	for _, f := range slices.Backward(t.undo) {
		if f.known {
			t.over[f.bucket][f.key] = f.value
		} else {
			delete(t.over[f.bucket], f.key)
		}
	}
	t.keep()
}

// putRecord encodes and puts a record.
func (t *tx) putRecord(b bucketID, key []byte, v any) error {
	value, err := encode(v)
	if err != nil {
		return err
	}
	t.put(b, key, value)
	return nil
}

// record decodes a record into v and reports whether there is one.
func (t *tx) record(b bucketID, key []byte, v any) (bool, error) {
	value := t.get(b, key)
	if value == nil {
		return false, nil
	}
	return true, decode(value, v)
}

// errEnough ends a walk without being an error of it.
var errEnough = errors.New("enough")

// errScan: a mistake of ours.
var errScan = errors.New("walking over a bucket after writing to it")

// settle brings what earlier steps wrote to a bucket into the transaction
// below, so that a walk over it sees them. A walk must come before the step's
// own writes to that bucket.
func (t *tx) settle(b bucketID) error {
	if t.dirty[b] > 0 {
		return fmt.Errorf("%w: %s", errScan, b)
	}
	return t.pour(b)
}

// scan calls each for every key below a prefix, in order, until errEnough.
func (t *tx) scan(b bucketID, prefix []byte, each func(key, value []byte) error) error {
	return t.scanFrom(b, prefix, prefix, each)
}

// scanFrom calls each for the keys of a prefix that are not below from.
func (t *tx) scanFrom(b bucketID, prefix, from []byte, each func(key, value []byte) error) error {
	if err := t.settle(b); err != nil {
		return err
	}
	w := newWalker(b, t.bucket(b))
	for k, v := w.seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = w.next() {
		if err := each(k, v); err != nil {
			if err == errEnough {
				return nil
			}
			return err
		}
	}
	return nil
}

// scanUntil calls each for the keys of a bucket that begin with a moment not
// after at.
func (t *tx) scanUntil(b bucketID, at uint64, each func(moment uint64, rest []byte) error) error {
	end := number(at)
	return t.scan(b, nil, func(key, _ []byte) error {
		if bytes.Compare(key[:8], end) > 0 {
			return errEnough
		}
		return each(toNumber(key[:8]), key[8:])
	})
}

// scanBack calls each for the keys of a prefix that are below until, from the
// last to the first.
func (t *tx) scanBack(b bucketID, prefix, until []byte, each func(key, value []byte) error) error {
	if err := t.settle(b); err != nil {
		return err
	}
	w := newWalker(b, t.bucket(b))
	for k, v := w.before(until); k != nil && bytes.HasPrefix(k, prefix); k, v = w.previous() {
		if err := each(k, v); err != nil {
			if err == errEnough {
				return nil
			}
			return err
		}
	}
	return nil
}

// pour writes one bucket's part into the transaction below.
func (t *tx) pour(b bucketID) (err error) {
	if len(t.over[b]) == 0 {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("writing to %s: %v", b, p)
		}
	}()
	bucket := t.bucket(b)
	for _, k := range slices.Sorted(maps.Keys(t.over[b])) {
		key, value := []byte(k), t.over[b][k]
		if value == nil {
			err = bucket.Delete(key)
		} else {
			err = bucket.Put(key, seal(b, key, value))
		}
		if err != nil {
			return fmt.Errorf("writing to %s: %w", b, err)
		}
	}
	if !appending[b] {
		t.poured += len(t.over[b])
	}
	t.empty(b)
	return nil
}

// flush writes everything into the transaction below.
func (t *tx) flush() error {
	for b := range bucketCount {
		if err := t.pour(b); err != nil {
			return err
		}
	}
	return nil
}
