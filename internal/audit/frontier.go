package audit

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of a Merkle tree (RFC 6962, section 2.1): the
// roots of its complete subtrees, the largest first. Nothing else is needed to
// append, and to know the root.
type frontier struct {
	size  int64
	roots []tlog.Hash
	leaf  []byte // scratch
}

// add appends a leaf and gives the hashes that are to be stored for it, in the
// order of tlog.StoredHashes.
func (f *frontier) add(out [][32]byte, line []byte) [][32]byte {
	f.leaf = append(append(f.leaf[:0], 0), line...) // tlog.RecordHash, without its allocations
	h := tlog.Hash(sha256.Sum256(f.leaf))
	out = append(out, h)
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.roots) - 1
		h = tlog.NodeHash(f.roots[last], h)
		f.roots = f.roots[:last]
		out = append(out, h)
	}
	f.roots = append(f.roots, h)
	f.size++
	return out
}

// root is the root of the tree; that of the empty tree is the hash of nothing.
func (f *frontier) root() tlog.Hash {
	if len(f.roots) == 0 {
		h, _ := tlog.TreeHash(0, nil) // reads no hash
		return h
	}
	h := f.roots[len(f.roots)-1]
	for i := len(f.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.roots[i], h)
	}
	return h
}

// readFrontier reads the edge of the tree of size lines.
func readFrontier(size int64, r tlog.HashReader) (frontier, error) {
	var indexes []int64
	for rest, n := size, int64(0); rest > 0; {
		level := bits.Len64(uint64(rest)) - 1
		indexes = append(indexes, tlog.StoredHashIndex(level, n>>level))
		n += 1 << level
		rest -= 1 << level
	}
	if len(indexes) == 0 {
		return frontier{}, nil
	}
	roots, err := r.ReadHashes(indexes)
	if err == nil && len(roots) != len(indexes) {
		err = ErrNoHash
	}
	if err != nil {
		return frontier{}, fmt.Errorf("reading the tree of the audit record: %w", err)
	}
	return frontier{size: size, roots: roots}, nil
}
