package memory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/registry"
)

// happening is an event, or what time does to one subject.
type happening struct {
	at      time.Time
	own     uint64 // number of the event, 0 for time
	id      document.EventID
	version uint64
	person  string
}

// opening is what an outcome that is not covered concerns.
type opening struct {
	batches   []string
	waits     []place // flips that were not released when it was opened
	released  bool    // Lists are set
	published bool    // in all of them, and some copies have to expire yet
}

// place is an entry of a list.
type place struct {
	list  listID
	index uint32
}

// waiting is an entry that is not released yet.
type waiting struct {
	place
	due int64 // Unix nanoseconds
}

// waitsFor tells whether an entry is not released yet.
func (s *Store) waitsFor(p place) bool {
	since, known := s.flips[p]
	return known && since == 0
}

// voided says up to when grants are void, and up to when for good.
type voided struct{ last, ended time.Time }

func (v voided) of(granted time.Time) (void, forGood bool) {
	return !v.last.IsZero() && !v.last.Before(granted), !v.ended.IsZero() && !v.ended.Before(granted)
}

// expiring names copies of a list that expire at one instant.
type expiring struct {
	list listID
	at   int64 // Unix nanoseconds
}

// effect does what a change asks for beside the new states.
func (s *Store) effect(h happening, change document.Change) error {
	holders := map[string]bool{}
	byCause := map[document.EventID][]document.Revocation{}
	for _, r := range change.Revoke {
		if r.Cause == (document.EventID{}) {
			r.Cause = h.id
		}
		byCause[r.Cause] = append(byCause[r.Cause], r)
	}
	causes := slices.SortedFunc(maps.Keys(byCause), func(a, b document.EventID) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.JTI, b.JTI))
	})
	atOnce := s.named(slices.DeleteFunc(slices.Clone(change.Revoke), func(r document.Revocation) bool { return !r.Urgent }))
	for _, cause := range causes {
		n := s.ids[eventID{cause.Source, cause.JTI}]
		if err := s.revoke(h, n, byCause[cause], atOnce, holders); err != nil {
			return err
		}
		if n != 0 && n != h.own {
			s.row(n, h.at)
		}
	}
	for _, d := range change.Void {
		v := s.voids[d]
		if h.at.After(v.last) {
			v.last = h.at
		}
		if slices.Contains(change.Ended, d) && h.at.After(v.ended) {
			v.ended = h.at
		}
		put(s, s.voids, d, v)
	}
	for _, unit := range change.Wallets {
		if w := s.wallets[unit]; w.revoked.IsZero() {
			w.revoked = h.at
			put(s, s.wallets, unit, w)
		}
	}
	for _, n := range change.Notices {
		if n.OfCopiesAlone() && len(holders) == 0 {
			continue
		}
		to := []string{h.person}
		if holder := s.holders[n.Document]; holder != "" {
			to[0] = holder
		} else if h.person == "" {
			to = slices.Sorted(maps.Keys(holders))
		}
		for _, person := range to {
			number := s.next("notices")
			put(s, s.notices, number, notice.Record{Number: number, Person: person, Notice: n, Created: h.at, State: notice.Waiting, Next: h.at})
		}
	}
	return nil
}

// checkWallets refuses a person's event about units that have copies, none of
// them of that person.
func (s *Store) checkWallets(units, people []string) error {
	for _, unit := range units {
		own, others := false, false
		for _, b := range s.batches {
			if b.intent.Wallet.Unit == unit && b.state != issuance.StateBurned {
				mine := slices.Contains(people, s.holders[b.intent.Document])
				own, others = own || mine, others || !mine
			}
		}
		if len(people) > 0 && others && !own {
			return registry.ErrForeignWallet
		}
	}
	return nil
}

// named gives the batches that revocations name, and whether one of those is
// urgent.
func (s *Store) named(revoke []document.Revocation) map[string]bool {
	named := map[string]bool{}
	for _, r := range revoke {
		of := s.order
		if r.Document != "" {
			of = s.issued[r.Document]
		}
		for _, id := range of {
			b := s.batches[id]
			in := b.intent
			if b.state != issuance.StateBurned && (r.Document == "" || r.Document == in.Document) && (r.Wallet == "" || r.Wallet == in.Wallet.Unit) {
				named[id] = named[id] || r.Urgent
			}
		}
	}
	return named
}

// revoke flips every copy that revocations name, and opens the outcome of the
// event that is their cause (0: nobody knows it).
func (s *Store) revoke(h happening, n uint64, revoke []document.Revocation, atOnce, holders map[string]bool) error {
	named := s.named(revoke)
	before := s.open[n].batches
	all := slices.Sorted(maps.Keys(named))
	for _, id := range before {
		if _, again := named[id]; !again {
			all = append(all, id)
		}
	}
	o := s.outcomes[n]
	o.Version, o.Revokes, o.Copies, o.Expiring, o.Urgent = h.version, true, 0, 0, o.Urgent && len(before) > 0
	o.Until, o.Lists, o.Covered = time.Time{}, nil, time.Time{}
	var concerned []string
	var waits []place
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(strings.Compare(s.batches[a].intent.Document, s.batches[b].intent.Document), strings.Compare(a, b))
	})
	for _, id := range all {
		b := s.batches[id]
		urgent, again := named[id]
		leave := func() {
			o.Copies, o.Expiring = o.Copies+1, o.Expiring+1
			if b.intent.Expires.After(o.Until) {
				o.Until = b.intent.Expires
			}
		}
		count, left := o.Copies, o.Expiring
		for i := range b.intent.Count {
			if len(b.places) == 0 {
				if !again || b.intent.Expires.After(h.at) {
					leave()
				}
				continue
			}
			if _, there := s.lists[b.places[i].list]; !there {
				continue
			}
			left, err := s.flip(b, b.places[i], h.at, again, atOnce[id])
			if err != nil {
				return err
			}
			if left {
				leave()
				continue
			}
			o.Copies++
			if s.waitsFor(b.places[i]) {
				waits = append(waits, b.places[i])
			}
		}
		if o.Copies > count {
			o.Urgent = o.Urgent || urgent && o.Copies-o.Expiring > count-left
			concerned = append(concerned, id)
			if holder := s.holders[b.intent.Document]; holder != "" && again {
				holders[holder] = true
			}
		}
	}
	if n == 0 {
		return nil
	}
	put(s, s.outcomes, n, o)
	drop(s, s.open, n)
	if o.Copies > 0 {
		put(s, s.open, n, opening{batches: concerned, waits: waits})
		s.settleReleased(n)
	}
	return nil
}

// flip makes one copy INVALID, or leaves it alone.
func (s *Store) flip(b batch, p place, now time.Time, named, urgent bool) (left bool, err error) {
	since, known := s.flips[p]
	switch {
	case !known && !named:
		return true, nil
	case !known:
		due, leave, err := s.opts.Schedule.Due(now, urgent, b.intent.Expires, s.opts.Rand)
		if err != nil || leave {
			return leave, err
		}
		put(s, s.flips, p, 0)
		assign(s, &s.waits, append(s.waits, waiting{p, due.UnixNano()}))
		s.count(p.list, b.intent.Expires, -1)
	case named && urgent && since == 0:
		waits := slices.Clone(s.waits)
		at := slices.IndexFunc(waits, func(w waiting) bool { return w.place == p })
		waits[at].due = min(waits[at].due, now.UnixNano())
		assign(s, &s.waits, waits)
	}
	return false, nil
}

// settleReleased gives an outcome its lists once all its flips are released.
func (s *Store) settleReleased(n uint64) {
	at := s.open[n]
	if slices.ContainsFunc(at.waits, s.waitsFor) {
		return
	}
	versions := map[string]uint64{}
	for _, id := range at.batches {
		for _, p := range s.batches[id].places {
			since, known := s.flips[p]
			if l, there := s.lists[p.list]; known && there {
				versions[l.URI] = max(versions[l.URI], since)
			}
		}
	}
	o := copyOutcome(s.outcomes[n])
	for uri, v := range versions {
		o.Lists = append(o.Lists, registry.ListVersion{URI: uri, Version: v})
	}
	slices.SortFunc(o.Lists, func(a, b registry.ListVersion) int { return strings.Compare(a.URI, b.URI) })
	put(s, s.outcomes, n, o)
	at.released = true
	put(s, s.open, n, at)
}
