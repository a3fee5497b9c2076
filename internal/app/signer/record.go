package signer

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/outfile"
)

// markEvery is how often the mark is brought up to date: what a start reads of the
// record is about what was written since.
const markEvery = 10 * time.Second

// record is the audit record of this process. When it fails once it fails for ever:
// what stands in the file is then unknown, and the process ends.
type record struct {
	file *audit.File
	mark string // path

	mu     sync.Mutex
	marked audit.Mark
	failed func(error)
}

// Begin makes the state folder and an empty record in it. A record that is there is
// left as it is; a record that is gone while its mark is there is an error.
func Begin(cfg Config) ([]string, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the state folder: %w", err)
	}
	if err := onlyOurs(cfg.StateDir); err != nil {
		return nil, err
	}
	path, mark := cfg.Path(cfg.Audit), cfg.Path(cfg.Mark)
	if exists(path) {
		return nil, fmt.Errorf("%s is there already: a record is begun once", path)
	}
	if exists(mark) {
		return nil, fmt.Errorf("%s says that there was a record, and %s is gone: put it back from a backup; a new one would hide what was signed. Remove the mark only when it is certain that the record is lost", mark, path)
	}
	f, _, err := audit.OpenFile(path, true, nil)
	if err != nil {
		return nil, err
	}
	err = writeMark(mark, f.Mark())
	return []string{path, mark}, errors.Join(err, f.Close())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// onlyOurs refuses a folder that others may write.
func onlyOurs(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state_dir: %w: run `signer init`", err)
	}
	if perm := info.Mode().Perm(); !info.IsDir() || perm&0o022 != 0 {
		return fmt.Errorf("state_dir: %s has mode %04o, others may write there: run chmod 700 %s", dir, perm, dir)
	}
	return nil
}

// openRecord continues the record from its mark.
func openRecord(cfg *Config) (*record, int64, error) {
	path := cfg.Path(cfg.Audit)
	m, err := readMark(cfg.Path(cfg.Mark))
	if err != nil {
		return nil, 0, err
	}
	f, torn, err := audit.OpenFileAt(path, m, nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("%w: run `signer init` where none was ever there; else put it back from a backup", err)
	case errors.Is(err, audit.ErrTruncated) || errors.Is(err, audit.ErrChain):
		return nil, 0, fmt.Errorf("%s: %w: this is not the record that this signer wrote last; find out what happened to it, and put it back (docs/OPERATIONS.md)", path, err)
	case err != nil:
		return nil, 0, err
	}
	return &record{file: f, mark: cfg.Path(cfg.Mark), marked: m}, torn, nil
}

// Append implements audit.Writer.
func (r *record) Append(ctx context.Context, e audit.Event) error {
	err := r.file.Append(ctx, e)
	if err != nil && !errors.Is(err, audit.ErrEvent) && ctx.Err() == nil {
		r.mu.Lock()
		failed := r.failed
		r.mu.Unlock()
		if failed != nil {
			failed(err)
		}
	}
	return err
}

// remember writes the mark, if the record has grown.
func (r *record) remember() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.file.Mark()
	if m == r.marked {
		return nil
	}
	if err := writeMark(r.mark, m); err != nil {
		return err
	}
	r.marked = m
	return nil
}

func (r *record) close() error { return errors.Join(r.remember(), r.file.Close()) }

// writeMark puts a mark into its place whole. One that a crash takes back is earlier
// and as true.
func writeMark(path string, m audit.Mark) error {
	if err := outfile.Replace(path, fmt.Appendf(nil, "%s %d\n", m.Head, m.Offset), 0o600); err != nil {
		return fmt.Errorf("writing the mark of the record: %w", err)
	}
	return nil
}

// maxMark bounds the file of a mark: two numbers and a digest.
const maxMark = 256

func readMark(path string) (audit.Mark, error) {
	var m audit.Mark
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%w: how far the record was read is not known: run `signer init` where there never was a record, `signer audit mark` where there is", err)
	}
	if err != nil {
		return m, fmt.Errorf("reading the mark of the record: %w", err)
	}
	bad := fmt.Errorf("%s is no mark of a record: remove it and run `signer audit mark`, which reads the whole record", path)
	line, whole := bytes.CutSuffix(data, []byte("\n"))
	head, offset, ok := strings.Cut(string(line), " ")
	seq, hash, ok2 := strings.Cut(head, ":")
	if len(data) > maxMark || !whole || !ok || !ok2 || len(hash) != 2*len(m.Head.Hash) {
		return m, bad
	}
	if m.Head.Seq, err = strconv.ParseUint(seq, 10, 64); err != nil {
		return audit.Mark{}, bad
	}
	if m.Offset, err = strconv.ParseInt(offset, 10, 64); err != nil || m.Offset < 0 || (m.Offset == 0) != (m.Head.Seq == 0) {
		return audit.Mark{}, bad
	}
	if _, err := hex.Decode(m.Head.Hash[:], []byte(hash)); err != nil {
		return audit.Mark{}, bad
	}
	return m, nil
}

// VerifyRecord reads the whole record, holds it against its mark, and gives its end.
func VerifyRecord(cfg Config) (audit.Head, error) {
	f, err := os.Open(cfg.Path(cfg.Audit))
	if err != nil {
		return audit.Head{}, err
	}
	defer f.Close()
	head, err := audit.Verify(f, nil)
	if err != nil {
		return head, err
	}
	m, err := readMark(cfg.Path(cfg.Mark))
	if err != nil {
		return head, err
	}
	again, err := os.Open(cfg.Path(cfg.Audit))
	if err != nil {
		return head, err
	}
	defer again.Close()
	return head, m.Find(again)
}

// MarkRecord verifies the whole record and makes a new mark, for a signer that has lost
// its own. It is for a signer that does not run.
func MarkRecord(cfg Config) (audit.Head, error) {
	if exists(cfg.Path(cfg.Mark)) {
		return audit.Head{}, fmt.Errorf("%s is there: a mark is made anew only where there is none", cfg.Path(cfg.Mark))
	}
	f, _, err := audit.OpenFile(cfg.Path(cfg.Audit), false, nil)
	if err != nil {
		return audit.Head{}, err
	}
	m := f.Mark()
	return m.Head, errors.Join(writeMark(cfg.Path(cfg.Mark), m), f.Close())
}

// nowhere is a record for a service that signs nothing.
type nowhere struct{}

func (nowhere) Append(context.Context, audit.Event) error { return errors.New("there is no record") }
