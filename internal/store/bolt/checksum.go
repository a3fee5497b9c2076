package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// sealSize is the length of the checksum behind every value.
const sealSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealOf is a CRC-32C over bucket, key and value: a bit that turned in any of
// them, a value that came to another key, a page that came to another bucket
// are seen. It guards against faults of the disk, not against a writer.
func sealOf(b bucketID, key, value []byte) uint32 {
	head := [3]byte{byte(b), byte(len(key)), byte(len(key) >> 8)}
	c := crc32.Update(0, castagnoli, head[:])
	return crc32.Update(crc32.Update(c, castagnoli, key), castagnoli, value)
}

// seal gives the value with its checksum, in place when there is room.
func seal(b bucketID, key, value []byte) []byte {
	return binary.LittleEndian.AppendUint32(value, sealOf(b, key, value))
}

// damage is the panic of a read that does not hold together. It ends the
// operation: isolated and view turn it into ErrDamaged.
type damage struct {
	bucket bucketID
	cause  any
}

func (d damage) Error() string { return fmt.Sprintf("bucket %s: %v", d.bucket, d.cause) }

// unsealed checks a value as it lies in the file and gives it without its
// checksum, never nil.
func unsealed(b bucketID, key, sealed []byte) []byte {
	n := len(sealed) - sealSize
	if n < 0 || binary.LittleEndian.Uint32(sealed[n:]) != sealOf(b, key, sealed[:n]) {
		panic(damage{b, "a checksum is wrong"})
	}
	return sealed[:n:n]
}

// walker is a cursor that believes nothing: checksums of what it meets, the
// order of keys, and that the library below it does not stumble.
type walker struct {
	bucket bucketID
	cursor *bbolt.Cursor
	last   []byte // key before
}

// stumbled turns the library's own panics, and faults of the mapping, into
// damage.
func stumbled(b bucketID) {
	if p := recover(); p != nil {
		if d, ok := p.(damage); ok {
			panic(d)
		}
		panic(damage{b, p})
	}
}

func newWalker(b bucketID, bucket *bbolt.Bucket) *walker {
	return &walker{bucket: b, cursor: bucket.Cursor()}
}

// find gives the value of a key, nil when there is none. That there is none is
// believed only between two neighbours that hold: a key that was damaged is
// one of them.
func (w *walker) find(key []byte) []byte {
	defer stumbled(w.bucket)
	k, v := w.cursor.Seek(key)
	if k != nil {
		if v = unsealed(w.bucket, k, v); bytes.Equal(k, key) {
			return v
		}
		if bytes.Compare(k, key) < 0 {
			panic(damage{w.bucket, "keys out of order"})
		}
	}
	if k, v = w.cursor.Prev(); k != nil {
		unsealed(w.bucket, k, v)
		if bytes.Compare(k, key) >= 0 {
			panic(damage{w.bucket, "keys out of order"})
		}
	}
	return nil
}

// seek goes to the first key that is not below from.
func (w *walker) seek(from []byte) (key, value []byte) {
	defer stumbled(w.bucket)
	key, value = w.cursor.Seek(from)
	if key == nil {
		return nil, nil
	}
	w.last = key
	return key, unsealed(w.bucket, key, value)
}

func (w *walker) next() (key, value []byte) {
	defer stumbled(w.bucket)
	key, value = w.cursor.Next()
	if key == nil {
		return nil, nil
	}
	if bytes.Compare(w.last, key) >= 0 {
		panic(damage{w.bucket, "keys out of order"})
	}
	w.last = key
	return key, unsealed(w.bucket, key, value)
}

// before goes to the last key that is below until; nil is the end.
func (w *walker) before(until []byte) (key, value []byte) {
	defer stumbled(w.bucket)
	if until == nil {
		key, value = w.cursor.Last()
	} else {
		w.cursor.Seek(until)
		key, value = w.cursor.Prev()
	}
	if key == nil {
		return nil, nil
	}
	w.last = key
	return key, unsealed(w.bucket, key, value)
}

func (w *walker) previous() (key, value []byte) {
	defer stumbled(w.bucket)
	key, value = w.cursor.Prev()
	if key == nil {
		return nil, nil
	}
	if bytes.Compare(w.last, key) <= 0 {
		panic(damage{w.bucket, "keys out of order"})
	}
	w.last = key
	return key, unsealed(w.bucket, key, value)
}
