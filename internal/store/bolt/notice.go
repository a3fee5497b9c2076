package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/notice"
)

// errNotice: there is no notice of this number.
var errNotice = errors.New("no such notice")

// noticeForm begins a notice in packed form. Older ones are JSON and begin with
// a brace.
const noticeForm = 1

func encodeNotice(r notice.Record) []byte {
	p := packer{b: make([]byte, 0, sealSize+320)}
	p.byte(noticeForm)
	p.uint(r.Number)
	p.text(r.Person)
	p.text(r.Notice.Document)
	p.text(string(r.Notice.Fact))
	p.text(r.Notice.Measure)
	p.text(string(r.Notice.Effect))
	p.time(r.Notice.Since)
	p.text(r.Notice.Cause.Source)
	p.text(r.Notice.Cause.JTI)
	p.time(r.Created)
	p.text(string(r.State))
	p.uint(uint64(r.Attempts))
	p.time(r.Next)
	p.time(r.Settled)
	p.text(r.Channel)
	p.text(r.Problem)
	return p.b
}

func decodeNotice(b []byte) (r notice.Record, err error) {
	if len(b) > 0 && b[0] == '{' {
		return r, decode(b, &r)
	}
	u := unpacker{b: b}
	u.bad = u.byte() != noticeForm
	r.Number, r.Person = u.uint(), u.text()
	n := &r.Notice
	n.Document, n.Fact, n.Measure = u.text(), document.Fact(u.text()), u.text()
	n.Effect, n.Since = document.Effect(u.text()), u.time()
	n.Cause = document.EventID{Source: u.text(), JTI: u.text()}
	r.Created, r.State, r.Attempts = u.time(), notice.State(u.text()), int(u.uint())
	r.Next, r.Settled, r.Channel, r.Problem = u.time(), u.time(), u.text(), u.text()
	if err := u.end(); err != nil {
		return r, fmt.Errorf("notice: %w", err)
	}
	return r, nil
}

// newNotice puts a notice into the outbox.
func (t *tx) newNotice(r notice.Record) error {
	r.Number = t.nextNumber(noticeCountKey)
	key := number(r.Number)
	t.put(personNoticeBucket, pair(r.Person, key), nil)
	t.put(noticeWaitingBucket, key, instant(r.Next))
	t.put(metaBucket, noticeWaitingKey, number(toNumber(t.get(metaBucket, noticeWaitingKey))+1))
	t.put(noticeBucket, key, encodeNotice(r))
	return nil
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
	b := t.get(noticeBucket, key)
	if b == nil {
		return r, errNotice
	}
	return decodeNotice(b)
}

// PutNotices implements notice.Store. Number, Person, Notice and Created stay
// as they are.
func (s *Store) PutNotices(ctx context.Context, records []notice.Record, did []audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		for i, r := range records {
			written, err := t.putNotice(r)
			if err == nil && written && i < len(did) && did[i].Action != "" {
				err = s.note(t, did[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) putNotice(r notice.Record) (written bool, err error) {
	key := number(r.Number)
	before, err := t.notice(key)
	if err != nil || before.State != notice.Waiting {
		return false, err
	}
	if r.State == notice.Waiting {
		t.put(noticeWaitingBucket, key, instant(r.Next))
	} else {
		t.delete(noticeWaitingBucket, key)
		t.put(metaBucket, noticeWaitingKey, number(toNumber(t.get(metaBucket, noticeWaitingKey))-1))
	}
	r.Person, r.Notice, r.Created = before.Person, before.Notice, before.Created
	t.put(noticeBucket, key, encodeNotice(r))
	return true, nil
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
