package issuer

import (
	"context"
	"slices"

	"vidimus/internal/problem"
)

// said gives what wallets said of the copies of a person, newest first, at most
// maxHistory.
func (a *App) said(ctx context.Context, person string) (out []SaidView, err error) {
	s, err := a.records.Subject(ctx, person)
	if err != nil {
		if problem.KindOf(err) == problem.NotFound { // who has no record has no copies
			err = nil
		}
		return nil, err
	}
	for _, d := range s.Documents {
		copies, err := a.store.Copies(ctx, d.Number)
		if err != nil {
			return nil, problem.Wrap(problem.Unavailable, err, "try again later")
		}
		seen := map[string]bool{}
		for _, c := range copies {
			if seen[c.Batch] {
				continue
			}
			seen[c.Batch] = true
			events, err := a.issuance.Said(ctx, c.Batch)
			if err != nil {
				return nil, err
			}
			for _, e := range events {
				out = append(out, SaidView{e.Recorded, e.Event, c.Document, c.Configuration, c.Batch, c.Wallet})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y SaidView) int { return y.Recorded.Compare(x.Recorded) })
	return out[:min(len(out), maxHistory)], nil
}
