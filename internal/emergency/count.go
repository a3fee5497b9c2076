package emergency

import (
	"context"
	"hash/maphash"
	"slices"
	"time"
)

// names counts words without keeping them: of persons there are millions, and
// two of these meet once in a thousand such counts.
type names struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newNames() names { return names{maphash.MakeSeed(), map[uint64]struct{}{}} }

func (n names) add(s string) { n.seen[maphash.String(n.seed, s)] = struct{}{} }

func (n names) has(s string) bool {
	_, in := n.seen[maphash.String(n.seed, s)]
	return in
}

// count walks over the scope.
func (s *Service) count(ctx context.Context, scope Scope) (Counts, error) {
	c := Counts{ByKey: map[string]int{}, ByConfiguration: map[string]int{}}
	refreshing, err := s.refreshing(ctx, scope)
	if err != nil {
		return c, err
	}
	now := s.p.Clock.Now()
	persons := newNames()
	var lists []string
	document := ""
	for after := ""; ; {
		batches, next, err := s.p.Store.ScanScope(ctx, scope, now, after, countBatches)
		if err != nil {
			return c, unavailable(err)
		}
		for _, b := range batches {
			c.Ending += b.Ending
			if b.Open == 0 {
				continue
			}
			c.Copies += b.Open
			c.Batches++
			c.ByKey[b.Key] += b.Open
			c.ByConfiguration[b.Configuration] += b.Open
			persons.add(b.Person)
			for _, l := range b.Lists {
				if !slices.Contains(lists, l) {
					lists = append(lists, l)
				}
			}
			if b.Document == document {
				continue
			}
			document = b.Document
			c.Documents++
			if refreshing.has(document) {
				c.Refreshing++
			}
		}
		if after = next; next == "" {
			break
		}
	}
	c.Persons, c.Lists, c.Offers = len(persons.seen), len(lists), c.Documents-c.Refreshing
	return c, nil
}

// refreshing are the documents that wallets fetch anew by themselves. A wallet
// of a provider that is stopped does not.
func (s *Service) refreshing(ctx context.Context, scope Scope) (names, error) {
	all := newNames()
	if scope.Kind == OfWalletProvider {
		return all, nil
	}
	for after := ""; ; {
		documents, next, err := s.p.Store.RefreshingDocuments(ctx, s.p.Clock.Now(), after, countBatches)
		if err != nil {
			return all, unavailable(err)
		}
		for _, d := range documents {
			all.add(d)
		}
		if after = next; next == "" {
			return all, nil
		}
	}
}

// Rates are how fast the office is, for estimates; zero is the usual.
type Rates struct {
	Revoke  float64 // copies a second
	Reissue float64 // copies a second
	Publish time.Duration
}

func (r *Rates) fill() {
	if r.Revoke <= 0 {
		r.Revoke = DefaultRevokeRate
	}
	if r.Reissue <= 0 {
		r.Reissue = DefaultReissueRate
	}
	if r.Publish <= 0 {
		r.Publish = usualPublish
	}
}

// Estimate is how long a plan takes.
type Estimate struct {
	Revoke  time.Duration `json:"revoke"`  // until every copy is revoked
	Publish time.Duration `json:"publish"` // until every list is published after that
	Tell    time.Duration `json:"tell"`    // until every holder was told, at the pace
	// Reissue is until as many copies are signed anew, when all wallets come at once.
	Reissue time.Duration `json:"reissue"`
}

// Total is until the last copy is issued anew: wallets come as holders are told.
func (e Estimate) Total() time.Duration { return e.Revoke + e.Publish + max(e.Tell, e.Reissue) }

// Estimate computes it from the counts of a draft.
func (s *Service) Estimate(d Draft) Estimate {
	seconds := func(n int, rate float64) time.Duration {
		return time.Duration(float64(n) / rate * float64(time.Second)).Round(time.Second)
	}
	return Estimate{
		Revoke: seconds(d.Counts.Copies, s.p.Rates.Revoke), Publish: time.Duration(d.Counts.Lists) * s.p.Rates.Publish,
		Tell: seconds(d.Counts.Documents, float64(d.Pace)/3600), Reissue: seconds(d.Counts.Copies, s.p.Rates.Reissue),
	}
}
