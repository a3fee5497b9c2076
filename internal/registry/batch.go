package registry

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Batch is the answer to several events: who is in neither Acks nor Errors was
// not in the request.
type Batch struct {
	Acks   []string         // jti, sorted
	Errors map[string]error // jti -> refusal
}

// ParseBatch reads the body of a batch, {"sets": {jti: token, ...}}, of at most
// MaxBatch octets.
func ParseBatch(body []byte) (map[string]string, error) {
	var b struct {
		Sets map[string]string `json:"sets"`
	}
	if len(body) > MaxBatch {
		return nil, problem.New(problem.TooLarge, "the batch has more than %d octets", MaxBatch)
	}
	if err := jose.DecodeJSONLimit(body, &b, MaxBatch); err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "the batch: %s", err)
	}
	if b.Sets == nil {
		return nil, problem.New(problem.InvalidRequest, "the batch has no sets")
	}
	return b.Sets, nil
}

// AcceptBatch takes at most MaxBatchItems tokens, named by their jti. Each is
// accepted or refused for itself: the order is that of seq, whatever the order
// in the request. Those that came too early are held as Accept holds them, and
// the answer waits for the last; but not those behind an event that this same
// batch had refused, which only its source can repair. Acknowledged events are
// durable when it returns. The error concerns the batch as a whole.
func (in *Inbox) AcceptBatch(ctx context.Context, peer string, sets map[string]string) (Batch, error) {
	if len(sets) > MaxBatchItems {
		return Batch{}, problem.New(problem.TooLarge, "more than %d events", MaxBatchItems)
	}
	answer := Batch{Errors: map[string]error{}}
	var due []*batchItem
	refused := map[string]uint64{} // the lowest number refused, by source
	for _, it := range in.verifyAll(peer, sets) {
		if it.err != nil {
			answer.Errors[it.jti] = in.refuse(ctx, peer, sets[it.jti], it.statement, it.err)
			it.noteRefusal(refused)
			continue
		}
		due = append(due, it)
	}
	slices.SortFunc(due, func(a, b *batchItem) int {
		return cmp.Or(cmp.Compare(a.statement.record.Source, b.statement.record.Source),
			cmp.Compare(a.statement.record.Seq, b.statement.record.Seq), cmp.Compare(a.jti, b.jti))
	})
	in.applyBatch(ctx, due, refused)
	for _, it := range due {
		if _, err := in.settle(ctx, peer, it.statement, it.result); err != nil {
			answer.Errors[it.jti] = err
			continue
		}
		answer.Acks = append(answer.Acks, it.jti)
	}
	faults.Point("registry.batch-settled")
	slices.Sort(answer.Acks)
	return answer, nil
}

// applyBatch fills in the results, those of held events too.
func (in *Inbox) applyBatch(ctx context.Context, due []*batchItem, refused map[string]uint64) {
	if len(due) == 0 {
		return
	}
	list := make([]*statement, len(due))
	for i, it := range due {
		list[i] = it.statement
	}
	var wg sync.WaitGroup
	now := in.clock.Now()
	ours := map[string]error{} // why an event of a source failed that could have been accepted
	for i, r := range in.apply(ctx, list) {
		it := due[i]
		it.result = r
		source, seq := it.statement.record.Source, it.statement.record.Seq
		first, some := refused[source]
		_, unread := refused[""]
		switch {
		case r.Err == nil:
		case early(r.Err) == nil:
			it.noteRefusal(refused)
			if _, _, told := SETError(storeProblem(r.Err)); !told && ours[source] == nil {
				ours[source] = r.Err
			}
		case ours[source] != nil: // what it lacks is not missing, and comes again with it
			it.result.Err = ours[source]
		case in.mayHold() && !unread && (!some || first > seq):
			l := in.lines[source]
			if h, ok := l.put(it.statement, now); ok {
				wg.Go(func() { it.result = in.hold(ctx, l, h) })
			}
		}
	}
	wg.Wait()
}

type batchItem struct {
	jti       string
	statement *statement
	err       error
	result    Result
}

// noteRefusal keeps the lowest number of a source that was refused, 0 when it
// could not be read; one whose source is not proven stands for every source.
func (it *batchItem) noteRefusal(refused map[string]uint64) {
	var r EventRecord
	if it.statement != nil {
		r = it.statement.record
	}
	if first, some := refused[r.Source]; !some || r.Seq < first {
		refused[r.Source] = r.Seq
	}
}

// verifyAll checks signatures on all cores.
func (in *Inbox) verifyAll(peer string, sets map[string]string) []*batchItem {
	now := in.clock.Now()
	items := make([]*batchItem, 0, len(sets))
	work := make(chan *batchItem, len(sets))
	for jti := range sets {
		it := &batchItem{jti: jti}
		items = append(items, it)
		work <- it
	}
	close(work)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(sets)) {
		wg.Go(func() {
			for it := range work {
				it.statement, it.err = in.verify(sets[it.jti], peer, now)
				if it.err == nil && it.statement.record.JTI != it.jti {
					it.err = problem.New(problem.InvalidRequest, "the token has another jti than its name in the batch")
				}
			}
		})
	}
	wg.Wait()
	return items
}
