package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

var issuanceTests = []test{
	{name: "Offers", run: offers},
	{name: "IntentAndCopies", run: intentAndCopies, with: func(o *Options) { o.OpenLists = 1 }},
	{name: "NonceOnce", run: nonceOnce},
	{name: "TokenBatches", run: tokenBatches},
	{name: "StaleVersion", run: staleVersion},
	{name: "VoidGrants", run: voidGrants},
	{name: "RefusedIntentLeavesNoTrace", run: refusedIntent},
	{name: "SignedOnce", run: signedOnce},
	{name: "WalletEvents", run: walletEvents},
	{name: "IssuanceSweep", run: issuanceSweep},
	{name: "OfferAgain", run: offerAgain},
}

func offers(t *testing.T, s Store) {
	id, sealed := issuance.Digest(Digest(1)), []byte("sealed")
	if _, err := s.Offer(t.Context(), id, Now); !errors.Is(err, issuance.ErrOfferNotFound) {
		t.Errorf("an offer from nowhere: %v", err)
	}
	o := issuance.OfferRecord{ID: id, Sealed: sealed, Expires: Now.Add(time.Minute)}
	for range 2 {
		if err := s.PutOffer(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		o.Sealed = []byte("a repeat changes nothing")
	}
	sealed[0] = 'X'
	for range 2 {
		got, err := s.Offer(t.Context(), id, Now.Add(time.Minute-time.Nanosecond))
		if err != nil || string(got.Sealed) != "sealed" || got.ID != id || !got.Expires.Equal(o.Expires) {
			t.Errorf("%+v, %v", got, err)
			continue
		}
		got.Sealed[0] = 'Y'
	}
	if _, err := s.Offer(t.Context(), id, o.Expires); !errors.Is(err, issuance.ErrOfferNotFound) {
		t.Errorf("an expired offer: %v", err)
	}
}

func intentAndCopies(t *testing.T, s Store) {
	person(t, s, "P", "N")
	given := intend(t, s, Intent("B1", "P", "N", 2, 3))
	in := Intent("B2", "P", "N", 2, 2)
	in.Status = issuance.StatusNone
	if none := intend(t, s, in); none != nil {
		t.Errorf("indices without status: %v", none)
	}
	if err := s.MarkSigned(t.Context(), "B1", AuditEvent("B1")); err != nil {
		t.Fatal(err)
	}
	copies, err := s.Copies(t.Context(), "N")
	if err != nil || len(copies) != 5 {
		t.Fatalf("%d copies, %v", len(copies), err)
	}
	lists, err := s.Lists(t.Context())
	if err != nil || len(lists) != 1 || lists[0].Kind != status.KindStatus || len(lists[0].Key) != status.KeySize || !lists[0].Created.Equal(Now) || lists[0].Closed ||
		!lists[0].LastExpiry.Equal(in.Expires) || lists[0].Cover != 0 || lists[0].Waiting != 0 || lists[0].URI != status.URI(PublicURL, lists[0].ID) || lists[0].Version != 1 || lists[0].Allocated < 3 || lists[0].Revoked != 0 {
		t.Fatalf("lists %+v, %v", lists, err)
	}
	n := 0
	for _, c := range copies {
		want := issuance.Copy{
			Batch: c.Batch, Person: "P", Document: "N", Configuration: "mdl", Issued: c.Issued, Expires: c.Expires,
			SignerKeyID: "ds-1", State: issuance.StateIntended,
		}
		if c.Batch == "B1" {
			want.List, want.Index, want.State = lists[0].URI, given[n].Index, issuance.StateSigned
			if given[n].List != lists[0].URI {
				t.Errorf("index %d in list %s", n, given[n].List)
			}
			n++
		}
		if fmt.Sprint(c) != fmt.Sprint(want) || !c.Issued.Equal(in.Issued) || !c.Expires.Equal(in.Expires) {
			t.Errorf("copy %+v, want %+v", c, want)
		}
	}
}

func nonceOnce(t *testing.T, s Store) {
	person(t, s, "P", "N")
	var won atomic.Int32
	together(16, func(i int) {
		in := Intent(fmt.Sprint("B", i), "P", "N", 2, 2)
		in.Nonce, in.NonceExpires = Digest(1), Now.Add(time.Minute)
		given, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
		switch {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, issuance.ErrNonceUsed) || given != nil:
			t.Errorf("%v, %v", given, err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one nonce was consumed %d times", won.Load())
	}
	// No nonce is not a nonce that was used.
	intend(t, s, Intent("X", "P", "N", 2, 1))
	intend(t, s, Intent("Y", "P", "N", 2, 1))
}

func tokenBatches(t *testing.T, s Store) {
	person(t, s, "P", "N")
	var won atomic.Int32
	together(12, func(i int) {
		in := Intent(fmt.Sprint("B", i), "P", "N", 2, 1)
		in.TokenID, in.TokenBatches = "T", 3
		if _, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch)); err == nil {
			won.Add(1)
		} else if !errors.Is(err, issuance.ErrTokenSpent) {
			t.Error(err)
		}
	})
	if won.Load() != 3 {
		t.Errorf("a token for 3 batches drew %d", won.Load())
	}
	in := Intent("other", "P", "N", 2, 1)
	in.TokenID, in.Configuration = "T", "pid-mdoc"
	intend(t, s, in)
}

func staleVersion(t *testing.T, s Store) {
	person(t, s, "P", "N")
	for _, version := range []uint64{0, 1, 3} {
		if _, err := s.RecordIntent(t.Context(), Intent("B", "P", "N", version, 1), AuditEvent("B")); !errors.Is(err, issuance.ErrStale) {
			t.Errorf("version %d of 2: %v", version, err)
		}
	}
	if _, err := s.RecordIntent(t.Context(), Intent("B", "nobody", "N", 0, 1), AuditEvent("B")); !errors.Is(err, issuance.ErrStale) {
		t.Errorf("nobody: %v", err)
	}
	intend(t, s, Intent("B", "P", "N", 2, 1))
}

func refusedIntent(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 1))
	before := snapshot(t, s, []string{"P"}, []string{"N"})
	in := Intent("C", "P", "N", 1, 4)
	in.Nonce, in.NonceExpires, in.TokenID = Digest(1), Now.Add(time.Minute), "T"
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("C")); !errors.Is(err, issuance.ErrStale) {
		t.Error(err)
	}
	in.Version = 2
	if _, err := s.RecordIntent(t.Context(), in, audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("no audit, and yet: %v", err)
	}
	again := in
	again.Batch = "B"
	if _, err := s.RecordIntent(t.Context(), again, AuditEvent("B")); err == nil {
		t.Error("one batch id twice")
	}
	again = in
	again.Status = "something else"
	if _, err := s.RecordIntent(t.Context(), again, AuditEvent("C")); err == nil {
		t.Error("a kind of status that nobody knows")
	}
	again = in
	again.Count = 0
	if _, err := s.RecordIntent(t.Context(), again, AuditEvent("C")); err == nil {
		t.Error("a batch of nothing")
	}
	if after := snapshot(t, s, []string{"P"}, []string{"N"}); after != before {
		t.Errorf("a refused intent leaves a trace:\n%s\nbefore\n%s", after, before)
	}
	// Neither nonce nor token was used up.
	intend(t, s, in)
}

// voidGrants: what was granted up to the instant of the fact is void, for that
// document alone.
func voidGrants(t *testing.T, s Store) {
	person(t, s, "P", "N")
	apply(t, s, Event("R", 1, "P", Licence("M")))
	void := Deciding("R", 2, "P", document.Change{Applied: true, Void: []string{"N"}})
	void.Record.Accepted = Now.Add(hour + time.Nanosecond)
	apply(t, s, void)
	for i, c := range []struct {
		document string
		granted  time.Time
		void     bool
	}{
		{"N", Now, true}, {"N", Now.Add(hour), true}, {"N", Now.Add(hour + 1), true}, {"N", Now.Add(hour + 2), false}, {"M", Now, false}, {"N", time.Time{}, true},
	} {
		in := Intent(fmt.Sprint("B", i), "P", c.document, 4, 1)
		in.Granted = c.granted
		if _, err := s.RecordIntent(t.Context(), in, AuditEvent("B")); errors.Is(err, issuance.ErrGrantVoid) != c.void || !c.void && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// An earlier instant that comes later does not bring a grant back.
	early := Deciding("S", 1, "P", document.Change{Applied: true, Void: []string{"N"}})
	early.Record.Accepted = Now
	apply(t, s, early)
	in := Intent("late", "P", "N", 5, 1)
	in.Granted = Now.Add(hour)
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("B")); !errors.Is(err, issuance.ErrGrantVoid) {
		t.Errorf("%v", err)
	}
}

func signedOnce(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 2))
	var signed, burned atomic.Int32
	together(16, func(i int) {
		mark, won := s.MarkSigned, &signed
		if i%2 == 1 {
			mark, won = s.MarkBurned, &burned
		}
		if err := mark(t.Context(), "B", AuditEvent("B")); err == nil {
			won.Add(1)
		} else if !errors.Is(err, issuance.ErrNotIntended) {
			t.Error(err)
		}
	})
	if signed.Load()+burned.Load() != 1 {
		t.Errorf("a batch was signed %d times and burned %d times", signed.Load(), burned.Load())
	}
	want := issuance.StateSigned
	if burned.Load() == 1 {
		want = issuance.StateBurned
	}
	copies, err := s.Copies(t.Context(), "N")
	if err != nil || len(copies) != 2 || copies[0].State != want || copies[1].State != want {
		t.Errorf("%+v, %v, want %s", copies, err, want)
	}
	if err := s.MarkSigned(t.Context(), "unknown", AuditEvent("B")); !errors.Is(err, issuance.ErrNotIntended) {
		t.Errorf("an unknown batch: %v", err)
	}
	if n := len(auditLines(t, s)); n != 4 {
		t.Errorf("%d audit lines, want 2 events, 1 intent, 1 end", n)
	}
}

func walletEvents(t *testing.T, s Store) {
	person(t, s, "P", "N")
	intend(t, s, Intent("B", "P", "N", 2, 2))
	e := issuance.Event{Batch: "B", Event: "credential_accepted", Recorded: Now}
	if _, err := s.PutEvent(t.Context(), e); !errors.Is(err, issuance.ErrBatchNotFound) {
		t.Errorf("a batch not signed: %v", err)
	}
	if err := s.MarkSigned(t.Context(), "B", AuditEvent("B")); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if added, err := s.PutEvent(t.Context(), e); err != nil || added != (i == 0) {
			t.Error(added, err)
		}
		e.Recorded = Now.Add(time.Hour)
	}
	deleted := issuance.Event{Batch: "B", Event: "credential_deleted", Recorded: Now.Add(time.Minute)}
	var added atomic.Int32
	together(8, func(int) {
		if once, err := s.PutEvent(t.Context(), deleted); err != nil {
			t.Error(err)
		} else if once {
			added.Add(1)
		}
	})
	if added.Load() != 1 {
		t.Errorf("one word was new %d times", added.Load())
	}
	events, err := s.Events(t.Context(), "B")
	if err != nil || len(events) != 2 || events[0].Event != "credential_accepted" || !events[0].Recorded.Equal(Now) || events[1] != deleted {
		t.Errorf("%+v, %v", events, err)
	}
	if events, err := s.Events(t.Context(), "unknown"); err != nil || len(events) != 0 {
		t.Errorf("%+v, %v", events, err)
	}
	e.Batch = "unknown"
	if _, err := s.PutEvent(t.Context(), e); !errors.Is(err, issuance.ErrBatchNotFound) {
		t.Errorf("an unknown batch: %v", err)
	}
}

// offerAgain: made once more, an offer is good for longer, and never for less.
func offerAgain(t *testing.T, s Store) {
	o := issuance.OfferRecord{ID: Digest(1), Sealed: []byte("sealed"), Expires: Now.Add(time.Minute)}
	for _, end := range []time.Duration{time.Minute, 3 * time.Minute, 2 * time.Minute} {
		o.Expires = Now.Add(end)
		if err := s.PutOffer(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		o.Sealed = []byte("other")
	}
	if n, err := s.SweepExpired(t.Context(), Now.Add(2*time.Minute), 10); err != nil || n != 0 {
		t.Errorf("%d swept, %v", n, err)
	}
	if got, err := s.Offer(t.Context(), o.ID, Now.Add(2*time.Minute)); err != nil || string(got.Sealed) != "sealed" || !got.Expires.Equal(Now.Add(3*time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	if n, err := s.SweepExpired(t.Context(), Now.Add(3*time.Minute), 10); err != nil || n != 1 {
		t.Errorf("%d swept, %v", n, err)
	}
}

func issuanceSweep(t *testing.T, s Store) {
	person(t, s, "P", "N")
	for i := range 4 {
		if err := s.PutOffer(t.Context(), issuance.OfferRecord{ID: Digest(i), Sealed: []byte("x"), Expires: Now.Add(time.Duration(i) * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	in := Intent("B", "P", "N", 2, 1)
	in.Nonce, in.NonceExpires, in.TokenExpires = Digest(9), Now.Add(5*time.Minute), Now.Add(6*time.Minute)
	intend(t, s, in)
	sweep := func(now time.Time, limit, want int) {
		t.Helper()
		if n, err := s.SweepExpired(t.Context(), now, limit); err != nil || n != want {
			t.Errorf("swept %d at %s with limit %d, want %d; %v", n, now.Sub(Now), limit, want, err)
		}
	}
	sweep(Now.Add(-time.Second), 10, 0)
	sweep(Now.Add(time.Minute), 10, 2)
	sweep(Now.Add(time.Minute), 10, 0)
	if _, err := s.Offer(t.Context(), Digest(2), Now); err != nil {
		t.Errorf("swept too soon: %v", err)
	}
	again := Intent("C", "P", "N", 2, 1)
	again.Nonce, again.NonceExpires = in.Nonce, in.NonceExpires
	if _, err := s.RecordIntent(t.Context(), again, AuditEvent("C")); !errors.Is(err, issuance.ErrNonceUsed) {
		t.Errorf("the nonce is forgotten too soon: %v", err)
	}
	later := Now.Add(6 * time.Minute)
	sweep(later, 3, 3)
	sweep(later, 3, 1)
	intend(t, s, again)
	// Copies and outcomes stay.
	if copies, err := s.Copies(t.Context(), "N"); err != nil || len(copies) != 2 {
		t.Errorf("%d copies, %v", len(copies), err)
	}
	if _, err := s.Outcome(t.Context(), "registry-of-P", "registry-of-P-1"); err != nil && !errors.Is(err, registry.ErrOutcomeNotFound) {
		t.Error(err)
	}
}
