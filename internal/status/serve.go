package status

import (
	"context"
	"time"

	"vidimus/internal/statuslist"
)

// Token gives a list of KindStatus as it is served now: FormatJWT or
// FormatCWT. ErrListNotFound, also when the list was retired. A list that was
// opened since the last tick is published on the way.
func (p *Publisher) Token(ctx context.Context, id string, format statuslist.Format) (*Object, error) {
	if format == statuslist.FormatCWT {
		return p.object(ctx, id, MediaTypeCWT)
	}
	return p.object(ctx, id, MediaTypeJWT)
}

// Identifiers gives a list of KindIdentifier, as Token does the others.
func (p *Publisher) Identifiers(ctx context.Context, id string) (*Object, error) {
	return p.object(ctx, id, MediaTypeIdentifiers)
}

func (p *Publisher) object(ctx context.Context, id, mediaType string) (*Object, error) {
	s := p.current.Load().lists[id]
	if s == nil && p.mayLook(id) {
		// For everyone, so it goes on when the one who asks hangs up.
		if err := p.Publish(context.WithoutCancel(ctx)); err != nil {
			p.report(err)
		}
		s = p.current.Load().lists[id]
	}
	if s == nil {
		return nil, ErrListNotFound
	}
	o := s.object(mediaType)
	if o == nil {
		return nil, ErrListNotFound
	}
	return o, nil
}

// mayLook lets one look into the store for an unknown id per missPause.
func (p *Publisher) mayLook(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	p.missing.Lock()
	defer p.missing.Unlock()
	now := p.cfg.Clock.Now()
	if d := now.Sub(p.missed); d >= 0 && d < missPause {
		return false
	}
	p.missed = now
	return true
}

// Aggregation gives the list of lists, {"status_lists": [uri...]}; nil before
// the first publication.
func (p *Publisher) Aggregation() *Object { return p.current.Load().aggregation }

// Oldest is the iat of the oldest list that is served, zero when there is
// none: what a gauge of the age of the lists shows.
func (p *Publisher) Oldest() time.Time {
	var oldest time.Time
	for _, s := range p.current.Load().lists {
		if oldest.IsZero() || s.issued.Before(oldest) {
			oldest = s.issued
		}
	}
	return oldest
}

// Served says of each list that is served, by id, its version.
func (p *Publisher) Served() map[string]uint64 {
	lists := p.current.Load().lists
	out := make(map[string]uint64, len(lists))
	for id, s := range lists {
		out[id] = s.list.Version
	}
	return out
}
