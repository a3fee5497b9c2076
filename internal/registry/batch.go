package registry

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

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
// in the request, so that after a refused event the later ones of its source
// are refused for the gap. Acknowledged events are durable when it returns.
// The error concerns the batch as a whole.
func (in *Inbox) AcceptBatch(ctx context.Context, peer string, sets map[string]string) (Batch, error) {
	if len(sets) > MaxBatchItems {
		return Batch{}, problem.New(problem.TooLarge, "more than %d events", MaxBatchItems)
	}
	items := in.verifyAll(peer, sets)
	answer := Batch{Errors: map[string]error{}}
	var due []*batchItem
	for _, it := range items {
		if it.err != nil {
			answer.Errors[it.jti] = in.refuse(ctx, peer, sets[it.jti], it.statement, it.err)
			continue
		}
		due = append(due, it)
	}
	slices.SortFunc(due, func(a, b *batchItem) int {
		return cmp.Or(cmp.Compare(a.statement.record.Source, b.statement.record.Source),
			cmp.Compare(a.statement.record.Seq, b.statement.record.Seq), cmp.Compare(a.jti, b.jti))
	})
	apps := make([]Application, len(due))
	for i, it := range due {
		apps[i] = in.application(it.statement)
	}
	if len(apps) > 0 {
		for i, r := range in.store.ApplyEvents(ctx, apps) {
			if _, err := in.settle(ctx, peer, due[i].statement, r); err != nil {
				answer.Errors[due[i].jti] = err
				continue
			}
			answer.Acks = append(answer.Acks, due[i].jti)
		}
	}
	slices.Sort(answer.Acks)
	return answer, nil
}

type batchItem struct {
	jti       string
	statement *statement
	err       error
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
