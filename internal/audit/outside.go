package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vidimus/internal/faults"
	"vidimus/internal/outfile"
)

// outside is a file of checkpoints that lies where whoever can write the
// database cannot: a token a line, appended to and never rewritten.
type outside struct{ path string }

// last reads the last whole checkpoint; none when there is no file or no line.
func (o outside) last(keys CheckpointKeys) (c Checkpoint, found bool, err error) {
	f, err := os.Open(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("opening a file of checkpoints: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c, false, fmt.Errorf("reading checkpoints: %w", err)
	}
	// Room for a whole line, its newline, the one before, and a torn tail.
	tail := make([]byte, min(info.Size(), 2*MaxCheckpoint+2))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return c, false, fmt.Errorf("reading checkpoints: %w", err)
	}
	whole := tail[:bytes.LastIndexByte(tail, '\n')+1]
	if len(whole) == 0 {
		if len(tail) > MaxCheckpoint {
			return c, false, fmt.Errorf("%s: the last checkpoint: %w: longer than %d bytes", o.path, ErrToken, MaxCheckpoint)
		}
		return c, false, nil
	}
	line := whole[:len(whole)-1]
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	if c, err = keys.Parse(string(line)); err != nil {
		return Checkpoint{}, false, fmt.Errorf("%s: the last checkpoint: %w", o.path, err)
	}
	return c, true, nil
}

// append adds a token, durably. What a crash left of a line is cut off: nobody
// has ever been told of it.
func (o outside) append(token string) (err error) {
	f, err := os.OpenFile(o.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening a file of checkpoints: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("writing a checkpoint: %w", cerr)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	size := info.Size()
	tail := make([]byte, min(size, MaxCheckpoint+1))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return fmt.Errorf("reading checkpoints: %w", err)
	}
	if torn := len(tail) - 1 - bytes.LastIndexByte(tail, '\n'); torn > MaxCheckpoint {
		return fmt.Errorf("%s: %w: more than a torn line at the end", o.path, ErrToken)
	} else if torn > 0 {
		if err := f.Truncate(size - int64(torn)); err != nil {
			return fmt.Errorf("cutting a torn line off a file of checkpoints: %w", err)
		}
	}
	if _, err := f.Write([]byte(token + "\n")); err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	faults.Point("audit.checkpoint-written")
	if err := f.Sync(); err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	if size == 0 {
		if err := outfile.SyncFolder(filepath.Dir(o.path)); err != nil {
			return fmt.Errorf("writing a checkpoint: %w", err)
		}
	}
	return nil
}
