package invariants

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
)

// lines is the audit record, read once. What it says of an event or a batch
// is found by line number, from 1.
type lines struct {
	head   audit.Head
	broken error
	hashes [][32]byte // leaf of each line in the tree

	accepted []acceptance      // in order
	events   map[string][]int  // source \0 jti -> lines that accept it
	intent   map[string][]int  // batch -> lines
	done     map[string][]int  // batch -> lines
	failed   map[string][]int  // batch -> lines
	digests  map[string]string // digest of what was released -> batch
	signed   map[string]signature
}

// signature is what a completion says of who signed a batch.
type signature struct {
	key string
	at  time.Time
}

type acceptance struct {
	source, jti string
	line        int
}

func readLines(raw [][]byte) lines {
	l := lines{events: map[string][]int{}, intent: map[string][]int{}, done: map[string][]int{}, failed: map[string][]int{}, digests: map[string]string{}, signed: map[string]signature{}}
	for i, text := range raw {
		l.hashes = append(l.hashes, leafHash(text))
		e, next, err := l.head.Follow(text)
		if err != nil {
			if l.broken == nil {
				l.broken = err
			}
			continue
		}
		l.head = next
		n, batch := i+1, e.Detail["batch"]
		switch e.Action {
		case "registry.accept":
			key := e.Actor + "\x00" + e.Detail["event"]
			l.events[key] = append(l.events[key], n)
			l.accepted = append(l.accepted, acceptance{e.Actor, e.Detail["event"], n})
		case "credential.sign":
			switch e.Outcome {
			case audit.Intent:
				l.intent[batch] = append(l.intent[batch], n)
			case audit.Done:
				l.done[batch] = append(l.done[batch], n)
				l.digests[e.Detail["digest"]] = batch
				l.signed[batch] = signature{e.Detail["key"], e.Time}
			case audit.Failed:
				l.failed[batch] = append(l.failed[batch], n)
			}
		}
	}
	return l
}

// chain is I6.
func (x *examination) chain(r *Result) {
	r.Seen = len(x.Lines)
	if x.line.broken != nil {
		r.bad("%v", x.line.broken)
		return
	}
	size := uint64(len(x.Lines))
	b := x.before()
	kept, restored := x.restored()
	switch {
	case restored && kept < b.AuditSize: // what came after is lost, and that is declared
	case size < b.AuditSize:
		r.bad("the record has %d lines, it had %d", size, b.AuditSize)
	case b.AuditSize > 0:
		if h := sha256.Sum256(x.Lines[b.AuditSize-1]); hex.EncodeToString(h[:]) != b.AuditHash {
			r.bad("line %d is not what it was", b.AuditSize)
		}
	}
	x.memory.AuditSize = size
	if size > 0 {
		h := sha256.Sum256(x.Lines[size-1])
		x.memory.AuditHash = hex.EncodeToString(h[:])
	}
	for _, from := range x.Checkpoints {
		last, lost := uint64(0), restoredIn(from)
		for i, token := range from {
			last = x.checkpoint(r, token, last, lost[i])
		}
	}
}

// checkpointClaims are what is held against the record.
type checkpointClaims struct {
	Size uint64 `json:"size"`
	Root string `json:"root"`
	// Kept is how many lines the record before had in common with this one,
	// when it was put back from a backup.
	Kept *uint64 `json:"restored"`
}

// restored tells whether a checkpoint declares that the record was put back
// from a backup, and how many lines of the one before it kept.
func (x *examination) restored() (kept uint64, ok bool) {
	for _, from := range x.Checkpoints {
		for _, token := range from {
			var c checkpointClaims
			s, err := jose.Parse(token)
			if err == nil && jose.DecodeJSON(s.Payload, &c) == nil && c.Kept != nil && x.signed(s) == nil && (!ok || *c.Kept < kept) {
				kept, ok = *c.Kept, true
			}
		}
	}
	return kept, ok
}

// restoredIn gives, for each checkpoint of a file, over how many lines those
// before a later restore are not asked after any more; ^0 when there was none.
func restoredIn(from []string) []uint64 {
	out, kept := make([]uint64, len(from)), ^uint64(0)
	for i := len(from) - 1; i >= 0; i-- {
		out[i] = kept
		var c checkpointClaims
		if s, err := jose.Parse(from[i]); err == nil && jose.DecodeJSON(s.Payload, &c) == nil && c.Kept != nil {
			kept = min(kept, *c.Kept)
		}
	}
	return out
}

// checkpoint holds one against the record, and gives its size. One over more
// lines than kept speaks of what a restore after it lost.
func (x *examination) checkpoint(r *Result, token string, last, kept uint64) uint64 {
	r.Seen++
	s, err := jose.Parse(token)
	if err != nil {
		r.bad("checkpoint: %v", err)
		return last
	}
	var c checkpointClaims
	if err := jose.DecodeJSON(s.Payload, &c); err != nil {
		r.bad("checkpoint: %v", err)
		return last
	}
	if err := x.signed(s); err != nil {
		r.bad("checkpoint of size %d: %v", c.Size, err)
	}
	if c.Size > kept {
		return last
	}
	switch {
	case c.Size < last:
		r.bad("a checkpoint of size %d follows one of size %d", c.Size, last)
	case c.Size > uint64(len(x.line.hashes)):
		r.bad("a checkpoint speaks of %d lines, the record has %d", c.Size, len(x.line.hashes))
	case c.Root != jose.EncodeBase64URL(rootOf(x.line.hashes[:c.Size])):
		r.bad("the checkpoint of size %d is of another record", c.Size)
	}
	return c.Size
}

// signed verifies a checkpoint: by the certificate that it brings, else by the
// one of the office, which leads to the root over checkpoints.
func (x *examination) signed(s *jose.Signed) error {
	chain := s.Header.X5C
	if len(chain) == 0 && x.Checkpointer != nil {
		chain = [][]byte{x.Checkpointer.Raw}
	}
	leaf, err := leafUnder(x.Operations, chain)
	if err != nil {
		return err
	}
	return s.Verify(leaf.PublicKey)
}

// leafHash and rootOf are the Merkle tree of RFC 9162, section 2.1.1, written
// out: the record's own tree is kept by other code.
func leafHash(line []byte) [32]byte { return sha256.Sum256(append([]byte{0}, line...)) }

func rootOf(leaves [][32]byte) []byte {
	switch len(leaves) {
	case 0:
		h := sha256.Sum256(nil)
		return h[:]
	case 1:
		return leaves[0][:]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	node := append([]byte{1}, rootOf(leaves[:k])...)
	h := sha256.Sum256(append(node, rootOf(leaves[k:])...))
	return h[:]
}
