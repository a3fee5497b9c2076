package storetest

import (
	"fmt"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/notice"
)

var noticeTests = []test{
	{name: "Outbox", run: outbox},
	{name: "WhoIsTold", run: whoIsTold},
	{name: "OnlyOfCopies", run: onlyOfCopies},
	{name: "Final", run: finalNotices},
}

func notices(number string, facts ...document.Fact) document.Change {
	c := document.Change{Applied: true}
	for _, f := range facts {
		c.Notices = append(c.Notices, document.Notice{Document: number, Fact: f, Effect: document.EffectReissue, Since: Now, Cause: document.EventID{Source: "R", JTI: "x"}})
	}
	return c
}

func dueNotices(t *testing.T, s Store, now time.Time, limit int, want ...uint64) []notice.Record {
	t.Helper()
	due, err := s.DueNotices(t.Context(), now, limit)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []uint64
	for _, r := range due {
		numbers = append(numbers, r.Number)
	}
	if fmt.Sprint(numbers) != fmt.Sprint(want) {
		t.Errorf("due are %v, want %v", numbers, want)
	}
	return due
}

func wantWaiting(t *testing.T, s Store, want int, since time.Time) {
	t.Helper()
	if n, oldest, err := s.WaitingNotices(t.Context()); err != nil || n != want || !oldest.Equal(since) {
		t.Errorf("%d wait since %s, want %d since %s; %v", n, oldest, want, since, err)
	}
}

func outbox(t *testing.T, s Store) {
	person(t, s, "P", "N")
	base := func() uint64 {
		all, err := s.Notices(t.Context(), "P", 100)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(len(all))
	}()
	if base != 0 {
		t.Fatalf("%d notices of events that tell nothing", base)
	}
	wantWaiting(t, s, 0, time.Time{})
	later := Deciding("R", 2, "P", notices("N", document.FactMeasureEnded))
	later.Record.Accepted = Now.Add(hour)
	apply(t, s, Deciding("R", 1, "P", notices("N", document.Fact(document.CourtBan), document.FactMeasureEnded)), later)
	dueNotices(t, s, Now.Add(-1), 10)
	due := dueNotices(t, s, Now, 10, 1, 2)
	want := notices("N", document.FactMeasureEnded).Notices[0]
	if r := due[1]; r.Person != "P" || fmt.Sprint(r.Notice) != fmt.Sprint(want) || r.State != notice.Waiting || !r.Created.Equal(Now) || r.Attempts != 0 {
		t.Errorf("%+v, want %+v", r, want)
	}
	dueNotices(t, s, Now.Add(hour), 10, 1, 2, 3)
	dueNotices(t, s, Now.Add(hour), 2, 1, 2)
	wantWaiting(t, s, 3, Now)

	again := due[0]
	again.Attempts, again.Next, again.Problem = 1, Now.Add(10*time.Minute), "unreachable"
	if err := s.PutNotices(t.Context(), []notice.Record{again}, nil); err != nil {
		t.Fatal(err)
	}
	dueNotices(t, s, Now, 10, 2)
	// The oldest first, whenever they were tried.
	dueNotices(t, s, Now.Add(10*time.Minute), 10, 1, 2)
	all, err := s.Notices(t.Context(), "P", 100)
	if err != nil || len(all) != 3 || all[0].Number != 3 || all[2].Attempts != 1 || all[2].Problem != "unreachable" {
		t.Errorf("%+v, %v", all, err)
	}
	if some, err := s.Notices(t.Context(), "P", 2); err != nil || len(some) != 2 || some[0].Number != 3 {
		t.Errorf("%+v, %v", some, err)
	}
	if none, err := s.Notices(t.Context(), "Q", 10); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
}

func finalNotices(t *testing.T, s Store) {
	apply(t, s, Deciding("R", 1, "P", notices("", document.Fact(document.CourtBan), document.FactPersonDied, document.FactMeasureEnded)))
	due := dueNotices(t, s, Now, 10, 1, 2, 3)
	for i, state := range []notice.State{notice.Delivered, notice.Undeliverable} {
		r := due[i]
		r.State, r.Settled, r.Channel, r.Attempts = state, Now.Add(hour), "mail", 2
		for range 2 {
			lines, _, err := s.AuditSize(t.Context())
			if err == nil {
				err = s.PutNotices(t.Context(), []notice.Record{r}, []audit.Event{AuditEvent("settled")})
			}
			if err != nil {
				t.Fatal(err)
			}
			if after, _, err := s.AuditSize(t.Context()); err != nil || (after == lines+1) != (r.State == state) {
				t.Errorf("%d lines, then %d, %v", lines, after, err)
			}
			// What is final stays as it is.
			r.State, r.Channel, r.Next = notice.Waiting, "webhook", Now
		}
	}
	dueNotices(t, s, Now.Add(48*hour), 10, 3)
	wantWaiting(t, s, 1, Now)
	all, err := s.Notices(t.Context(), "P", 10)
	if err != nil || all[2].State != notice.Delivered || all[1].State != notice.Undeliverable || all[1].Channel != "mail" || !all[2].Settled.Equal(Now.Add(hour)) || all[2].Attempts != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	// All or nothing: a notice that nobody wrote takes the others with it.
	third := due[2]
	third.State = notice.Delivered
	if err := s.PutNotices(t.Context(), []notice.Record{third, {Number: 99, State: notice.Delivered}}, nil); err == nil {
		t.Error("a notice that nobody wrote")
	}
	wantWaiting(t, s, 1, Now)
}

// whoIsTold: who has the document after the change.
func whoIsTold(t *testing.T, s Store) {
	person(t, s, "A", "NA")
	person(t, s, "B", "NB")
	intend(t, s, Intent("batch", "A", "NA", 2, 1))
	apply(t, s, Event("R", 1, "A", document.PersonMerged{Into: "B"}))
	if n, err := s.Notices(t.Context(), "B", 10); err != nil || len(n) == 0 {
		t.Errorf("%+v, %v", n, err)
	}
	if n, err := s.Notices(t.Context(), "A", 10); err != nil || len(n) != 0 {
		t.Errorf("a notice to a record that is no more: %+v, %v", n, err)
	}
	apply(t, s, Deciding("R", 2, "B", notices("NB", document.FactMeasureEnded)), Deciding("R", 3, "B", notices("", document.FactPersonDied)))
	n, err := s.Notices(t.Context(), "B", 2)
	if err != nil || n[0].Notice.Fact != document.FactPersonDied || n[1].Notice.Document != "NB" {
		t.Errorf("%+v, %v", n, err)
	}
}

// onlyOfCopies: of new data those are told whose copies it concerns.
func onlyOfCopies(t *testing.T, s Store) {
	person(t, s, "P", "N")
	changed := []document.Fact{document.FactPersonChanged, document.FactEntitlementChanged, document.FactDocumentChanged}
	told := func(seq uint64, want int) {
		t.Helper()
		change := notices("N", changed...)
		for _, f := range changed {
			change.Revoke = append(change.Revoke, document.Revocation{Document: "N", Fact: f})
		}
		before, err := s.Notices(t.Context(), "P", 100)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s, Deciding("R", seq, "P", change))
		if after, err := s.Notices(t.Context(), "P", 100); err != nil || len(after)-len(before) != want {
			t.Errorf("%d notices, want %d; %v", len(after)-len(before), want, err)
		}
	}
	told(1, 0)
	intend(t, s, Intent("batch", "P", "N", 3, 1))
	told(2, 3)
}
