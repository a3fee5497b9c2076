package citizenhttp

import (
	"cmp"
	"context"
	"slices"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
)

// Store is what FromStore reads: the stores of the office are ones.
type Store interface {
	Copies(ctx context.Context, document string) ([]issuance.Copy, error)
	Notices(ctx context.Context, person string, limit int) ([]notice.Record, error)
}

// FromStore is the Office of a store. issuable says whether a copy of a document
// may be made at an instant; document.Table.Issuable does.
func FromStore(s Store, records issuance.Records, issuable func(document.Subject, string, time.Time) error, clock clock.Clock) Office {
	return storeOffice{s, records, issuable, clock}
}

type storeOffice struct {
	Store
	records  issuance.Records
	issuable func(document.Subject, string, time.Time) error
	clock    clock.Clock
}

// Documents implements Office.
func (o storeOffice) Documents(ctx context.Context, person string) ([]Document, error) {
	s, err := o.records.Subject(ctx, person)
	if err != nil {
		return nil, err
	}
	now := o.clock.Now()
	var out []Document
	for _, d := range s.Documents {
		copies, err := o.Copies(ctx, d.Number)
		if err != nil {
			return nil, err
		}
		v := Document{
			Number: d.Number, Type: d.Type, State: stateOf(s, d, now), Issued: d.IssueDate, Expires: d.ExpiryDate, Authority: d.IssuingAuthority,
			Issuable: o.issuable(s, d.Number, now) == nil,
		}
		for _, c := range copies {
			if c.Person == person && valid(c, now) {
				v.Copies++
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// stateOf is a word of the catalogue (document-state.).
func stateOf(s document.Subject, d document.Document, now time.Time) string {
	switch {
	case d.Annulled && !now.Before(d.AnnulledAt):
		return "annulled"
	case d.Surrendered && !now.Before(d.SurrenderedAt):
		return "surrendered"
	case s.Issuable(d.Number, now) != nil:
		return "not-valid"
	case !d.CarrierLostAt.IsZero():
		return "card-lost"
	}
	return "valid"
}

// copies gives all copies of the person's documents that were ever signed.
func (o storeOffice) copies(ctx context.Context, person string) ([]issuance.Copy, error) {
	s, err := o.records.Subject(ctx, person)
	if err != nil {
		return nil, err
	}
	var all []issuance.Copy
	for _, d := range s.Documents {
		copies, err := o.Copies(ctx, d.Number)
		if err != nil {
			return nil, err
		}
		for _, c := range copies {
			if c.Person == person && c.State == issuance.StateSigned {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// Wallets implements Office. A wallet all of whose copies have ended is none.
func (o storeOffice) Wallets(ctx context.Context, person string) ([]Wallet, error) {
	copies, err := o.copies(ctx, person)
	if err != nil {
		return nil, err
	}
	now, byUnit := o.clock.Now(), map[string]*Wallet{}
	for _, c := range copies {
		w := byUnit[c.Wallet]
		if w == nil {
			w = &Wallet{Unit: c.Wallet, Since: c.Issued, Last: c.Issued}
			byUnit[c.Wallet] = w
		}
		if c.Issued.Before(w.Since) {
			w.Since = c.Issued
		}
		if c.Issued.After(w.Last) {
			w.Last = c.Issued
		}
		if valid(c, now) {
			if w.Copies++; !slices.Contains(w.Documents, c.Document) {
				w.Documents = append(w.Documents, c.Document)
			}
		}
	}
	var out []Wallet
	for _, w := range byUnit {
		if slices.Sort(w.Documents); w.Copies > 0 {
			out = append(out, *w)
		}
	}
	slices.SortFunc(out, func(a, b Wallet) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Unit, b.Unit)) })
	return out, nil
}

// Issued implements Office.
func (o storeOffice) Issued(ctx context.Context, person string, limit int) ([]Issue, error) {
	copies, err := o.copies(ctx, person)
	if err != nil {
		return nil, err
	}
	now, byBatch := o.clock.Now(), map[string]*Issue{}
	var out []*Issue
	for _, c := range copies {
		i := byBatch[c.Batch]
		if i == nil {
			i = &Issue{Day: c.Issued, Document: c.Document, Configuration: c.Configuration, Unit: c.Wallet}
			byBatch[c.Batch] = i
			out = append(out, i)
		}
		if i.Copies++; valid(c, now) {
			i.Valid++
		}
	}
	slices.SortStableFunc(out, func(a, b *Issue) int { return b.Day.Compare(a.Day) })
	var list []Issue
	for _, i := range out[:min(len(out), limit)] {
		list = append(list, *i)
	}
	return list, nil
}
