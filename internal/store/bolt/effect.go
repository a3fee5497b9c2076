package bolt

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/notice"
	"vidimus/internal/registry"
)

// happening is an event, or what time does to one subject, while its effect is
// written.
type happening struct {
	at      time.Time
	version uint64          // of the subject, after it
	urgent  map[string]bool // batches of which the flips are due at once
	person  string          // who is told, "" when it is about a wallet unit
	// own is the event, whose outcome is made; zero for time.
	own     document.EventID
	number  uint64
	outcome registry.Outcome
}

// effect writes what a change does beside the new states. Every cause gets the
// flips that belong to it: the event its own outcome, another one's is opened
// again.
func (s *Store) effect(t *tx, e *happening, change document.Change) error {
	byCause := map[document.EventID][]document.Revocation{}
	for _, r := range change.Revoke {
		if r.Cause == (document.EventID{}) {
			r.Cause = e.own
		}
		byCause[r.Cause] = append(byCause[r.Cause], r)
	}
	holders := map[string]bool{}
	// What one cause wants at once is due at once for all.
	urgent, err := t.batchesOf(slices.DeleteFunc(slices.Clone(change.Revoke), func(r document.Revocation) bool { return !r.Urgent }))
	if err != nil {
		return err
	}
	e.urgent = urgent
	for _, cause := range slices.SortedFunc(maps.Keys(byCause), compareIDs) {
		if cause == e.own && e.number != 0 {
			continue
		}
		event, err := t.eventOf(cause.Source, cause.JTI)
		if err != nil {
			return err
		}
		if err := s.reopen(t, e, event, byCause[cause], holders); err != nil {
			return err
		}
	}
	if e.number != 0 {
		if err := s.openOwn(t, e, byCause[e.own], holders); err != nil {
			return err
		}
	}
	for _, number := range change.Void {
		t.putVoid(number, e.at, slices.Contains(change.Ended, number))
	}
	for _, unit := range change.Wallets {
		if err := t.revokeWallet(unit, e.at); err != nil {
			return err
		}
	}
	return t.putNotices(e, change.Notices, holders)
}

func compareIDs(a, b document.EventID) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.JTI, b.JTI))
}

// openOwn writes the outcome of the event itself, and its first receipt row.
func (s *Store) openOwn(t *tx, e *happening, revoke []document.Revocation, holders map[string]bool) error {
	e.outcome.Version = e.version
	var lists []listVersion
	if len(revoke) > 0 {
		o := opening{event: e.number, at: e.at, atOnce: e.urgent}
		if err := s.flip(t, &o, revoke, holders); err != nil {
			return err
		}
		lists = o.write(t, &e.outcome)
	}
	t.putOutcome(e.number, e.outcome, lists)
	var err error
	if e.outcome.Lists, err = t.publicly(lists); err != nil {
		return err
	}
	return t.putRow(e.at, e.outcome, lists)
}

// reopen adds flips to the outcome of an earlier event, which may have been
// covered. When retention took it, or nobody knows the cause, the flips alone
// are written.
func (s *Store) reopen(t *tx, e *happening, event uint64, revoke []document.Revocation, holders map[string]bool) error {
	outcome, _, err := t.bareOutcome(event)
	if errors.Is(err, registry.ErrOutcomeNotFound) {
		return s.flip(t, &opening{at: e.at, atOnce: e.urgent}, revoke, holders)
	}
	if err != nil {
		return err
	}
	o := opening{event: event, at: e.at, atOnce: e.urgent}
	if err := o.recall(t, outcome); err != nil {
		return err
	}
	if err := s.flip(t, &o, revoke, holders); err != nil {
		return err
	}
	outcome.Version = e.version
	lists := o.write(t, &outcome)
	t.putOutcome(event, outcome, lists)
	return t.putRow(e.at, outcome, lists)
}

// putNotices puts notices into the outbox. One that names no document goes to
// the person; when there is none, since the event was about a wallet unit, to
// those whose copies it concerns. Of a mere change only those are told who have
// copies.
func (t *tx) putNotices(e *happening, notices []document.Notice, holders map[string]bool) error {
	for _, n := range notices {
		if n.OfCopiesAlone() && len(holders) == 0 {
			continue
		}
		to := []string{e.person}
		if holder := t.get(holderBucket, []byte(n.Document)); n.Document != "" && holder != nil {
			to[0] = string(holder)
		} else if e.person == "" {
			to = slices.Sorted(maps.Keys(holders))
		}
		for _, person := range to {
			if err := t.newNotice(notice.Record{Person: person, Notice: n, Created: e.at, State: notice.Waiting, Next: e.at}); err != nil {
				return err
			}
		}
	}
	return nil
}
