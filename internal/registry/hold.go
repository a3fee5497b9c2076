package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"vidimus/internal/problem"
)

// errClosing: the office is about to stop, and keeps nothing waiting.
var errClosing = errors.New("the office is stopping")

// line is the events of one source that came too early. They are held in
// memory alone while their requests wait: none is acknowledged, none is lost.
type line struct {
	limit int   // events
	bytes int64 // of their tokens

	mu      sync.Mutex
	last    uint64 // the highest number that we know to be accepted
	waiting map[uint64][]*held
	count   int
	size    int64
}

// held is one event in a line.
type held struct {
	statement *statement
	since     time.Time
	// lead gives its request the work of applying a run of events, itself the
	// first of them.
	lead chan []*held
	done chan Result
	// over: its request has given up waiting, but too late to drop it.
	over bool
}

func newLine(limit int, size int64) *line {
	return &line{limit: limit, bytes: size, waiting: map[uint64][]*held{}}
}

// put holds an event, unless the line is full.
func (l *line) put(s *statement, now time.Time) (*held, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count >= l.limit || l.size+int64(len(s.record.Token)) > l.bytes {
		return nil, false
	}
	h := &held{statement: s, since: now, lead: make(chan []*held, 1), done: make(chan Result, 1)}
	l.add(h)
	l.release()
	return h, true
}

func (l *line) add(h *held) {
	seq := h.statement.record.Seq
	l.waiting[seq] = append(l.waiting[seq], h)
	l.count++
	l.size += int64(len(h.statement.record.Token))
}

// note learns that all numbers up to last are accepted.
func (l *line) note(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last, last)
	l.release()
}

// release hands the run of events that is due to the request of its first.
func (l *line) release() {
	var run []*held
	for seq := l.last + 1; len(run) < MaxBatchItems && l.waiting[seq] != nil; seq++ {
		run = append(run, l.take(seq)...)
	}
	// What was accepted already while it waited is told so.
	if len(l.waiting) > 0 && run == nil {
		for seq := range l.waiting {
			if seq <= l.last {
				run = append(run, l.take(seq)...)
			}
		}
	}
	if run != nil {
		run[0].lead <- run
	}
}

func (l *line) take(seq uint64) []*held {
	list := l.waiting[seq]
	delete(l.waiting, seq)
	l.count -= len(list)
	for _, h := range list {
		l.size -= int64(len(h.statement.record.Token))
	}
	return list
}

// settle distributes what became of a run. What was still too early, because
// one before it was refused, waits on.
func (l *line) settle(run []*held, results []Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range run {
		if early(results[i].Err) == nil {
			h.done <- results[i]
			continue
		}
		l.add(h)
		if h.over {
			h.done <- Result{Err: l.gap(h)}
			l.remove(h)
		}
	}
	l.release()
}

// drop takes an event out of the line whose request waits no longer. It is
// false when that is too late: somebody is applying it.
func (l *line) drop(h *held) (error, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.waiting[h.statement.record.Seq], h) {
		h.over = true
		return nil, false
	}
	err := l.gap(h)
	l.remove(h)
	return err, true
}

func (l *line) remove(h *held) {
	seq := h.statement.record.Seq
	rest := slices.DeleteFunc(l.waiting[seq], func(o *held) bool { return o == h })
	if l.waiting[seq] = rest; len(rest) == 0 {
		delete(l.waiting, seq)
	}
	l.count--
	l.size -= int64(len(h.statement.record.Token))
}

// gap names what h waits for, and what waits with it.
func (l *line) gap(h *held) error {
	first, last := h.statement.record.Seq, h.statement.record.Seq
	for seq := range l.waiting {
		first, last = min(first, seq), max(last, seq)
	}
	text := missing(l.last+1, first-1)
	if first == last {
		text += fmt.Sprintf(": %d waits", first)
	} else {
		text += fmt.Sprintf(": %d to %d wait", first, last)
	}
	return problem.New(problem.Conflict, "%s", text)
}

func missing(first, last uint64) string {
	if first >= last {
		return fmt.Sprintf("seq %d is missing", first)
	}
	return fmt.Sprintf("seq %d to %d are missing", first, last)
}

// early gives the gap when that is what an event was refused for.
func early(err error) *SeqError {
	var seq *SeqError
	if errors.As(err, &seq) && seq.Got > seq.Next {
		return seq
	}
	return nil
}

// hold waits for the turn of an event that came too early, applies it and
// those behind it when it is the first of them, and gives what became of it.
func (in *Inbox) hold(ctx context.Context, l *line, h *held) Result {
	timer := time.NewTimer(in.holdFor)
	defer timer.Stop()
	gone, closing := ctx.Done(), in.closing
	for {
		var why error
		select {
		case run := <-h.lead:
			results := in.apply(context.WithoutCancel(ctx), runOf(run))
			l.settle(run, results)
			continue
		case r := <-h.done:
			return r
		case <-timer.C:
		case <-gone:
			gone, why = nil, ctx.Err()
		case <-closing:
			closing, why = nil, errClosing
		}
		if err, dropped := l.drop(h); dropped {
			if why != nil {
				err = problem.Wrap(problem.Unavailable, why, "try again")
			}
			return Result{Err: err}
		}
	}
}

func runOf(run []*held) []*statement {
	list := make([]*statement, len(run))
	for i, h := range run {
		list[i] = h.statement
	}
	return list
}

// Gap tells how a source stands.
type Gap struct {
	Source string
	// Next is the number that is due, as far as is known since the start; 0
	// before the first event.
	Next uint64
	// Held is how many later events wait for it, Oldest since when the oldest
	// does; zero when none waits.
	Held   int
	Oldest time.Time
}

// Gaps tells how each source stands, sorted by name.
func (in *Inbox) Gaps() []Gap {
	var gaps []Gap
	for _, name := range slices.Sorted(maps.Keys(in.lines)) {
		l := in.lines[name]
		l.mu.Lock()
		g := Gap{Source: name, Held: l.count}
		if l.last > 0 || l.count > 0 {
			g.Next = l.last + 1
		}
		for _, list := range l.waiting {
			oldest := slices.MinFunc(list, func(a, b *held) int { return cmp.Compare(a.since.UnixNano(), b.since.UnixNano()) }).since
			if g.Oldest.IsZero() || oldest.Before(g.Oldest) {
				g.Oldest = oldest
			}
		}
		l.mu.Unlock()
		gaps = append(gaps, g)
	}
	return gaps
}

// Close lets go of every event that is held: their sources are told to try
// again. New ones are no longer held. It is called when the office stops
// listening, so that nobody waits for those who wait.
func (in *Inbox) Close() { in.closeOnce.Do(func() { close(in.closing) }) }
