package emergency

import (
	"context"
	"time"

	"vidimus/internal/audit"
)

// Progress is how far a plan came, the re-issue included.
type Progress struct {
	Plan     Plan     `json:"plan"`
	Stage    Stage    `json:"stage"`
	Estimate Estimate `json:"estimate"`
	Keys     KeyNames `json:"keys,omitempty"`
	// Reissued documents have copies that are good, Open ones none.
	Reissued int `json:"reissued"`
	Open     int `json:"open"`
	Anew     int `json:"anew"` // copies that are good
	// Blocked is what keeps wallets from fetching anew; Offers are open documents
	// whose holders need a new offer.
	Blocked string `json:"blocked,omitempty"`
	Offers  int    `json:"offers"`
	// Left are copies in scope that are not revoked now.
	Left int `json:"left"`
	// Until is when the last holder will have been told.
	Until time.Time `json:"until,omitzero"`
}

// Progress counts how far a plan came. It walks over whom the plan concerns.
func (s *Service) Progress(ctx context.Context, id string) (Progress, error) {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return Progress{}, err
	}
	out := Progress{Plan: p, Stage: p.Stage(s.p.Clock.Now()), Estimate: s.Estimate(p.Draft), Keys: s.Keys()}
	if p.Act == Lift {
		return out, nil
	}
	counts, err := s.count(ctx, p.Scope)
	if err != nil {
		return out, err
	}
	if out.Left = counts.Copies; p.Begun.IsZero() {
		return out, nil
	}
	if out.Blocked, err = s.Blocked(ctx, p); err != nil {
		return out, err
	}
	err = s.each(ctx, p, func(c Concerned, refreshing bool) error {
		out.Anew += c.Anew
		switch {
		case c.Anew > 0:
			out.Reissued++
		case !refreshing:
			out.Offers++
			fallthrough
		default:
			out.Open++
		}
		return nil
	})
	if p.Told < p.Documents {
		out.Until = s.p.Clock.Now().Add(time.Duration(float64(p.Documents-p.Told) / float64(p.Pace) * float64(time.Hour))).UTC().Truncate(time.Second)
	}
	return out, err
}

// Holder is one document that a plan concerns.
type Holder struct {
	Concerned
	// Refreshes: a wallet fetches the document by itself; else its holder needs a
	// new offer.
	Refreshes bool `json:"refreshes"`
}

// Holders calls each for every document that a plan concerns. It names persons,
// and is recorded.
func (s *Service) Holders(ctx context.Context, id, actor string, each func(Holder) error) error {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return err
	}
	if err := s.p.Audit.Append(ctx, s.event(ActionList, actor, audit.Done, p.Draft, map[string]string{"count": number(p.Documents)})); err != nil {
		return unavailable(err)
	}
	return s.each(ctx, p, func(c Concerned, refreshing bool) error { return each(Holder{c, refreshing}) })
}

func (s *Service) each(ctx context.Context, p Plan, each func(c Concerned, refreshing bool) error) error {
	refreshing, err := s.refreshing(ctx, p.Scope)
	if err != nil {
		return err
	}
	for after := ""; ; {
		some, next, err := s.p.Store.ConcernedBy(ctx, p.ID, s.p.Clock.Now(), after, countBatches)
		if err != nil {
			return unavailable(err)
		}
		for _, c := range some {
			if err := each(c, refreshing.has(c.Document)); err != nil {
				return err
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}
