package bolt

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

const day = 24 * time.Hour

// retainAll repeats until nothing is left, in small steps.
func retainAll(t *testing.T, s *Store, now time.Time, r Retention) (sum Retained) {
	t.Helper()
	for range 1000 {
		done, err := s.Retain(t.Context(), now, r, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{done.Tokens, done.Events, done.Outcomes, done.Receipts, done.Batches, done.Notices, done.Wallets} {
			if n > 2 {
				t.Errorf("%+v in one step", done)
			}
		}
		if done.Total() == 0 {
			return sum
		}
		sum.Tokens, sum.Events, sum.Outcomes, sum.Receipts = sum.Tokens+done.Tokens, sum.Events+done.Events, sum.Outcomes+done.Outcomes, sum.Receipts+done.Receipts
		sum.Batches, sum.Notices, sum.Wallets = sum.Batches+done.Batches, sum.Notices+done.Notices, sum.Wallets+done.Wallets
	}
	t.Fatal("no end of it")
	return sum
}

// Each kind goes at its time and no sooner, and leaves nothing behind.
func TestRetain(t *testing.T) {
	ctx := t.Context()
	s := fresh(t, options())
	at := func(days int) time.Time { return storetest.Now.Add(time.Duration(days) * day) }
	mustApply(t, s, storetest.Event("R", 1, "P", storetest.Person("A")), storetest.Event("R", 2, "P", storetest.Licence("N")))
	version := uint64(2)
	for i := range 6 {
		in := storetest.Intent(fmt.Sprint("B", i), "P", "N", version, 2)
		in.Recorded, in.Expires, in.Granted, in.TokenExpires = at(i), at(i+14), at(i).Add(time.Hour), at(i+1)
		in.Wallet = issuance.Wallet{Unit: fmt.Sprint("U", i), Expires: at(i + 1)}
		mustIntend(t, s, in)
		err := s.MarkSigned(ctx, in.Batch, storetest.AuditEvent("x"))
		if err == nil {
			_, err = s.PutEvent(ctx, issuance.Event{Batch: in.Batch, Event: "credential_accepted", Recorded: at(i)})
		}
		if err != nil {
			t.Fatal(err)
		}
		app := storetest.EventAt("R", uint64(i+3), "P", storetest.Person(fmt.Sprint("A", i)), at(i))
		mustApply(t, s, app)
		version++
	}
	all, err := s.Notices(ctx, "P", 100)
	if err != nil || len(all) != 6 {
		t.Fatal(len(all), err)
	}
	for _, n := range all[3:] { // the three oldest
		n.State, n.Settled = notice.Delivered, n.Created
		if err := s.PutNotices(ctx, []notice.Record{n}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Release(ctx, at(3)); err != nil { // two of the outcomes are open for ever
		t.Fatal(err)
	}
	publishAll(t, s, at(3))

	none := Retention{}
	if sum := retainAll(t, s, at(10_000), none); sum.Total() != 0 {
		t.Errorf("zero is for ever: %s", sum)
	}
	year := Retention{Events: 365 * day, History: 365 * day, Outcomes: 365 * day, Copies: 365 * day, Notices: 365 * day, Wallets: 365 * day}
	if sum := retainAll(t, s, at(365).Add(-1), year); sum.Total() != 0 {
		t.Errorf("too soon: %s", sum)
	}

	// Tokens of the first two days; the records stay.
	if sum := retainAll(t, s, at(31), Retention{Events: 30 * day}); sum.Tokens != 4 || sum.Total() != 4 {
		t.Errorf("%s", sum)
	}
	history, err := s.History(ctx, "P", document.EventID{}, 100)
	if err != nil || len(history) != 8 || history[0].Token == "" || history[7].Token != "" || history[7].JTI != "R-1" {
		t.Errorf("%+v, %v", history, err)
	}
	if o, err := applyAgain(t, s, storetest.Event("R", 1, "P", storetest.Person("A"))); err != nil || !o.Repeated {
		t.Errorf("%+v, %v", o, err)
	}
	// Records.
	if sum := retainAll(t, s, at(31), Retention{History: 30 * day}); sum.Events != 4 || sum.Total() != 4 {
		t.Errorf("%s", sum)
	}
	if history, err = s.History(ctx, "P", document.EventID{}, 100); err != nil || len(history) != 4 || history[3].JTI != "R-5" {
		t.Errorf("%+v, %v", history, err)
	}
	// Outcomes: those that are open stay.
	sum := retainAll(t, s, at(365), Retention{Outcomes: 300 * day})
	if _, err := s.Outcome(ctx, "R", "R-1"); !errors.Is(err, registry.ErrOutcomeNotFound) {
		t.Errorf("%v", err)
	}
	open := 0
	for n := range 8 {
		if o, err := s.Outcome(ctx, "R", fmt.Sprint("R-", n+1)); err == nil {
			open++
			if o.State() != registry.StateApplied || o.Copies == 0 {
				t.Errorf("%+v", o)
			}
		}
	}
	if open == 0 || open != 8-sum.Outcomes {
		t.Errorf("%d outcomes left; %s", open, sum)
	}
	if rows, err := s.Receipts(ctx, "R", 0, 100); err != nil || len(rows) != 0 || sum.Receipts == 0 {
		t.Errorf("%d receipts left; %s", len(rows), sum)
	}
	// The order is kept, also of what is forgotten.
	var gap *registry.SeqError
	if _, err := applyAgain(t, s, storetest.Event("R", 1, "P", storetest.Person("A"))); !errors.As(err, &gap) || gap.Next != 9 {
		t.Errorf("%v", err)
	}
	// The open ones are covered later all the same, and told.
	if _, err := s.Release(ctx, at(400)); err != nil {
		t.Fatal(err)
	}
	publishAll(t, s, at(400))
	rows, err := s.Receipts(ctx, "R", 0, 100)
	if err != nil || len(rows) != open {
		t.Errorf("%d receipts, %v", len(rows), err)
	}
	// Copies.
	if sum := retainAll(t, s, at(17+30), Retention{Copies: 30 * day}); sum.Batches != 4 || sum.Total() != 4 {
		t.Errorf("%s", sum)
	}
	copies, err := s.Copies(ctx, "N")
	if err != nil || len(copies) != 4 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
	if copies, err := s.WalletCopies(ctx, "U0"); err != nil || len(copies) != 0 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
	// Notices that wait stay.
	if sum := retainAll(t, s, at(365), Retention{Notices: 30 * day}); sum.Notices != 3 {
		t.Errorf("%s", sum)
	}
	if all, err := s.Notices(ctx, "P", 100); err != nil || len(all) != 3 || all[0].State != notice.Waiting {
		t.Errorf("%+v, %v", all, err)
	}
	// Wallets, but for one that was revoked.
	mustApply(t, s, storetest.Deciding("S", 1, "P", document.Change{Wallets: []string{"U1"}}))
	if sum := retainAll(t, s, at(365), Retention{Wallets: 30 * day}); sum.Wallets != 5 {
		t.Errorf("%s", sum)
	}
	for i := range 6 {
		w, revoked, err := s.Wallet(ctx, fmt.Sprint("U", i))
		if err != nil || w.Expires.IsZero() != (i != 1) || revoked.IsZero() != (i != 1) {
			t.Errorf("U%d: %+v, %v, %v", i, w, revoked, err)
		}
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	// Nothing of them is anywhere else.
	left := map[bucketID]int{}
	if err := s.view(ctx, func(t *tx) error {
		for _, b := range []bucketID{copyBucket, batchBucket, unitCopyBucket, batchEndBucket, saidBucket, noticeBucket, personNoticeBucket, noticeWaitingBucket, walletBucket, walletEndBucket} {
			if err := t.scan(b, nil, func(_, _ []byte) error { left[b]++; return nil }); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := map[bucketID]int{copyBucket: 2, batchBucket: 2, unitCopyBucket: 2, batchEndBucket: 2, saidBucket: 2, noticeBucket: 3, personNoticeBucket: 3, noticeWaitingBucket: 3, walletBucket: 1}
	if fmt.Sprint(left) != fmt.Sprint(want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}

func applyAgain(t *testing.T, s *Store, app registry.Application) (registry.Outcome, error) {
	t.Helper()
	r := s.ApplyEvents(t.Context(), []registry.Application{app})[0]
	return r.Outcome, r.Err
}
