package bolt

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"vidimus/internal/notice"
)

// Retention is how long what was needed stays after its time. Zero is for
// ever.
type Retention struct {
	Events   time.Duration // tokens, after they were accepted: the records of events stay without them
	History  time.Duration // records of events, after they were accepted
	Outcomes time.Duration // outcomes after they were accepted, receipts after they were written
	Copies   time.Duration // batches, after they expired; whom an emergency concerned, after it was done
	Notices  time.Duration // after they were settled
	Wallets  time.Duration // units, after what they had expired; one that was revoked stays
}

// Retained counts what one Retain deleted.
type Retained struct {
	Tokens, Events, Outcomes, Receipts, Batches, Notices, Wallets, Concerned int
}

// Total is the sum.
func (r Retained) Total() int {
	return r.Tokens + r.Events + r.Outcomes + r.Receipts + r.Batches + r.Notices + r.Wallets + r.Concerned
}

func (r Retained) String() string {
	return fmt.Sprintf("%d tokens, %d events, %d outcomes, %d receipts, %d batches of copies, %d notices, %d wallet units, %d documents of emergencies",
		r.Tokens, r.Events, r.Outcomes, r.Receipts, r.Batches, r.Notices, r.Wallets, r.Concerned)
}

// tokensTakenKey is of the last event whose token was deleted.
var tokensTakenKey = []byte("tokens-taken")

// Retain deletes what is older than its retention, at most limit of each kind,
// in a transaction for each. Once it gives a Total of 0 nothing is left. What
// an outcome that is not covered needs stays, and so do notices that wait.
func (s *Store) Retain(ctx context.Context, now time.Time, r Retention, limit int) (Retained, error) {
	var done Retained
	for _, kind := range []struct {
		keep  time.Duration
		count *int
		take  func(t *tx, before time.Time, limit int) (int, error)
	}{
		{r.Events, &done.Tokens, (*tx).takeTokens},
		{r.History, &done.Events, (*tx).takeEvents},
		{r.Outcomes, &done.Outcomes, (*tx).takeOutcomes},
		{r.Outcomes, &done.Receipts, (*tx).takeReceipts},
		{r.Copies, &done.Batches, (*tx).takeBatches},
		{r.Notices, &done.Notices, (*tx).takeNotices},
		{r.Wallets, &done.Wallets, (*tx).takeWallets},
		{r.Copies, &done.Concerned, (*tx).takeConcerned},
	} {
		if kind.keep <= 0 {
			continue
		}
		err := s.update(ctx, func(t *tx) (err error) {
			*kind.count, err = kind.take(t, now.Add(-kind.keep), limit)
			return err
		})
		if err != nil {
			*kind.count = 0
			return done, err
		}
	}
	return done, nil
}

func (t *tx) takeTokens(before time.Time, limit int) (int, error) {
	taken, n := toNumber(t.get(metaBucket, tokensTakenKey)), 0
	var over []eventValue
	var numbers []uint64
	err := t.scanFrom(eventBucket, nil, number(taken+1), func(key, value []byte) error {
		v, err := decodeEvent(value)
		if err != nil {
			return err
		}
		if n == limit || v.record.Accepted.After(before) {
			return errEnough
		}
		n++
		taken = toNumber(key)
		v.record.Token = ""
		over, numbers = append(over, v), append(numbers, taken)
		return nil
	})
	if err != nil || n == 0 {
		return 0, err
	}
	for i, v := range over {
		t.put(eventBucket, number(numbers[i]), v.encode())
	}
	t.put(metaBucket, tokensTakenKey, number(taken))
	return n, nil
}

// oldest collects keys of a bucket from its first until it has limit, or over
// says that the rest is younger.
func (t *tx) oldest(b bucketID, prefix []byte, limit int, over func(key, value []byte) (old, take bool, err error)) (keys [][]byte, err error) {
	err = t.scan(b, prefix, func(key, value []byte) error {
		old, take, err := over(key, value)
		if err != nil {
			return err
		}
		if !old || len(keys) == limit {
			return errEnough
		}
		if take {
			keys = append(keys, bytes.Clone(key))
		}
		return nil
	})
	return keys, err
}

func (t *tx) takeEvents(before time.Time, limit int) (int, error) {
	keys, err := t.oldest(eventBucket, nil, limit, func(_, value []byte) (bool, bool, error) {
		v, err := decodeEvent(value)
		return !v.record.Accepted.After(before), true, err
	})
	for _, key := range keys {
		t.delete(eventBucket, key)
	}
	return len(keys), err
}

func (t *tx) takeOutcomes(before time.Time, limit int) (int, error) {
	var jtis [][]byte
	keys, err := t.oldest(outcomeBucket, nil, limit, func(key, value []byte) (bool, bool, error) {
		u := unpacker{b: value}
		o, _ := unpackOutcome(&u)
		if err := u.end(); err != nil || o.Accepted.After(before) || t.has(openBucket, key) {
			return !o.Accepted.After(before), false, err
		}
		src, err := t.source(o.Source)
		jtis = append(jtis, jtiKey(src.number, o.JTI))
		return true, true, err
	})
	for i, key := range keys {
		t.delete(outcomeBucket, key)
		t.delete(jtiBucket, jtis[i])
	}
	return len(keys), err
}

func (t *tx) takeReceipts(before time.Time, limit int) (int, error) {
	var sources []uint32
	err := t.scan(sourceBucket, nil, func(_, value []byte) error {
		u := unpacker{b: value}
		sources = append(sources, uint32(u.uint()))
		return nil
	})
	if err != nil {
		return 0, err
	}
	var keys [][]byte
	for _, source := range sources {
		some, err := t.oldest(receiptBucket, short(source), limit-len(keys), func(_, value []byte) (bool, bool, error) {
			u := unpacker{b: value}
			at := u.time()
			return !u.bad && !at.After(before), true, nil
		})
		if err != nil {
			return 0, err
		}
		keys = append(keys, some...)
	}
	for _, key := range keys {
		t.delete(receiptBucket, key)
	}
	return len(keys), nil
}

func (t *tx) takeBatches(before time.Time, limit int) (int, error) {
	ends, err := t.first(batchEndBucket, moment(before), limit)
	if err != nil {
		return 0, err
	}
	var said [][]byte
	var over []*batchValue
	for _, end := range ends {
		b, err := t.batch(string(t.get(batchEndBucket, end)))
		if err == nil && b == nil {
			err = fmt.Errorf("%w: a batch is gone", ErrDamaged)
		}
		if err == nil {
			over = append(over, b)
			err = t.scan(saidBucket, pair(b.ID, nil), func(key, _ []byte) error {
				said = append(said, bytes.Clone(key))
				return nil
			})
		}
		if err != nil {
			return 0, err
		}
	}
	for i, b := range over {
		t.delete(batchEndBucket, ends[i])
		t.delete(copyBucket, b.key())
		t.delete(batchBucket, []byte(b.ID))
		if b.Wallet != "" {
			t.delete(unitCopyBucket, pair(b.Wallet, b.key()))
		}
	}
	for _, key := range said {
		t.delete(saidBucket, key)
	}
	return len(over), nil
}

func (t *tx) takeNotices(before time.Time, limit int) (int, error) {
	var people []string
	keys, err := t.oldest(noticeBucket, nil, limit, func(_, value []byte) (bool, bool, error) {
		r, err := decodeNotice(value)
		if err != nil {
			return false, false, err
		}
		take := r.State != notice.Waiting && !r.Settled.After(before)
		if take {
			people = append(people, r.Person)
		}
		return !r.Created.After(before), take, nil
	})
	for i, key := range keys {
		t.delete(noticeBucket, key)
		t.delete(personNoticeBucket, pair(people[i], key))
	}
	return len(keys), err
}

func (t *tx) takeWallets(before time.Time, limit int) (int, error) {
	ends, err := t.first(walletEndBucket, moment(before), limit)
	for _, end := range ends {
		t.delete(walletBucket, t.get(walletEndBucket, end))
		t.delete(walletEndBucket, end)
	}
	return len(ends), err
}
