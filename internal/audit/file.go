package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// File is a record in one file, opened for this process alone. Without
// pseudonyms it takes no event about a person.
type File struct {
	mu      sync.Mutex // guards what follows
	f       *os.File
	names   Pseudonyms
	head    Head
	written uint64 // lines handed to the file
	broken  error

	syncing sync.Mutex // held by the one who waits for the disk
	synced  uint64     // lines known to be on it; guarded by syncing
}

// OpenFile opens or, with create, makes the record at path, mode 0600, after
// verifying the whole of it. A record that does not exist is an error without
// create: a missing record must not begin anew by itself.
//
// A last line without a newline is what a crash leaves of an event that nobody
// was told was recorded; it is cut off, and torn tells how many bytes it had,
// so that the caller can record that.
func OpenFile(path string, create bool, names Pseudonyms) (f *File, torn int64, err error) {
	flag := os.O_RDWR | os.O_APPEND
	if create {
		flag |= os.O_CREATE
	}
	file, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("opening the audit record: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	var good int64
	head, err := verifyFrom(Head{}, &countingReader{r: file, lines: &good}, nil)
	if errors.Is(err, errTorn) {
		size, serr := file.Seek(0, io.SeekEnd)
		if serr != nil {
			return nil, 0, serr
		}
		torn = size - good
		if err = file.Truncate(good); err != nil {
			return nil, 0, fmt.Errorf("cutting a torn line off the audit record: %w", err)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	if err = file.Sync(); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("syncing the audit record: %w", err)
	}
	return &File{f: file, names: names, head: head}, torn, nil
}

// Append writes the event and waits until it is on the disk. Those who wait at
// the same time share one fsync. After a failed write or fsync every further
// Append fails: what the file holds is then unknown.
func (w *File) Append(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e, err := Pseudonymise(e, w.names)
	if err != nil {
		return err
	}
	w.mu.Lock()
	if w.broken != nil {
		defer w.mu.Unlock()
		return w.broken
	}
	raw, next, err := w.head.Next(e)
	if err != nil {
		w.mu.Unlock()
		return err
	}
	if _, err := w.f.Write(append(raw, '\n')); err != nil {
		defer w.mu.Unlock()
		return w.fail(err)
	}
	w.head = next
	w.written++
	mine := w.written
	w.mu.Unlock()

	w.syncing.Lock()
	defer w.syncing.Unlock()
	if w.synced >= mine {
		return nil
	}
	w.mu.Lock()
	upTo, broken := w.written, w.broken
	w.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := w.f.Sync(); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.fail(err)
	}
	w.synced = upTo
	return nil
}

// fail must be called with mu held.
func (w *File) fail(err error) error {
	w.broken = fmt.Errorf("writing the audit record: %w", err)
	return w.broken
}

// Head gives the end of the record.
func (w *File) Head() Head {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head
}

// Close closes the file; Append fails from then on.
func (w *File) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken == nil {
		w.broken = fmt.Errorf("writing the audit record: %w", os.ErrClosed)
	}
	return w.f.Close()
}

// countingReader counts the bytes up to and including the last newline seen.
type countingReader struct {
	r     io.Reader
	read  int64
	lines *int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			*c.lines = c.read + int64(i) + 1
		}
	}
	c.read += int64(n)
	return n, err
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
