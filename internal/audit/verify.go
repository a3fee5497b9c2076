package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Verified is what a record was found to be.
type Verified struct {
	Head        Head   // of the good part
	Signed      uint64 // lines under the largest checkpoint that agrees
	Checkpoints int    // that agree
	// Lost are checkpoints over lines that are gone since a backup was
	// restored, as a later checkpoint declares.
	Lost []Checkpoint
}

// VerifyRecord reads a whole record, compares it with signed checkpoints, and
// calls each (which may be nil) for every event. files are the checkpoints of
// one file each, in its order (CheckpointKeys.ReadCheckpoints).
//
// Errors name the first bad line. They match ErrChain when a line does not
// follow the one before it, ErrCheckpoint when the lines follow each other but
// are not those that were signed, or the checkpoints contradict each other,
// ErrTruncated when the record ends before a checkpoint does.
func VerifyRecord(r io.Reader, each func(seq uint64, e Event) error, files ...[]Checkpoint) (Verified, error) {
	c, err := newChecker(files)
	if err != nil {
		return Verified{}, err
	}
	err = readLines(r, 0, func(raw []byte) error {
		e, err := c.line(raw)
		if err == nil && each != nil {
			err = each(c.v.Head.Seq, e)
		}
		return err
	})
	if err != nil {
		return c.v, err
	}
	return c.v, c.end()
}

// checker goes along a record.
type checker struct {
	v        Verified
	edge     frontier
	hashes   [][32]byte   // scratch
	expected []Checkpoint // by rising size, those passed taken off
}

func newChecker(files [][]Checkpoint) (*checker, error) {
	c := &checker{}
	for n, file := range files {
		counting, lost, err := lineage(file)
		if err != nil {
			return nil, fmt.Errorf("file %d of checkpoints: %w", n+1, err)
		}
		c.expected = append(c.expected, counting...)
		c.v.Lost = append(c.v.Lost, lost...)
	}
	slices.SortStableFunc(c.expected, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	for i := 1; i < len(c.expected); i++ {
		a, b := c.expected[i-1], c.expected[i]
		switch {
		case a.Issuer != b.Issuer:
			return nil, fmt.Errorf("%w: checkpoints of two offices", ErrCheckpoint)
		case a.Size == b.Size && !a.agree(b):
			return nil, fmt.Errorf("%w: two checkpoints over %d lines say different things", ErrCheckpoint, a.Size)
		}
	}
	return c, nil
}

// line takes the next line of the record.
func (c *checker) line(raw []byte) (Event, error) {
	e, next, err := c.v.Head.Follow(raw)
	if err != nil {
		return Event{}, err
	}
	c.hashes = c.edge.add(c.hashes[:0], raw)
	for len(c.expected) > 0 && c.expected[0].Size == next.Seq {
		if want := c.expected[0]; want.Root != c.edge.root() || want.Head != next.Hash {
			return Event{}, fmt.Errorf("%w: the lines from %d to %d are not those of the checkpoint of %s", ErrCheckpoint, c.v.Signed+1, want.Size, want.Issued.Format("2006-01-02T15:04:05Z"))
		}
		c.v.Checkpoints++
		c.expected = c.expected[1:]
		if len(c.expected) == 0 || c.expected[0].Size > next.Seq {
			c.v.Signed = next.Seq
		}
	}
	c.v.Head = next
	return e, nil
}

// end says that there are no more lines.
func (c *checker) end() error {
	if len(c.expected) == 0 {
		return nil
	}
	last := c.expected[len(c.expected)-1]
	return fmt.Errorf("%w: line %d is the last, the checkpoint of %s is over %d", ErrTruncated, c.v.Head.Seq, last.Issued.Format("2006-01-02T15:04:05Z"), last.Size)
}

// Verify is VerifyRecord over the lines in the store, together with the last
// checkpoint that the store has itself. It may go on beside new lines, which
// it leaves out. Where the lines are not those that were signed and the stored
// tree still is the signed one, the error names the very line.
func (t *Tree) Verify(ctx context.Context, each func(seq uint64, e Event) error, files ...[]Checkpoint) (Verified, error) {
	last, err := t.lastKept(ctx)
	if err != nil {
		return Verified{}, err
	}
	lines, head, err := t.cfg.Store.AuditSize(ctx) // after it: lines may come between
	if err != nil {
		return Verified{}, fmt.Errorf("reading the audit record: %w", err)
	}
	if last.Size > 0 {
		files = append(slices.Clone(files), []Checkpoint{last})
	}
	c, err := newChecker(files)
	if err != nil {
		return Verified{}, err
	}
	for from := uint64(1); from <= lines; from = c.v.Head.Seq + 1 {
		err := t.cfg.Store.AuditLines(ctx, from, int(min(lines-from+1, growStep)), func(_ uint64, raw []byte) error {
			e, err := c.line(raw)
			if err == nil && each != nil {
				err = each(c.v.Head.Seq, e)
			}
			return err
		})
		switch {
		case errors.Is(err, ErrCheckpoint) || errors.Is(err, ErrChain):
			return c.v, t.locate(ctx, c, err)
		case err != nil:
			return c.v, err
		case c.v.Head.Seq+1 == from:
			return c.v, fmt.Errorf("%w: line %d is not there", ErrChain, from)
		}
	}
	if c.v.Head != head {
		return c.v, fmt.Errorf("%w: line %d is not the end that the record names", ErrChain, lines)
	}
	return c.v, c.end()
}

// locate finds the first line that is not the one in the signed tree, if the
// stored hashes are still those of the next checkpoint.
func (t *Tree) locate(ctx context.Context, c *checker, found error) error {
	if len(c.expected) == 0 {
		return found // after everything that was signed
	}
	want := c.expected[0]
	stored, err := readFrontier(int64(want.Size), t.reader(ctx))
	if err != nil || stored.root() != want.Root {
		return found // the tree was rewritten too
	}
	for seq := c.v.Signed + 1; seq <= want.Size; seq++ {
		leaf, err := t.reader(ctx).ReadHashes([]int64{tlog.StoredHashIndex(0, int64(seq)-1)})
		if err != nil {
			return found
		}
		same := false
		err = t.cfg.Store.AuditLines(ctx, seq, 1, func(_ uint64, raw []byte) error {
			same = tlog.RecordHash(raw) == leaf[0]
			return nil
		})
		if err != nil {
			return found
		}
		if !same {
			return fmt.Errorf("%w: line %d was changed or put there since", found, seq)
		}
	}
	return found
}
