package signer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"vidimus/internal/audit"
	"vidimus/internal/signer/socket"
)

// actionContinued is the first line of a record that follows another.
const actionContinued = "record.continued"

// CutRecord puts the record away as a file, once it is verified whole, and begins the
// next one, whose first line names the end of it. No signer may run meanwhile.
func CutRecord(cfg Config, to string, opts Options) (audit.Head, error) {
	opts.fill()
	// Whoever has the socket has the record.
	l, err := socket.Listen(cfg.Path(cfg.Socket), -1)
	if err != nil {
		return audit.Head{}, err
	}
	defer l.Close()
	// And so that nobody writes the record past a socket elsewhere:
	old, torn, err := openRecord(&cfg)
	if err != nil {
		return audit.Head{}, err
	}
	defer old.file.Close()
	if torn > 0 {
		opts.Logger.Warn("the last line of the record was torn, as a crash leaves it: nothing was signed for it", "bytes", torn)
	}
	head, err := VerifyRecord(cfg)
	if err != nil {
		return head, err
	}
	if head.Seq == 0 {
		return head, errors.New("the record is empty")
	}
	path := cfg.Path(cfg.Audit)
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return head, err
	}
	f, _, err := audit.OpenFile(next, true, nil)
	if err != nil {
		return head, err
	}
	err = f.Append(context.Background(), audit.Event{Time: opts.Clock.Now(), Action: actionContinued, Actor: "signer audit cut", Subject: "record",
		Outcome: audit.Done, Detail: map[string]string{"previous": head.String()}})
	// What was signed last is known to whoever has this record alone.
	signed, lerr := listsOf(path)
	err = errors.Join(err, lerr)
	for _, what := range slices.Sorted(maps.Keys(signed)) {
		if err == nil {
			err = f.Append(context.Background(), signed[what].event(opts, "signer audit cut"))
		}
	}
	mark := f.Mark()
	if err = errors.Join(err, f.Close()); err != nil {
		return head, err
	}
	if err := os.Link(path, to); err != nil { // unlike Rename, refuses to replace
		return head, fmt.Errorf("putting the record away: %w: name a file that is not there, on the same disk", err)
	}
	if err := os.Rename(next, path); err != nil {
		return head, fmt.Errorf("beginning the next record: %w", err)
	}
	return head, writeMark(cfg.Path(cfg.Mark), mark)
}
