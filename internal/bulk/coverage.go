package bulk

import (
	"context"
	"fmt"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/problem"
	"vidimus/internal/status"
)

// mustBeInvalid tells whether no copy of a document may be valid at an
// instant: it was annulled or surrendered, its holder died, or a measure
// blocks it. What has expired is not meant: its copies have too.
func mustBeInvalid(t document.Table, s document.Subject, d document.Document, at time.Time) bool {
	if s.MergedInto != "" {
		return false
	}
	kills := func(fact document.Fact) bool { return t.Rule(d.Type, fact).Effect != document.EffectNone }
	switch {
	case d.Annulled && !d.AnnulledAt.After(at):
		return kills(document.FactDocumentAnnulled)
	case d.Surrendered && !d.SurrenderedAt.After(at):
		return kills(document.FactDocumentSurrendered)
	case s.Person != nil && s.Person.Deceased && !s.Person.DeceasedAt.After(at):
		return kills(document.FactPersonDied)
	}
	return s.Issuable(d.Number, at) == nil && problem.KindOf(t.Issuable(s, d.Number, at)) == problem.CredentialRequestDenied
}

// shelf is one list of ours as it was fetched.
type shelf struct {
	list      status.List
	published PublishedList // nil when it cannot be fetched
}

// fetch reads all lists, by URI.
func (r *Reconciler) fetch(ctx context.Context) (map[string]*shelf, []status.List, error) {
	lists, err := r.Store.Lists(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the lists: %w", err)
	}
	shelves := make(map[string]*shelf, len(lists))
	for _, l := range lists {
		p, err := r.Published.List(ctx, l.URI)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			p = nil
		}
		shelves[l.URI] = &shelf{list: l, published: p}
	}
	return shelves, lists, nil
}

// publication compares a list with what the office recorded: all that was
// released is INVALID, and nothing else is.
func (r *Reconciler) publication(ctx context.Context, s *shelf) ([]Finding, error) {
	uri := s.list.URI
	// The list may be published anew between two looks: a record of the very
	// version that is published is needed to compare both ways.
	for try := 0; ; try++ {
		if s.published == nil {
			return []Finding{{Kind: ListNotPublished, List: uri}}, nil
		}
		indices, version, err := r.Recorded.Revoked(ctx, s.list.ID)
		if err != nil {
			return nil, fmt.Errorf("reading the record of a list: %w", err)
		}
		if version != s.published.Version() && try < 3 {
			if s.published, err = r.Published.List(ctx, uri); err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				s.published = nil
			}
			continue
		}
		var found []Finding
		if version > s.published.Version() {
			return append(found, Finding{Kind: ListBehind, List: uri, Count: int(version - s.published.Version())}), nil
		}
		lacks := 0
		for _, i := range indices {
			if !s.published.Invalid(s.entry(uint64(i))) {
				lacks++
			}
		}
		if lacks > 0 {
			found = append(found, Finding{Kind: ListLacks, List: uri, Count: lacks})
		}
		if more := s.published.Count() - (len(indices) - lacks); more > 0 {
			found = append(found, Finding{Kind: ListExceeds, List: uri, Count: more})
		}
		return found, nil
	}
}

// entry is the place of an index as it stands in a copy.
func (s *shelf) entry(index uint64) issuance.StatusIndex {
	at := issuance.StatusIndex{List: s.list.URI, Index: index}
	if s.list.Kind == status.KindIdentifier {
		at.Identifier = status.Identifier(s.list.Key, uint32(index))
	}
	return at
}

// open is a copy that is not published as INVALID and must be.
type open struct {
	person, document string
	at               issuance.StatusIndex
	expires          time.Time
}

// copies gives the copies of a document that are open.
func (r *Reconciler) copies(ctx context.Context, person, number string, shelves map[string]*shelf, now time.Time) (list []open, checked int, err error) {
	batches, err := r.Store.Batches(ctx, number)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the copies of a document: %w", err)
	}
	for _, b := range batches {
		if b.State == issuance.StateBurned || !b.Expires.After(now) {
			continue
		}
		for _, c := range b.Copies {
			checked++
			s := shelves[c.List]
			if s == nil || s.published == nil || !s.published.Invalid(c) {
				list = append(list, open{person, number, c, b.Expires})
			}
		}
	}
	return list, checked, nil
}

// settle looks at open copies once more, since events and publications went on
// meanwhile, and says what they are.
func (r *Reconciler) settle(ctx context.Context, list []open, out *report) error {
	if len(list) == 0 {
		return nil
	}
	shelves, _, err := r.fetch(ctx)
	if err != nil {
		return err
	}
	now := r.Clock.Now()
	for _, o := range list {
		s := shelves[o.at.List]
		if s != nil && s.published != nil && s.published.Invalid(o.at) {
			continue
		}
		f := Finding{Kind: CopyNotCovered, Person: o.person, Document: o.document, List: o.at.List, Index: &o.at.Index}
		switch {
		case !o.expires.After(now.Add(r.Leave)):
			f.Kind = CopyExpiring
		case s != nil && s.list.Waiting > 0:
			f.Kind = CopyWaiting
		}
		if err := out.add(f); err != nil {
			return err
		}
	}
	return nil
}
