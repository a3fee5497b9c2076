package bulk

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/problem"
)

// stream is a file on its way from disk to whoever takes its subjects.
type stream struct {
	manifest Manifest
	file     io.Reader
	clock    clock.Clock
	parser   parser
}

// work is one block of it.
type work struct {
	block   int
	lines   [][]byte
	parsed  []parsed // of the good lines, in order
	refused []*LineError
	err     error // of the block as a whole
}

func (w *work) subjects() []document.Subject {
	list := make([]document.Subject, len(w.parsed))
	for i := range w.parsed {
		list[i] = w.parsed[i].subject
	}
	return list
}

// each reads, parses and hands over the blocks from first on, in order; the
// file stands at the first. While one is handed over the next is parsed and
// the one after it read: at most three are in memory. Trouble with one waits
// until those before it are done.
func (s *stream) each(ctx context.Context, first int, do func(*work) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	read, ready := make(chan *work), make(chan *work)
	send := func(to chan *work, w *work) bool {
		good := w.err == nil // it belongs to the receiver once it is sent
		select {
		case to <- w:
			return good
		case <-ctx.Done():
			return false
		}
	}
	blocks := s.manifest.Blocks
	wg.Go(func() {
		defer close(read)
		for i := first; i < len(blocks); i++ {
			w := &work{block: i}
			if w.lines, w.err = readBlock(s.file, blocks, i); !send(read, w) {
				return
			}
		}
	})
	wg.Go(func() {
		defer close(ready)
		before := 0
		for _, b := range blocks[:first] {
			before += b.Lines
		}
		for w := range read {
			if w.err == nil {
				w.err = s.parse(ctx, w, before)
				before += len(w.lines)
			}
			if !send(ready, w) {
				return
			}
		}
	})
	for w := range ready {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.err != nil {
			return w.err
		}
		if err := do(w); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// errImages stops a block whose pictures do not fit in memory.
var errImages = errors.New("the pictures of one block are too large: sign the file with smaller blocks")

// parse makes subjects of the lines of a block, on all cores.
func (s *stream) parse(ctx context.Context, w *work, before int) error {
	p := s.parser
	p.now = s.clock.Now()
	results, errs := make([]parsed, len(w.lines)), make([]error, len(w.lines))
	var next, images atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(w.lines)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(w.lines) || images.Load() > MaxBlockImages {
					return
				}
				results[i], errs[i] = p.parse(w.lines[i])
				images.Add(results[i].size)
			}
		})
	}
	wg.Wait()
	if images.Load() > MaxBlockImages {
		return errImages
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.parsed = make([]parsed, 0, len(w.lines))
	seen := make(map[string]bool, len(w.lines))
	for i := range results {
		number := results[i].subject.Number
		if errs[i] == nil && seen[number] {
			errs[i] = problem.New(problem.Conflict, "person stands in another line of the block too")
		}
		if errs[i] != nil {
			w.refused = append(w.refused, &LineError{Line: before + i + 1, Err: errs[i]})
			continue
		}
		seen[number] = true
		w.parsed = append(w.parsed, results[i])
	}
	return nil
}
