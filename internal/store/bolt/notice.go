package bolt

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/notice"
)

// errNotice: there is no notice of this number.
var errNotice = errors.New("no such notice")

// newNotice puts a notice into the outbox.
func (t *tx) newNotice(r notice.Record) error {
	r.Number = t.nextNumber(noticeCountKey)
	key := number(r.Number)
	t.put(personNoticeBucket, pair(r.Person, key), nil)
	t.put(noticeWaitingBucket, key, instant(r.Next))
	t.put(metaBucket, noticeWaitingKey, number(toNumber(t.get(metaBucket, noticeWaitingKey))+1))
	return t.putRecord(noticeBucket, key, r)
}

// DueNotices implements notice.Store. It walks over those that wait.
func (s *Store) DueNotices(ctx context.Context, now time.Time, limit int) ([]notice.Record, error) {
	var due []notice.Record
	if limit <= 0 {
		return nil, ctx.Err()
	}
	err := s.view(ctx, func(t *tx) error {
		return t.scan(noticeWaitingBucket, nil, func(key, next []byte) error {
			if toNumber(next) > moment(now) {
				return nil
			}
			r, err := t.notice(key)
			if err != nil {
				return err
			}
			if due = append(due, r); len(due) == limit {
				return errEnough
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

func (t *tx) notice(key []byte) (r notice.Record, err error) {
	known, err := t.record(noticeBucket, key, &r)
	if err == nil && !known {
		err = errNotice
	}
	return r, err
}

// PutNotice implements notice.Store. Number, Person, Notice and Created stay
// as they are.
func (s *Store) PutNotice(ctx context.Context, r notice.Record) error {
	return s.update(ctx, func(t *tx) error {
		key := number(r.Number)
		before, err := t.notice(key)
		if err != nil || before.State != notice.Waiting {
			return err
		}
		if r.State == notice.Waiting {
			t.put(noticeWaitingBucket, key, instant(r.Next))
		} else {
			t.delete(noticeWaitingBucket, key)
			t.put(metaBucket, noticeWaitingKey, number(toNumber(t.get(metaBucket, noticeWaitingKey))-1))
		}
		r.Person, r.Notice, r.Created = before.Person, before.Notice, before.Created
		return t.putRecord(noticeBucket, key, r)
	})
}

// Notices implements notice.Store.
func (s *Store) Notices(ctx context.Context, person string, limit int) ([]notice.Record, error) {
	var notices []notice.Record
	if limit <= 0 {
		return nil, ctx.Err()
	}
	prefix := pair(person, nil)
	err := s.view(ctx, func(t *tx) error {
		return t.scanBack(personNoticeBucket, prefix, pair(person, number(^uint64(0))), func(key, _ []byte) error {
			r, err := t.notice(key[len(prefix):])
			if err != nil {
				return err
			}
			if notices = append(notices, r); len(notices) == limit {
				return errEnough
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return notices, nil
}

// WaitingNotices implements notice.Store.
func (s *Store) WaitingNotices(ctx context.Context) (n int, oldest time.Time, err error) {
	err = s.view(ctx, func(t *tx) error {
		n = int(toNumber(t.get(metaBucket, noticeWaitingKey)))
		return t.scan(noticeWaitingBucket, nil, func(key, _ []byte) error {
			r, err := t.notice(key)
			if err != nil {
				return err
			}
			oldest = r.Created
			return errEnough
		})
	})
	return n, oldest, err
}
