package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// The pages of bbolt, format 2, as its README and its page.go describe them:
// id (8), flags (2), count (2), overflow (4), then elements of 16 octets, then
// keys and values without a gap. Numbers are in the byte order of the machine.
const (
	pageHeader  = 16
	pageElement = 16
	pageBranch  = 1
	pageLeaf    = 2
	pageFree    = 16
	bucketHead  = 16 // root page, sequence
	// maxDepth is above that of any tree of 2^64 pages that are half full.
	maxDepth = 32
	// maxNames is above what names of buckets overflow to, with small buckets
	// among them: a quarter of a page each.
	maxNames = uint64(bucketCount)
	// manyFree in count says that the first id is the count.
	manyFree = 0xffff
)

var (
	// errPage: what a page says of itself does not hold together.
	errPage = errors.New("a page is damaged")
	// errOvertaken: others have committed twice since the transaction began,
	// and its meta page is theirs now.
	errOvertaken = errors.New("the meta page was written anew")
)

// pageCheck reads the pages of one state with its own eyes: the library
// believes page numbers and counts, and would follow a wrong one anywhere.
type pageCheck struct {
	file  io.ReaderAt
	size  int
	high  uint64 // number of pages
	known []bool // pages that are used or free
	names bool   // what lies in the buckets' own pages is not looked at
}

// checkPages walks over every page of the state that a transaction sees: every
// one is used once or free, and says of itself what the page above says.
func checkPages(file io.ReaderAt, below *bbolt.Tx) error {
	c := &pageCheck{file: file, size: below.DB().Info().PageSize}
	free, err := c.tree(below)
	if err != nil {
		return err
	}
	if err := c.freelist(free); err != nil {
		return err
	}
	for id, known := range c.known {
		if !known {
			return fmt.Errorf("%w: nobody knows page %d", errPage, id)
		}
	}
	return nil
}

// checkNames walks over the pages that name the buckets, and small buckets,
// which lie among their names: the library copies those to memory of Go and
// follows what they say of themselves, whither no fault would tell.
func checkNames(file io.ReaderAt, below *bbolt.Tx) error {
	c := &pageCheck{file: file, size: below.DB().Info().PageSize, names: true}
	_, err := c.tree(below)
	return err
}

// tree walks over all that is in use, and says where the list of what is free
// begins.
func (c *pageCheck) tree(below *bbolt.Tx) (free uint64, err error) {
	root, free, err := c.meta(uint64(below.ID()))
	if err != nil {
		return 0, err
	}
	if root != uint64(below.Cursor().Bucket().Root()) || c.high != uint64(below.Size())/uint64(c.size) {
		return 0, errOvertaken // while it was read
	}
	c.known = make([]bool, c.high)
	c.known[0], c.known[1] = true, true
	return free, c.walk(root, nil, nil, 0, true)
}

// meta reads where the tree and the list of free pages begin. The library has
// verified its checksum.
func (c *pageCheck) meta(txid uint64) (root, free uint64, err error) {
	for i := range int64(2) {
		b := make([]byte, pageHeader+64)
		if _, err := c.file.ReadAt(b, i*int64(c.size)); err != nil {
			return 0, 0, err
		}
		// magic, version, page size, flags (4 each), root, sequence, free
		// list, high water, transaction (8 each).
		if m := b[pageHeader:]; binary.NativeEndian.Uint64(m[48:]) == txid {
			c.high = binary.NativeEndian.Uint64(m[40:])
			return binary.NativeEndian.Uint64(m[16:]), binary.NativeEndian.Uint64(m[32:]), nil
		}
	}
	return 0, 0, errOvertaken
}

// page reads a page with those that overflow from it, and claims them.
func (c *pageCheck) page(id uint64) ([]byte, error) {
	if id < 2 || id >= c.high {
		return nil, fmt.Errorf("%w: page %d of %d", errPage, id, c.high)
	}
	head := make([]byte, pageHeader)
	if _, err := c.file.ReadAt(head, int64(id)*int64(c.size)); err != nil {
		return nil, fmt.Errorf("%w: page %d: %w", errPage, id, err)
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || more >= c.high-id || c.names && more > maxNames {
		return nil, fmt.Errorf("%w: page %d says that it is another one", errPage, id)
	}
	for n := id; n <= id+more; n++ {
		if c.known[n] {
			return nil, fmt.Errorf("%w: page %d is used twice", errPage, n)
		}
		c.known[n] = true
	}
	b := make([]byte, (more+1)*uint64(c.size))
	if _, err := c.file.ReadAt(b, int64(id)*int64(c.size)); err != nil {
		return nil, fmt.Errorf("%w: page %d: %w", errPage, id, err)
	}
	return b, nil
}

// element is a key with a value, or with the page below it.
type element struct {
	flags uint32
	below uint64
	key   []byte
	value []byte
}

// elements reads those of a branch or leaf. Where they say that keys and
// values lie is where these must lie: one behind the other.
func elements(b []byte) ([]element, error) {
	flags, count := binary.NativeEndian.Uint16(b[8:]), int(binary.NativeEndian.Uint16(b[10:]))
	at := pageHeader + count*pageElement
	if flags != pageBranch && flags != pageLeaf || at > len(b) {
		return nil, errPage
	}
	all := make([]element, count)
	for i := range all {
		here := pageHeader + i*pageElement
		w := [4]uint32{}
		for n := range w {
			w[n] = binary.NativeEndian.Uint32(b[here+4*n:])
		}
		// leaf: flags, position, key size, value size; branch: position, key
		// size, page.
		e, position, key, value := &all[i], w[0], uint64(w[1]), uint64(0)
		if flags == pageLeaf {
			e.flags, position, key, value = w[0], w[1], uint64(w[2]), uint64(w[3])
		} else {
			e.below = binary.NativeEndian.Uint64(b[here+8:])
		}
		if here+int(position) != at || key+value > uint64(len(b)-at) {
			return nil, errPage
		}
		e.key, e.value = b[at:at+int(key)], b[at+int(key):at+int(key+value)]
		at += int(key + value)
	}
	return all, nil
}

// walk checks a tree: keys rise, and lie between those that the page above
// says. buckets tells that its values are buckets, and not ours.
func (c *pageCheck) walk(id uint64, from, until []byte, depth int, buckets bool) error {
	b, err := c.page(id)
	if err != nil {
		return err
	}
	all, err := elements(b)
	// A bucket without keys lies in its element: a page that counts none hides
	// what it has; a file that names none is another program's, and not ours to
	// judge.
	if err != nil || depth > maxDepth || len(all) == 0 && !(c.names && depth == 0) {
		return fmt.Errorf("%w: page %d", errPage, id)
	}
	for i, e := range all {
		if i > 0 {
			from = all[i-1].key
		}
		if order := bytes.Compare(e.key, from); order < 0 || order == 0 && i > 0 || until != nil && bytes.Compare(e.key, until) >= 0 {
			return fmt.Errorf("%w: keys of page %d", errPage, id)
		}
		switch {
		case e.below != 0:
			end := until
			if i+1 < len(all) {
				end = all[i+1].key
			}
			err = c.walk(e.below, e.key, end, depth+1, buckets)
		case buckets:
			err = c.bucket(e)
		case e.flags != 0:
			err = fmt.Errorf("%w: page %d has a bucket", errPage, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket checks one bucket, which lies in its element when it is small.
func (c *pageCheck) bucket(e element) error {
	if e.flags != 1 || len(e.value) < bucketHead {
		return fmt.Errorf("%w: no bucket", errPage)
	}
	if root := binary.NativeEndian.Uint64(e.value); root != 0 {
		if len(e.value) != bucketHead {
			return fmt.Errorf("%w: bucket", errPage)
		}
		if c.names {
			return nil
		}
		return c.walk(root, nil, nil, 0, false)
	}
	inline := e.value[bucketHead:]
	if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != pageLeaf {
		return fmt.Errorf("%w: bucket", errPage)
	}
	all, err := elements(inline)
	for i := range all {
		if all[i].flags != 0 || i > 0 && bytes.Compare(all[i-1].key, all[i].key) >= 0 {
			err = errPage
		}
	}
	if err != nil || len(all) == 0 && len(inline) != pageHeader {
		return fmt.Errorf("%w: bucket", errPage)
	}
	return nil
}

// freelist claims the free pages.
func (c *pageCheck) freelist(id uint64) error {
	b, err := c.page(id)
	if err != nil {
		return err
	}
	count, at := uint64(binary.NativeEndian.Uint16(b[10:])), uint64(pageHeader)
	if count == manyFree {
		count, at = binary.NativeEndian.Uint64(b[at:]), at+8
	}
	if binary.NativeEndian.Uint16(b[8:]) != pageFree || count > (uint64(len(b))-at)/8 {
		return fmt.Errorf("%w: list of free pages", errPage)
	}
	for ; count > 0; count, at = count-1, at+8 {
		free := binary.NativeEndian.Uint64(b[at:])
		if free < 2 || free >= c.high || c.known[free] {
			return fmt.Errorf("%w: page %d is not free", errPage, free)
		}
		c.known[free] = true
	}
	return nil
}
