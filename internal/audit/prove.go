package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"vidimus/internal/jose"
)

// Refusals of proofs.
var (
	// ErrNotSigned: no checkpoint is over this line yet, or there is none such.
	ErrNotSigned = errors.New("no checkpoint is over this line")
	// ErrProof: a proof does not prove what it says.
	ErrProof = errors.New("the proof does not hold")
)

const (
	// maxProof bounds the JSON of a proof: a line with every byte escaped.
	maxProof = 8 * MaxLine
	// maxPath is the height of the largest tree.
	maxPath = 64
)

// Proof shows that a line stands in a record, to whoever has the checkpoint
// key and nothing else of the office. Its JSON is what is handed out.
type Proof struct {
	Seq        uint64   `json:"seq"`
	Line       string   `json:"line"`   // as it stands in the record, without newline
	Hashes     []string `json:"hashes"` // base64url; the path of RFC 6962, section 2.1.1
	Checkpoint string   `json:"checkpoint"`
}

// ParseProof reads the JSON of a proof; it says nothing of its truth. Errors
// match ErrProof.
func ParseProof(data []byte) (Proof, error) {
	var p Proof
	if err := jose.DecodeJSONLimit(data, &p, maxProof); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return p, nil
}

// Prove makes the proof of a line under the last checkpoint. ErrNotSigned.
func (t *Tree) Prove(ctx context.Context, seq uint64) (Proof, error) {
	last, err := t.lastKept(ctx)
	if err != nil {
		return Proof{}, err
	}
	if seq == 0 || seq > last.Size {
		return Proof{}, fmt.Errorf("%w: line %d, the last checkpoint is over %d", ErrNotSigned, seq, last.Size)
	}
	p := Proof{Seq: seq, Checkpoint: last.Token, Hashes: []string{}}
	err = t.cfg.Store.AuditLines(ctx, seq, 1, func(_ uint64, line []byte) error {
		p.Line = string(line)
		return nil
	})
	if err != nil {
		return Proof{}, fmt.Errorf("reading the audit record: %w", err)
	}
	path, err := tlog.ProveRecord(int64(last.Size), int64(seq)-1, t.reader(ctx))
	if err != nil {
		return Proof{}, fmt.Errorf("reading the tree of the audit record: %w", err)
	}
	for _, h := range path {
		p.Hashes = append(p.Hashes, jose.EncodeBase64URL(h[:]))
	}
	// A record that was tampered with proves nothing: said here, not by whoever
	// is handed the proof.
	if _, _, err := VerifyProof(p, t.keys); err != nil {
		return Proof{}, fmt.Errorf("%w: line %d: %w", ErrCheckpoint, seq, err)
	}
	return p, nil
}

// VerifyProof checks a proof against the keys of checkpoints and gives the
// event and the checkpoint. It says nothing of the lines before. Errors match
// ErrProof or ErrToken.
func VerifyProof(p Proof, keys CheckpointKeys) (Event, Checkpoint, error) {
	c, err := keys.Parse(p.Checkpoint)
	if err != nil {
		return Event{}, Checkpoint{}, err
	}
	refuse := func(format string, args ...any) (Event, Checkpoint, error) {
		return Event{}, Checkpoint{}, fmt.Errorf("%w: "+format, append([]any{ErrProof}, args...)...)
	}
	if p.Seq == 0 || p.Seq > c.Size {
		return refuse("line %d is not under a checkpoint over %d", p.Seq, c.Size)
	}
	if len(p.Hashes) > maxPath {
		return refuse("more than %d hashes", maxPath)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, text := range p.Hashes {
		raw, err := jose.DecodeBase64URL(text)
		if err != nil || len(raw) != tlog.HashSize {
			return refuse("hash %d is none", i+1)
		}
		path[i] = tlog.Hash(raw)
	}
	if err := tlog.CheckRecord(path, int64(c.Size), c.Root, int64(p.Seq)-1, tlog.RecordHash([]byte(p.Line))); err != nil {
		return refuse("line %d is not the one under the checkpoint", p.Seq)
	}
	e, err := alone([]byte(p.Line), p.Seq)
	if err != nil {
		return refuse("%w", err)
	}
	return e, c, nil
}

// alone reads a line without the one before it.
func alone(raw []byte, seq uint64) (Event, error) {
	if len(raw) > MaxLine {
		return Event{}, fmt.Errorf("%w: line %d is longer than %d bytes", ErrChain, seq, MaxLine)
	}
	var l line
	if err := jose.DecodeJSON(raw, &l); err != nil {
		return Event{}, fmt.Errorf("%w: line %d: %w", ErrChain, seq, err)
	}
	before := Head{Seq: seq - 1}
	if prev, err := hex.DecodeString(l.Prev); err == nil {
		copy(before.Hash[:], prev)
	}
	e, _, err := before.Follow(raw)
	return e, err
}
