package consolehttp

import (
	"slices"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
)

// saidView is what a wallet said of the copies that it got (OpenID4VCI 1.0,
// section 11).
type saidView struct {
	issuance.Event
	Configuration, Document, Wallet string
}

// said gives what wallets said of the copies of a person, the newest first.
func (r *request) said(s document.Subject) (out []saidView, err error) {
	ctx := r.c.Request.Context()
	for _, d := range s.Documents {
		copies, err := r.Office.Copies(ctx, d.Number)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, c := range slices.Backward(copies) {
			if seen[c.Batch] || len(seen) >= maxBatches {
				continue
			}
			seen[c.Batch] = true
			events, err := r.Office.Events(ctx, c.Batch)
			if err != nil {
				return nil, err
			}
			for _, e := range events {
				out = append(out, saidView{e, c.Configuration, c.Document, c.Wallet})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b saidView) int { return b.Recorded.Compare(a.Recorded) })
	return out[:min(len(out), maxSaid)], nil
}
