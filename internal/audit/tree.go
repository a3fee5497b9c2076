package audit

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"vidimus/internal/clock"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
)

const (
	// DefaultInterval between checkpoints: what an insider can rewrite unseen
	// is what was written since the last one.
	DefaultInterval = time.Minute

	// lastWord is how long the checkpoint at the end of Run may take.
	lastWord = 10 * time.Second
)

// TreeConfig is what a Tree needs. Earlier, Interval and Alarm may be left out.
type TreeConfig struct {
	Issuer  string // issuer identifier of the office
	Store   TreeStore
	Signer  crypto.Signer  // for checkpoints alone
	Earlier CheckpointKeys // keys that signed before Signer did
	// Outside are the files to which checkpoints are appended: on another
	// disk, another machine, at an auditor's.
	Outside  []string
	Interval time.Duration
	Clock    clock.Clock
	Rand     io.Reader
	// Alarm is told of every failure of Run, and ErrBegun.
	Alarm func(error)
}

// Tree keeps the Merkle tree over a record and signs checkpoints of it. The
// store's transactions write lines alone; the tree follows. Safe for
// concurrent use; one at a time for a store.
type Tree struct {
	cfg     TreeConfig
	signer  *jose.Signer
	keys    CheckpointKeys
	outside []outside

	mu   sync.Mutex
	done uint64 // lines under a checkpoint that is everywhere where it should be
}

// NewTree checks the configuration; it reads and writes nothing yet.
func NewTree(cfg TreeConfig) (*Tree, error) {
	if cfg.Issuer == "" || cfg.Store == nil || cfg.Signer == nil || cfg.Clock == nil || cfg.Rand == nil {
		return nil, errors.New("audit: issuer, store, signer, clock and rand are required")
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Interval < 0 {
		return nil, errors.New("audit: the interval between checkpoints is negative")
	}
	if cfg.Alarm == nil {
		cfg.Alarm = func(error) {}
	}
	keys, err := NewCheckpointKeys(cfg.Signer.Public())
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	t := &Tree{cfg: cfg, keys: keys}
	for kid := range keys {
		if t.signer, err = jose.NewSigner(cfg.Signer, map[string]any{"typ": CheckpointType, "kid": kid}); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	maps.Copy(t.keys, cfg.Earlier)
	for _, path := range cfg.Outside {
		t.outside = append(t.outside, outside{path})
	}
	return t, nil
}

// Run makes a checkpoint at once, then at every interval when lines were added
// or the last time failed, and one at the end. It returns when ctx is done and
// the last checkpoint is made or has failed. Failures go to Alarm.
func (t *Tree) Run(ctx context.Context) {
	tick := time.NewTicker(t.cfg.Interval)
	defer tick.Stop()
	for {
		if err := t.keepUp(ctx); err != nil && ctx.Err() == nil {
			t.cfg.Alarm(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
			defer cancel()
			if err := t.keepUp(last); err != nil {
				t.cfg.Alarm(err)
			}
			return
		}
	}
}

// keepUp is Checkpoint when there is anything to do.
func (t *Tree) keepUp(ctx context.Context) error {
	lines, _, err := t.cfg.Store.AuditSize(ctx)
	if err != nil {
		return fmt.Errorf("reading the audit record: %w", err)
	}
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	if lines == done {
		return nil
	}
	_, err = t.Checkpoint(ctx)
	return err
}

// Checkpoint takes the lines that were added into the tree, signs what it then
// is, and hands that out: it is in the store first, then in every outside
// file. What a crash or a full disk kept from a file comes with the next call.
// An empty record has no checkpoint: the zero one.
//
// Before anything is signed, the tree must continue what the last checkpoint
// in the store and in each outside file says. If it does not, nothing is
// signed: ErrCheckpoint when the lines are others, ErrTruncated when there are
// fewer. The error names the file.
func (t *Tree) Checkpoint(ctx context.Context) (Checkpoint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.checkpoint(ctx, nil)
}

// DeclareRestore signs a checkpoint that says that the database was put back
// from a backup, which had the first kept lines of the record; what was
// restored must have one line more at least. Checkpoints over more lines than
// that are from then on known to speak of lines that were lost. A repeat
// changes nothing.
func (t *Tree) DeclareRestore(ctx context.Context, kept uint64) (Checkpoint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.checkpoint(ctx, &kept)
}

// known is a checkpoint and where it was found.
type known struct {
	Checkpoint
	where string
}

func (t *Tree) checkpoint(ctx context.Context, kept *uint64) (Checkpoint, error) {
	lines, head, err := t.cfg.Store.AuditSize(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading the audit record: %w", err)
	}
	last, err := t.lastKept(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	found, err := t.lastOutside()
	if err != nil {
		return Checkpoint{}, err
	}
	if lines == 0 && last.Size == 0 && len(found) == 0 {
		return Checkpoint{}, nil
	}
	before := make([]known, 0, len(found)+1)
	if last.Size > 0 {
		before = append(before, known{last, "the database"})
	}
	for _, f := range found {
		if kept == nil || f.Size <= *kept {
			before = append(before, f)
		}
	}
	for _, k := range before {
		if k.Size > lines {
			return Checkpoint{}, fmt.Errorf("%w: there are %d, the last checkpoint in %s is over %d", ErrTruncated, lines, k.where, k.Size)
		}
	}
	root, err := t.grow(ctx, lines, head)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, k := range before {
		if err := t.continues(ctx, k, lines, root, head); err != nil {
			return Checkpoint{}, err
		}
	}
	c := last
	if last.Size != lines {
		if c, err = t.sign(ctx, lines, head, root, kept); err != nil {
			return Checkpoint{}, err
		}
	} else if kept != nil && !(last.Restored && last.Kept == *kept) {
		return Checkpoint{}, fmt.Errorf("%w: the restored record has no line that says so", ErrCheckpoint)
	}
	if last.Size > 0 {
		t.missing(found)
	}
	return c, t.handOut(c, found)
}

// missing tells of each outside file that has no checkpoint though there were
// some: the next one makes it again, and from then on nothing is to be seen.
func (t *Tree) missing(found []known) {
	for _, o := range t.outside {
		if !slices.ContainsFunc(found, func(k known) bool { return k.where == o.path }) {
			t.cfg.Alarm(fmt.Errorf("%w: %s is begun with this checkpoint; unless it is newly configured, find out who removed it", ErrBegun, o.path))
		}
	}
}

// lastKept is the last checkpoint in the store.
func (t *Tree) lastKept(ctx context.Context) (Checkpoint, error) {
	size, token, err := t.cfg.Store.LastCheckpoint(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	if size == 0 {
		return Checkpoint{}, nil
	}
	c, err := t.keys.Parse(token)
	if err == nil && (c.Size != size || c.Issuer != t.cfg.Issuer) {
		err = fmt.Errorf("%w: of another size or office", ErrToken)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the last checkpoint in the database: %w", err)
	}
	return c, nil
}

func (t *Tree) lastOutside() ([]known, error) {
	var out []known
	for _, o := range t.outside {
		c, found, err := o.last(t.keys)
		switch {
		case err != nil:
			return nil, err
		case found && c.Issuer != t.cfg.Issuer:
			return nil, fmt.Errorf("%s: the last checkpoint: %w: of another office", o.path, ErrToken)
		case found:
			out = append(out, known{c, o.path})
		}
	}
	return out, nil
}

// sign makes a checkpoint and keeps it in the store.
func (t *Tree) sign(ctx context.Context, lines uint64, head Head, root tlog.Hash, kept *uint64) (Checkpoint, error) {
	c := Checkpoint{Issuer: t.cfg.Issuer, Issued: t.cfg.Clock.Now().UTC().Truncate(time.Second), Size: lines, Root: root, Head: head.Hash}
	if kept != nil {
		if *kept >= lines {
			return Checkpoint{}, fmt.Errorf("%w: the restored record has no line that says so", ErrCheckpoint)
		}
		c.Restored, c.Kept = true, *kept
	}
	if faults.Wrong("audit.checkpoint-other") {
		c.Root = tlog.Hash{}
	}
	if err := c.sign(t.signer, t.cfg.Rand); err != nil {
		return Checkpoint{}, err
	}
	faults.Point("audit.checkpoint-signed")
	if err := t.cfg.Store.PutCheckpoint(ctx, c.Size, c.Token); err != nil {
		return Checkpoint{}, fmt.Errorf("keeping a checkpoint: %w", err)
	}
	faults.Point("audit.checkpoint-kept")
	return c, nil
}

// handOut appends a checkpoint to the outside files that do not have it; one
// that cannot be written does not keep it from the others.
func (t *Tree) handOut(c Checkpoint, found []known) error {
	has := map[string]bool{}
	for _, k := range found {
		has[k.where] = k.Size == c.Size && k.agree(c)
	}
	var errs []error
	for _, o := range t.outside {
		if has[o.path] {
			continue
		}
		if err := o.append(c.Token); err != nil {
			errs = append(errs, err)
		}
		faults.Point("audit.checkpoint-appended")
	}
	if len(errs) == 0 {
		t.done = c.Size
	}
	return errors.Join(errs...)
}
