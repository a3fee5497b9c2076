package registry

import "context"

// Page is a part of the receipts of a source, as the feed shows it.
type Page struct {
	Receipts []Numbered `json:"receipts"`
	// Next is what the next page comes after, also when this one is empty.
	Next uint64 `json:"next"`
	// More says that there is a next page already.
	More bool `json:"more"`
}

// Numbered is one receipt and its place in the feed.
type Numbered struct {
	// Number counts the receipts of the source from 1, without a gap.
	Number uint64 `json:"number"`
	// Receipt is a compact JWS of type ReceiptType.
	Receipt string `json:"receipt"`
}

// Feed gives the receipts of a source whose number is above after: one for
// every change of the state of an event, in the order of the changes. limit is
// at most MaxPage; 0 is DefaultPage.
func (in *Inbox) Feed(ctx context.Context, source string, after uint64, limit int) (Page, error) {
	if limit <= 0 {
		limit = DefaultPage
	}
	limit = min(limit, MaxPage)
	rows, err := in.store.Receipts(ctx, source, after, limit+1)
	if err != nil {
		return Page{}, storeProblem(err)
	}
	p := Page{Receipts: []Numbered{}, Next: after, More: len(rows) > limit}
	for _, row := range rows[:min(limit, len(rows))] {
		token, err := in.receipts.sign(row.Outcome, in.clock.Now())
		if err != nil {
			return Page{}, err
		}
		p.Receipts = append(p.Receipts, Numbered{Number: row.Number, Receipt: token})
		p.Next = row.Number
	}
	return p, nil
}
