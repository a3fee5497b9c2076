package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"vidimus/internal/outfile"
)

// File is a record in one file, opened for this process alone. Without
// pseudonyms it takes no event about a person.
type File struct {
	mu      sync.Mutex // guards what follows
	f       *os.File
	names   Pseudonyms
	head    Head
	size    int64  // bytes of the lines up to head
	written uint64 // lines handed to the file
	broken  error
	durable Mark // what an fsync has followed

	syncing sync.Mutex // held by the one who waits for the disk
	synced  uint64     // lines known to be on it; guarded by syncing
}

// OpenFile opens or, with create, makes the record at path, mode 0600, after
// verifying the whole of it. A record that somebody else has open is an error that
// matches ErrInUse. A record that does not exist is an error without
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
	return openFile(path, flag, Mark{}, names)
}

// Mark is a place in a record in a file: the head there, and how many bytes stand
// before it. The zero Mark is the beginning.
type Mark struct {
	Head   Head
	Offset int64
}

// OpenFileAt is OpenFile for a record that was verified up to a mark: the line
// before it must still be the one that it names, and only what follows is verified.
// A record that ends before the mark is an error that matches ErrTruncated.
func OpenFileAt(path string, mark Mark, names Pseudonyms) (f *File, torn int64, err error) {
	return openFile(path, os.O_RDWR|os.O_APPEND, mark, names)
}

// ErrInUse is for a record that another File writes.
var ErrInUse = errors.New("the audit record is in use")

// lock keeps the record to one File until it is closed or its process ends, and finds
// out that it is still the one at path: it may have been put away meanwhile.
func lock(file *os.File, path string) error {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w: end the process that writes it first", path, ErrInUse)
	} else if err != nil {
		return fmt.Errorf("locking the audit record: %w", err)
	}
	mine, err := file.Stat()
	if err != nil {
		return fmt.Errorf("locking the audit record: %w", err)
	}
	if there, err := os.Stat(path); err != nil {
		return fmt.Errorf("locking the audit record: %w", err)
	} else if !os.SameFile(mine, there) {
		return fmt.Errorf("%s: %w: it was put away just now", path, ErrInUse)
	}
	return nil
}

func openFile(path string, flag int, mark Mark, names Pseudonyms) (f *File, torn int64, err error) {
	file, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("opening the audit record: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err = lock(file, path); err != nil {
		return nil, 0, err
	}
	if err = mark.Find(file); err != nil {
		return nil, 0, err
	}
	if _, err = file.Seek(mark.Offset, io.SeekStart); err != nil {
		return nil, 0, fmt.Errorf("opening the audit record: %w", err)
	}
	var good int64
	head, err := verifyFrom(mark.Head, &countingReader{r: file, lines: &good}, nil)
	good += mark.Offset
	if errors.Is(err, ErrTorn) {
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
		err = outfile.SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("syncing the audit record: %w", err)
	}
	return &File{f: file, names: names, head: head, size: good, durable: Mark{head, good}}, torn, nil
}

// Find checks that the line before the mark is the one that it names.
func (m Mark) Find(r io.ReaderAt) error {
	if m == (Mark{}) {
		return nil
	}
	from := max(0, m.Offset-MaxLine-2)
	b := make([]byte, m.Offset-from)
	if n, err := r.ReadAt(b, from); n < len(b) {
		if err == io.EOF {
			err = fmt.Errorf("%w: it ends before line %d, which was there", ErrTruncated, m.Head.Seq)
		}
		return fmt.Errorf("reading the audit record: %w", err)
	}
	line, whole := bytes.CutSuffix(b, []byte("\n"))
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	const prev = len(`{"prev":"",`) + 2*sha256.Size
	seq := fmt.Appendf(nil, `"seq":%d,`, m.Head.Seq)
	if !whole || sha256.Sum256(line) != m.Head.Hash || len(line) < prev || !bytes.HasPrefix(line[prev:], seq) {
		return fmt.Errorf("%w: line %d is not the one that was there", ErrChain, m.Head.Seq)
	}
	return nil
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
	w.size += int64(len(raw)) + 1
	w.written++
	mine := w.written
	w.mu.Unlock()

	w.syncing.Lock()
	defer w.syncing.Unlock()
	if w.synced >= mine {
		return nil
	}
	w.mu.Lock()
	upTo, end, broken := w.written, Mark{w.head, w.size}, w.broken
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
	w.mu.Lock()
	w.durable = end
	w.mu.Unlock()
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

// Mark gives the end of what is known to be on the disk, as OpenFileAt takes it: a
// mark ahead of that would stop a start after a power cut for a loss that is none.
func (w *File) Mark() Mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.durable
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
