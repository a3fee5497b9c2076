package bolt

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"vidimus/internal/problem"
)

// ErrFull: the disk has no room for the write, or takes none at all. Nothing
// was begun: it is a refusal, of kind unavailable, and ends when there is room
// again.
var ErrFull = errors.New("no room on the disk: make some; nothing was written, and reading goes on")

// stRdonly is ST_RDONLY of statvfs.
const stRdonly = 1

// disk looks for room before each commit. An error of the commit itself does
// not tell whether it happened; this one comes before anything was written, so
// it does.
type disk struct {
	dir     string
	reserve uint64
	stat    func(dir string, into *syscall.Statfs_t) error
}

func newDisk(path string, opts Options) *disk {
	return &disk{dir: filepath.Dir(path), reserve: opts.Reserve, stat: opts.Statfs}
}

// room refuses a transaction that writes at most need octets.
func (d *disk) room(need uint64) error {
	var fs syscall.Statfs_t
	if err := d.stat(d.dir, &fs); err != nil {
		return problem.Wrap(problem.Unavailable, fmt.Errorf("%w: %w", ErrFull, err), "try again later")
	}
	if free := fs.Bavail * uint64(fs.Bsize); fs.Flags&stRdonly != 0 || free < d.reserve+need {
		return problem.Wrap(problem.Unavailable, fmt.Errorf("%w (%d octets free, %d kept for others)", ErrFull, free, d.reserve), "try again later")
	}
	return nil
}

// Writable tells whether the store takes writes: ErrFull, ErrUnknown,
// ErrClosed or nil.
func (s *Store) Writable() error {
	s.writer.closing.RLock()
	closed := s.writer.closed
	s.writer.closing.RUnlock()
	switch {
	case closed:
		return ErrClosed
	case s.writer.broken.Load():
		return ErrUnknown
	}
	return s.writer.space(0)
}
