package status

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"vidimus/internal/faults"
)

// writing is an edition that the sink is at work on. A sink may stand on a disk
// or a network that does not answer: it never keeps the office's own lists back
// for longer than its patience, and not again until it has answered.
type writing struct {
	done    chan error
	lists   map[string]*shard
	retired []string
}

var errSinkBusy = errors.New("writing status lists: the sink does not come to an end; they are served meanwhile, but cover nothing")

// write is the part of put that can fail. What fails is tried again with the
// next publication.
func (p *Publisher) write(ctx context.Context, next *snapshot, signed []*shard, gone []List) error {
	for _, s := range signed {
		p.unwritten[s.list.ID] = true
	}
	for _, l := range gone {
		p.removed[l.ID] = true
		delete(p.unwritten, l.ID)
	}
	if p.writing != nil {
		select {
		case err := <-p.writing.done:
			p.written(err)
		default:
			return errSinkBusy
		}
	}
	w := &writing{done: make(chan error, 1), lists: map[string]*shard{}, retired: slices.Sorted(maps.Keys(p.removed))}
	e := Edition{Retired: w.retired, Aggregation: next.aggregation}
	for _, id := range slices.Sorted(maps.Keys(p.unwritten)) {
		if s := next.lists[id]; s != nil {
			e.Lists = append(e.Lists, Tokens{ID: id, Kind: s.list.Kind, Objects: s.objects})
			w.lists[id] = s
		}
	}
	p.writing = w
	go func() { w.done <- p.cfg.Sink.Put(ctx, e) }()
	patience, urgent := time.NewTimer(sinkPatience), time.NewTimer(urgentPatience)
	defer patience.Stop()
	defer urgent.Stop()
	var kick <-chan struct{}
	for {
		select {
		case err := <-w.done:
			if err := p.written(err); err != nil {
				return fmt.Errorf("writing status lists: %w", err)
			}
			faults.Point("publication.written")
			return nil
		case <-urgent.C:
			kick = p.kick
		case <-kick:
			p.Kick(true) // it is for the next publication
			return errSinkBusy
		case <-patience.C:
			return errSinkBusy
		}
	}
}

// written is what an answer of the sink means: it has the lists that have not
// changed since.
func (p *Publisher) written(err error) error {
	w := p.writing
	p.writing = nil
	if err != nil {
		return err
	}
	now := p.current.Load().lists
	for id := range p.unwritten {
		if now[id] == nil || now[id] == w.lists[id] {
			delete(p.unwritten, id)
		}
	}
	for _, id := range w.retired {
		delete(p.removed, id)
	}
	return nil
}
