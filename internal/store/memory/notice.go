package memory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/notice"
)

// DueNotices implements notice.Store.
func (s *Store) DueNotices(ctx context.Context, now time.Time, limit int) ([]notice.Record, error) {
	return s.someNotices(ctx, limit, false, func(r notice.Record) bool { return r.State == notice.Waiting && !r.Next.After(now) })
}

// Notices implements notice.Store.
func (s *Store) Notices(ctx context.Context, person string, limit int) ([]notice.Record, error) {
	return s.someNotices(ctx, limit, true, func(r notice.Record) bool { return r.Person == person })
}

func (s *Store) someNotices(ctx context.Context, limit int, newest bool, of func(notice.Record) bool) (some []notice.Record, err error) {
	err = s.step(ctx, func() error {
		for _, r := range s.notices {
			if of(r) {
				some = append(some, r)
			}
		}
		slices.SortFunc(some, func(a, b notice.Record) int {
			if newest {
				return cmp.Compare(b.Number, a.Number)
			}
			return cmp.Compare(a.Number, b.Number)
		})
		some = some[:min(len(some), max(limit, 0))]
		return nil
	})
	return some, err
}

// PutNotices implements notice.Store. Number, Person, Notice and Created stay
// as they are.
func (s *Store) PutNotices(ctx context.Context, records []notice.Record, did []audit.Event) error {
	return s.step(ctx, func() error {
		for i, r := range records {
			before, known := s.notices[r.Number]
			switch {
			case !known:
				return errors.New("memory: no such notice")
			case before.State != notice.Waiting:
				continue
			}
			r.Person, r.Notice, r.Created = before.Person, before.Notice, before.Created
			put(s, s.notices, r.Number, r)
			if i < len(did) && did[i].Action != "" {
				if err := s.note(did[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// WaitingNotices implements notice.Store.
func (s *Store) WaitingNotices(ctx context.Context) (n int, oldest time.Time, err error) {
	waiting, err := s.someNotices(ctx, int(^uint(0)>>1), false, func(r notice.Record) bool { return r.State == notice.Waiting })
	if len(waiting) > 0 {
		oldest = waiting[0].Created
	}
	return len(waiting), oldest, err
}
