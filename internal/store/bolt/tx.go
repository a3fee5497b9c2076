package bolt

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// tx is what one operation sees: the transaction below it, and on top what it
// has written itself, which reaches the transaction only by flush.
type tx struct {
	below  *bbolt.Tx
	writes []write
	latest map[string]int // bucket and key -> index in writes
}

type write struct {
	bucket     string
	key, value []byte // value nil: deleted
}

func newTx(below *bbolt.Tx) *tx { return &tx{below: below, latest: map[string]int{}} }

// get gives a value that holds until the operation ends, nil when there is
// none.
func (t *tx) get(bucket string, key []byte) []byte {
	if i, ok := t.latest[bucket+"\x00"+string(key)]; ok {
		return t.writes[i].value
	}
	return t.below.Bucket([]byte(bucket)).Get(key)
}

func (t *tx) has(bucket string, key []byte) bool { return t.get(bucket, key) != nil }

func (t *tx) put(bucket string, key, value []byte) {
	if len(value) == 0 {
		value = []byte{1} // nothing but that it is there
	}
	t.set(write{bucket, key, value})
}

func (t *tx) delete(bucket string, key []byte) { t.set(write{bucket, key, nil}) }

func (t *tx) set(w write) {
	t.latest[w.bucket+"\x00"+string(w.key)] = len(t.writes)
	t.writes = append(t.writes, w)
}

// putRecord encodes and puts a record.
func (t *tx) putRecord(bucket string, key []byte, v any) error {
	value, err := encode(v)
	if err != nil {
		return err
	}
	t.put(bucket, key, value)
	return nil
}

// record decodes a record into v and reports whether there is one.
func (t *tx) record(bucket string, key []byte, v any) (bool, error) {
	value := t.get(bucket, key)
	if value == nil {
		return false, nil
	}
	return true, decode(value, v)
}

// scan calls each for every key below a prefix, in order. It must come before
// the operation's own writes to that bucket: those it would not see.
func (t *tx) scan(bucket string, prefix []byte, each func(key, value []byte) error) error {
	for _, w := range t.writes {
		if w.bucket == bucket {
			return fmt.Errorf("scanning %s after writing to it", bucket)
		}
	}
	return scan(t.below, bucket, prefix, each)
}

func scan(below *bbolt.Tx, bucket string, prefix []byte, each func(key, value []byte) error) error {
	c := below.Bucket([]byte(bucket)).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := each(k, v); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the buffer into the transaction.
func (t *tx) flush() error {
	for i, w := range t.writes {
		if t.latest[w.bucket+"\x00"+string(w.key)] != i {
			continue // overwritten by a later one
		}
		b := t.below.Bucket([]byte(w.bucket))
		var err error
		if w.value == nil {
			err = b.Delete(w.key)
		} else {
			err = b.Put(w.key, w.value)
		}
		if err != nil {
			return fmt.Errorf("writing to %s: %w", w.bucket, err)
		}
	}
	return nil
}
