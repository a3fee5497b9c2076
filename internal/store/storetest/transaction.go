package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
)

var transactionTests = []test{
	{name: "Waits", run: transactionWaits},
	{name: "AnsweredOnce", run: answeredOnce},
	{name: "NonceOnceForAll", run: nonceOnceForAll},
	{name: "RefusedDeferralLeavesNoTrace", run: refusedDeferral},
	{name: "VoidGrants", run: deferredVoid},
	{name: "Returned", run: transactionReturned},
	{name: "Approvals", run: approvals},
	{name: "DecidedOnce", run: decidedOnce},
	{name: "Sweep", run: transactionSweep},
	{name: "Units", run: walletWalk},
}

// Transaction is one for a copy of N, kept for a day.
func Transaction(n int) issuance.Transaction {
	return issuance.Transaction{
		ID: Digest(1000 + n), Holder: Digest(2000 + n), Sealed: []byte("sealed"), Person: "P", Document: "N", Configuration: "mdl",
		Created: Now.Add(time.Duration(n) * time.Second), Expires: Now.Add(24 * hour),
	}
}

// asking is the intent that goes with a deferral: nothing is issued yet.
func asking(batch string) issuance.Intent {
	in := Intent(batch, "P", "N", 2, 1)
	in.TokenBatches = 100
	return in
}

func wait(t *testing.T, s Store, tr issuance.Transaction) {
	t.Helper()
	if err := s.Defer(t.Context(), asking(fmt.Sprintf("%x", tr.ID)), tr, time.Time{}, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
}

func answering(tr issuance.Transaction, batch string) issuance.Intent {
	in := Intent(batch, "P", "N", 2, 2)
	in.Transaction, in.TokenBatches, in.Recorded = tr.ID, 0, Now
	return in
}

func transactionWaits(t *testing.T, s Store) {
	person(t, s, "P", "N")
	tr := Transaction(1)
	if _, err := s.Transaction(t.Context(), tr.ID, Now); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("from nowhere: %v", err)
	}
	wait(t, s, tr)
	tr.Sealed[0] = 'X'
	for range 2 {
		got, err := s.Transaction(t.Context(), tr.ID, tr.Expires.Add(-1))
		if err != nil || string(got.Sealed) != "sealed" || got.Holder != tr.Holder || got.Person != "P" || got.Document != "N" ||
			got.Configuration != "mdl" || got.Approval != issuance.ApprovalNone || !got.Created.Equal(tr.Created) || !got.Expires.Equal(tr.Expires) {
			t.Errorf("%+v, %v", got, err)
			continue
		}
		got.Sealed[0] = 'Y'
	}
	if _, err := s.Transaction(t.Context(), tr.ID, tr.Expires); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("expired: %v", err)
	}
	// One holder waits once; another waits beside.
	other := Transaction(2)
	wait(t, s, other)
	again := Transaction(3)
	again.Holder = tr.Holder
	wait(t, s, again)
	for _, c := range []struct {
		id   issuance.Digest
		want error
	}{{tr.ID, issuance.ErrTransactionNotFound}, {other.ID, nil}, {again.ID, nil}} {
		if _, err := s.Transaction(t.Context(), c.id, Now); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if err := s.EndTransaction(t.Context(), other.ID, audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("ended without a word in the record: %v", err)
	}
	for _, want := range []error{nil, issuance.ErrTransactionNotFound} {
		if err := s.EndTransaction(t.Context(), other.ID, AuditEvent("x")); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// answeredOnce: one of many who ask at once gets the copies, and the
// transaction is dead for the others, and afterwards.
func answeredOnce(t *testing.T, s Store) {
	person(t, s, "P", "N")
	tr := Transaction(1)
	wait(t, s, tr)
	late := answering(tr, "late")
	late.Recorded = tr.Expires
	if _, err := s.RecordIntent(t.Context(), late, AuditEvent("B")); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("expired: %v", err)
	}
	stale := answering(tr, "stale")
	stale.Version = 1
	if _, err := s.RecordIntent(t.Context(), stale, AuditEvent("B")); !errors.Is(err, issuance.ErrStale) {
		t.Errorf("stale: %v", err)
	}
	var won atomic.Int32
	together(8, func(i int) {
		in := answering(tr, fmt.Sprint("B", i))
		switch given, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch)); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, issuance.ErrTransactionNotFound) || given != nil:
			t.Errorf("%v, %v", given, err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one transaction was answered %d times", won.Load())
	}
	if _, err := s.Transaction(t.Context(), tr.ID, Now); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("it lives on: %v", err)
	}
	if copies, err := s.Copies(t.Context(), "N"); err != nil || len(copies) != 2 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
}

// nonceOnceForAll: a nonce is good for one request, whether it is answered or
// waits.
func nonceOnceForAll(t *testing.T, s Store) {
	person(t, s, "P", "N")
	var won atomic.Int32
	together(10, func(i int) {
		in := asking(fmt.Sprint("B", i))
		in.Nonce, in.NonceExpires = Digest(1), Now.Add(time.Minute)
		var err error
		if i%2 == 0 {
			_, err = s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
		} else {
			err = s.Defer(t.Context(), in, Transaction(i), time.Time{}, AuditEvent(in.Batch))
		}
		switch {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, issuance.ErrNonceUsed):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one nonce was consumed %d times", won.Load())
	}
}

func refusedDeferral(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := asking("B")
	in.TokenID, in.TokenBatches = "T", 1
	in.Nonce, in.NonceExpires = Digest(1), Now.Add(time.Minute)
	tr := Transaction(1)
	if err := s.Defer(t.Context(), in, tr, time.Time{}, audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("no audit, and yet: %v", err)
	}
	apply(t, s, Deciding("R", 1, "P", document.Change{Applied: true, Wallets: []string{"U"}}))
	lost := in
	lost.Wallet.Unit = "U"
	if err := s.Defer(t.Context(), lost, tr, time.Time{}, AuditEvent("B")); !errors.Is(err, issuance.ErrWalletRevoked) {
		t.Errorf("%v", err)
	}
	if _, err := s.Transaction(t.Context(), tr.ID, Now); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("a refused one waits: %v", err)
	}
	// Neither nonce nor token was used up; now they are.
	if err := s.Defer(t.Context(), in, tr, time.Time{}, AuditEvent("B")); err != nil {
		t.Fatal(err)
	}
	if err := s.Defer(t.Context(), in, Transaction(2), time.Time{}, AuditEvent("B")); !errors.Is(err, issuance.ErrNonceUsed) {
		t.Errorf("%v", err)
	}
	in.Nonce = issuance.Digest{}
	if err := s.Defer(t.Context(), in, Transaction(2), time.Time{}, AuditEvent("B")); !errors.Is(err, issuance.ErrTokenSpent) {
		t.Errorf("%v", err)
	}
	in.Batch, in.Version = "C", 3
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("C")); !errors.Is(err, issuance.ErrTokenSpent) {
		t.Errorf("a token counts requests that wait: %v", err)
	}
	// Its answer does not count again.
	answer := answering(tr, "D")
	answer.Version, answer.TokenID, answer.TokenBatches = 3, "T", 1
	intend(t, s, answer)
}

// deferredVoid: what ended the grants may be what the wallet waits for; what
// came before may not.
func deferredVoid(t *testing.T, s Store) {
	person(t, s, "P", "N")
	void := Deciding("R", 1, "P", document.Change{Applied: true, Void: []string{"N"}})
	void.Record.Accepted = Now.Add(2 * hour)
	apply(t, s, void)
	for i, c := range []struct {
		granted, since time.Time
		void           bool
	}{
		{Now, time.Time{}, true}, {Now, Now.Add(hour), false}, {Now, Now.Add(2 * hour), false}, {Now, Now.Add(2*hour + 1), true},
		{Now.Add(2*hour + 1), time.Time{}, false}, {Now.Add(2 * hour), time.Time{}, true},
	} {
		in := asking(fmt.Sprint("B", i))
		in.Granted = c.granted
		if err := s.Defer(t.Context(), in, Transaction(i), c.since, AuditEvent("B")); errors.Is(err, issuance.ErrGrantVoid) != c.void || !c.void && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// What is ended for good nobody waits out.
	person(t, s, "E", "EN")
	ended := Deciding("E", 1, "E", document.Change{Applied: true, Void: []string{"EN"}, Ended: []string{"EN"}})
	passing := Deciding("E", 2, "E", document.Change{Applied: true, Void: []string{"EN"}})
	passing.Record.Accepted = Now.Add(2 * hour)
	apply(t, s, ended, passing)
	lost := Transaction(77)
	lost.Document = "EN"
	in := asking("lost")
	in.Granted = Now
	if err := s.Defer(t.Context(), in, lost, Now.Add(hour), AuditEvent("B")); !errors.Is(err, issuance.ErrGrantVoid) {
		t.Errorf("waiting with what is ended: %v", err)
	}
	// The answer is given for the wait, which began after it.
	in = answering(Transaction(1), "answer")
	in.Version, in.Granted = 3, Now.Add(3*hour)
	intend(t, s, in)
}

func transactionReturned(t *testing.T, s Store) {
	person(t, s, "P", "N")
	tr := Transaction(1)
	wait(t, s, tr)
	intend(t, s, answering(tr, "B"))
	for range 2 {
		if err := s.ReturnTransaction(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
	}
	intend(t, s, answering(tr, "C"))
	// Meanwhile the wallet asked anew.
	again := Transaction(2)
	again.Holder = tr.Holder
	wait(t, s, again)
	if err := s.ReturnTransaction(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Transaction(t.Context(), tr.ID, Now); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("a holder waits twice: %v", err)
	}
}

func approvals(t *testing.T, s Store) {
	person(t, s, "P", "N")
	for _, n := range []int{3, 1, 2} {
		tr := Transaction(n)
		tr.Approval = issuance.ApprovalAwaited
		wait(t, s, tr)
	}
	wait(t, s, Transaction(4)) // needs nobody's word
	list := func(now time.Time, limit int, want ...int) {
		t.Helper()
		all, err := s.Awaiting(t.Context(), now, limit)
		if err != nil || len(all) != len(want) {
			t.Errorf("%d await, want %v; %v", len(all), want, err)
			return
		}
		for i, n := range want {
			if all[i].ID != Transaction(n).ID {
				t.Errorf("at place %d is %x", i, all[i].ID)
			}
		}
	}
	list(Now, 10, 1, 2, 3)
	list(Now, 2, 1, 2)
	list(Now.Add(24*hour), 10)
	decide := func(n int, word issuance.Approval, want error) {
		t.Helper()
		if err := s.Decide(t.Context(), Transaction(n).ID, word, AuditEvent("x")); !errors.Is(err, want) {
			t.Errorf("%d, %s: %v, want %v", n, word, err, want)
		}
	}
	lines := len(auditLines(t, s))
	decide(1, issuance.ApprovalGiven, nil)
	decide(1, issuance.ApprovalGiven, nil)
	decide(2, issuance.ApprovalRefused, nil)
	if n := len(auditLines(t, s)) - lines; n != 2 {
		t.Errorf("%d words on record", n)
	}
	decide(1, issuance.ApprovalRefused, issuance.ErrDecided)
	decide(4, issuance.ApprovalGiven, issuance.ErrDecided)
	decide(3, issuance.ApprovalAwaited, nil)
	decide(3, "perhaps", issuance.ErrDecided)
	decide(5, issuance.ApprovalGiven, issuance.ErrTransactionNotFound)
	list(Now, 10, 3)
	for n, want := range map[int]issuance.Approval{1: issuance.ApprovalGiven, 2: issuance.ApprovalRefused, 3: issuance.ApprovalAwaited} {
		if got, err := s.Transaction(t.Context(), Transaction(n).ID, Now); err != nil || got.Approval != want {
			t.Errorf("%d: %q, %v", n, got.Approval, err)
		}
	}
	if err := s.EndTransaction(t.Context(), Transaction(3).ID, AuditEvent("x")); err != nil {
		t.Error(err)
	}
	list(Now, 10)
}

func decidedOnce(t *testing.T, s Store) {
	person(t, s, "P", "N")
	tr := Transaction(1)
	tr.Approval = issuance.ApprovalAwaited
	wait(t, s, tr)
	var given, refused atomic.Int32
	together(8, func(i int) {
		word, won := issuance.ApprovalGiven, &given
		if i%2 == 1 {
			word, won = issuance.ApprovalRefused, &refused
		}
		if err := s.Decide(t.Context(), tr.ID, word, AuditEvent("x")); err == nil {
			won.Add(1)
		} else if !errors.Is(err, issuance.ErrDecided) {
			t.Error(err)
		}
	})
	if (given.Load() == 0) == (refused.Load() == 0) {
		t.Errorf("given %d times, refused %d times", given.Load(), refused.Load())
	}
}

func transactionSweep(t *testing.T, s Store) {
	person(t, s, "P", "N")
	for n := range 4 {
		tr := Transaction(n)
		tr.Expires, tr.Approval = Now.Add(time.Duration(n)*time.Minute), issuance.ApprovalAwaited
		in := asking(fmt.Sprint("B", n))
		in.TokenID, in.TokenExpires = "T", Now.Add(hour)
		if err := s.Defer(t.Context(), in, tr, time.Time{}, AuditEvent("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EndTransaction(t.Context(), Transaction(3).ID, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want int
	}{{Now.Add(time.Minute), 2}, {Now.Add(time.Minute), 0}, {Now.Add(10 * time.Minute), 1}, {Now.Add(hour), 1}} {
		if n, err := s.SweepExpired(t.Context(), c.at, 10); err != nil || n != c.want {
			t.Errorf("swept %d at %s, want %d; %v", n, c.at.Sub(Now), c.want, err)
		}
	}
	if all, err := s.Awaiting(t.Context(), Now.Add(-hour), 10); err != nil || len(all) != 0 {
		t.Errorf("%d are left, %v", len(all), err)
	}
	// Nothing of it keeps the holder from waiting again.
	for n := range 4 {
		wait(t, s, Transaction(n))
	}
}

// walletWalk: every unit that may get copies, that lives and that showed
// something, once.
func walletWalk(t *testing.T, s Store) {
	person(t, s, "P", "N")
	shown := []issuance.StatusIndex{{List: "https://provider.example/1", Index: 7}}
	var want []string
	for n := range 7 {
		in := Intent(fmt.Sprint("B", n), "P", "N", 2, 1)
		in.Wallet = issuance.Wallet{Unit: fmt.Sprint("U", n), Attestations: shown}
		switch n {
		case 2:
			in.Wallet.Attestations = nil
		case 4:
			in.Expires = Now.Add(hour)
		default:
			want = append(want, in.Wallet.Unit)
		}
		intend(t, s, in)
	}
	apply(t, s, Deciding("R", 1, "P", document.Change{Applied: true, Wallets: []string{"U5", "never seen"}}))
	want = slices.DeleteFunc(want, func(u string) bool { return u == "U5" })
	for _, limit := range []int{1, 3, 100} {
		var got []string
		for after, rounds := "", 0; ; rounds++ {
			units, next, err := s.Wallets(t.Context(), after, Now.Add(hour), limit)
			if err != nil || len(units) > limit || rounds > 20 {
				t.Fatalf("%d units, round %d, %v", len(units), rounds, err)
			}
			for _, w := range units {
				if len(w.Attestations) != 1 || w.Attestations[0].Index != 7 {
					t.Errorf("%+v", w)
				}
				got = append(got, w.Unit)
			}
			if after = next; next == "" {
				break
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v, want %v", limit, got, want)
		}
	}
}

// deferSome and deferredStill are of RunDurable: what waits waits on.
func deferSome(t *testing.T, s Store) {
	for n := range 3 {
		tr := Transaction(n)
		if n == 2 {
			tr.Approval = issuance.ApprovalAwaited
		}
		wait(t, s, tr)
	}
	in := answering(Transaction(1), "answered before")
	intend(t, s, in)
	if err := s.MarkSigned(t.Context(), in.Batch, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutEvent(t.Context(), issuance.Event{Batch: in.Batch, Event: "credential_accepted", Recorded: Now}); err != nil {
		t.Fatal(err)
	}
}

func deferredStill(t *testing.T, s Store, version uint64) {
	if got, err := s.Transaction(t.Context(), Transaction(0).ID, Now); err != nil || string(got.Sealed) != "sealed" {
		t.Errorf("a transaction after a restart: %+v, %v", got, err)
	}
	if all, err := s.Awaiting(t.Context(), Now, 10); err != nil || len(all) != 1 || all[0].ID != Transaction(2).ID {
		t.Errorf("%d await after a restart, %v", len(all), err)
	}
	in := answering(Transaction(1), "answered twice")
	in.Version, in.Granted = version, Now.Add(hour)
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("x")); !errors.Is(err, issuance.ErrTransactionNotFound) {
		t.Errorf("answered twice over a restart: %v", err)
	}
	if events, err := s.Events(t.Context(), "answered before"); err != nil || len(events) != 1 || !events[0].Recorded.Equal(Now) {
		t.Errorf("%+v, %v", events, err)
	}
}
