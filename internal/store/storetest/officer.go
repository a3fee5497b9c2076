package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/officer"
)

var officerTests = []test{
	{name: "LinkOnce", run: linkOnce},
	{name: "Sessions", run: sessions},
	{name: "Proposals", run: proposals},
	{name: "ConfirmedOnce", run: confirmedOnce},
	{name: "NewestFirst", run: newestFirst},
	{name: "NoAuditNoDeed", run: officerAudit},
	{name: "Sweep", run: sweepOfficers},
}

func link(n int) officer.Link {
	return officer.Link{ID: Digest(n), Officer: "anna", Expires: Now.Add(hour)}
}

func session(n int) officer.Session {
	return officer.Session{ID: Digest(n), Begun: Now, Used: Now, Expires: Now.Add(8 * hour)}
}

func loggedIn(who string) audit.Event { return AuditEvent("login of " + who) }

func linkOnce(t *testing.T, s Store) {
	ctx := t.Context()
	if err := s.PutLink(ctx, link(1), AuditEvent("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RedeemLink(ctx, Digest(2), session(100), Now, loggedIn); !errors.Is(err, officer.ErrLinkUsed) {
		t.Errorf("%v", err)
	}
	var won atomic.Int32
	together(16, func(i int) {
		got, err := s.RedeemLink(ctx, Digest(1), session(200+i), Now.Add(hour-1), loggedIn)
		switch {
		case err == nil:
			won.Add(1)
			if got.Officer != "anna" || got.ID != Digest(200+i) {
				t.Errorf("%+v", got)
			}
			if again, err := s.Session(ctx, got.ID, Now, hour); err != nil || again.Officer != "anna" {
				t.Errorf("%+v, %v", again, err)
			}
		case !errors.Is(err, officer.ErrLinkUsed):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one link was used %d times", won.Load())
	}
	if err := s.PutLink(ctx, link(3), AuditEvent("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RedeemLink(ctx, Digest(3), session(300), Now.Add(hour), loggedIn); !errors.Is(err, officer.ErrLinkUsed) {
		t.Errorf("an expired link: %v", err)
	}
	lines := auditLines(t, s)
	if len(lines) != 3 || lines[1].Subject != "login of anna" {
		t.Errorf("%+v", lines)
	}
}

func sessions(t *testing.T, s Store) {
	ctx := t.Context()
	began := session(1)
	began.Officer = "anna"
	if err := s.BeginSession(ctx, began, AuditEvent("certificate")); err != nil {
		t.Fatal(err)
	}
	read := func(at time.Time, idle time.Duration) (officer.Session, error) {
		return s.Session(ctx, Digest(1), at, idle)
	}
	for _, c := range []struct {
		at   time.Time
		used time.Time
	}{{Now.Add(time.Minute - 1), Now}, {Now.Add(time.Minute), Now.Add(time.Minute)}, {Now.Add(90 * time.Second), Now.Add(time.Minute)}, {Now.Add(15 * time.Minute), Now.Add(15 * time.Minute)}} {
		if got, err := read(c.at, 15*time.Minute); err != nil || !got.Used.Equal(c.used) || got.Officer != "anna" {
			t.Errorf("at %s: %+v, %v", c.at, got, err)
		}
	}
	if _, err := read(Now.Add(30*time.Minute), 15*time.Minute); !errors.Is(err, officer.ErrSessionNotFound) {
		t.Errorf("idle for too long: %v", err)
	}
	if _, err := read(Now.Add(8*hour), 24*hour); !errors.Is(err, officer.ErrSessionNotFound) {
		t.Errorf("expired: %v", err)
	}
	if err := errors.Join(s.SetLanguage(ctx, Digest(1), "lb")); err != nil {
		t.Fatal(err)
	}
	if got, err := read(Now.Add(16*time.Minute), 15*time.Minute); err != nil || got.Language != "lb" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.SetLanguage(ctx, Digest(9), "lb"); !errors.Is(err, officer.ErrSessionNotFound) {
		t.Errorf("%v", err)
	}
	for range 2 {
		if err := s.EndSession(ctx, Digest(1), AuditEvent("logout")); err != nil {
			t.Error(err)
		}
	}
	if _, err := read(Now, hour); !errors.Is(err, officer.ErrSessionNotFound) {
		t.Errorf("ended: %v", err)
	}
	if n := len(auditLines(t, s)); n != 2 {
		t.Errorf("%d audit lines, want begin and end", n)
	}
}

func proposal(id string) officer.Proposal {
	return officer.Proposal{
		ID: id, Officer: "anna", Human: "Anna A.", Person: "P", Created: Now, Expires: Now.Add(24 * hour),
		Event: "measure-added", Payload: []byte(`{"id":"M"}`), Effective: Now, Version: 3, Purpose: "decision",
	}
}

func proposals(t *testing.T, s Store) {
	ctx := t.Context()
	if _, err := s.Proposal(ctx, "X"); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("%v", err)
	}
	p := proposal("X")
	for range 2 {
		if err := s.PutProposal(ctx, p, AuditEvent("proposal")); err != nil {
			t.Fatal(err)
		}
		p.Payload[0] = '!' // the store has its own
		p.Person = "a repeat changes nothing"
	}
	got, err := s.Proposal(ctx, "X")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(proposal("X")) || !bytes.Equal(got.Payload, proposal("X").Payload) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.WithdrawProposal(ctx, "X", "bert", Now, AuditEvent("withdrawn")); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("withdrawn by another: %v", err)
	}
	if err := s.WithdrawProposal(ctx, "X", "anna", Now, AuditEvent("withdrawn")); err != nil {
		t.Error(err)
	}
	if err := s.WithdrawProposal(ctx, "X", "anna", Now, AuditEvent("withdrawn")); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("withdrawn twice: %v", err)
	}
	if _, err := s.ConfirmProposal(ctx, "X", "bert", "Bert B.", "j", Now, AuditEvent("confirmed")); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("confirmed after it was withdrawn: %v", err)
	}
	if err := s.PutProposal(ctx, proposal("late"), AuditEvent("proposal")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmProposal(ctx, "late", "bert", "Bert B.", "j", Now.Add(24*hour), AuditEvent("confirmed")); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("confirmed after it expired: %v", err)
	}
	if err := s.SettleProposal(ctx, "unknown", "no"); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("%v", err)
	}
	if n := len(auditLines(t, s)); n != 3 {
		t.Errorf("%d audit lines", n)
	}
}

// confirmedOnce: by another human being, under one jti for all time.
func confirmedOnce(t *testing.T, s Store) {
	ctx := t.Context()
	if err := s.PutProposal(ctx, proposal("X"), AuditEvent("proposal")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ officer, human string }{{"anna", "Anna A."}, {"anna-2", "Anna A."}} {
		if _, err := s.ConfirmProposal(ctx, "X", c.officer, c.human, "j", Now, AuditEvent("confirmed")); !errors.Is(err, officer.ErrSamePerson) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	var won atomic.Int32
	var name atomic.Value
	together(12, func(i int) {
		who := fmt.Sprint("officer ", i)
		for range 2 {
			p, err := s.ConfirmProposal(ctx, "X", who, who, fmt.Sprint("jti-", i), Now.Add(hour), AuditEvent("confirmed"))
			switch {
			case err == nil:
				won.Add(1)
				name.Store(p.JTI)
				if p.ConfirmedBy != who || p.JTI != fmt.Sprint("jti-", i) || !p.ConfirmedAt.Equal(Now.Add(hour)) {
					t.Errorf("%+v", p)
				}
			case !errors.Is(err, officer.ErrProposalNotFound):
				t.Error(err)
			}
		}
	})
	if won.Load() != 2 {
		t.Errorf("%d answers to one officer who asked twice", won.Load())
	}
	if err := s.SettleProposal(ctx, "X", "conflict: another version"); err != nil {
		t.Fatal(err)
	}
	p, err := s.Proposal(ctx, "X")
	if err != nil || p.JTI != name.Load() || p.Refused != "conflict: another version" {
		t.Errorf("%+v, %v", p, err)
	}
	if n := len(auditLines(t, s)); n != 2 {
		t.Errorf("%d audit lines, want proposal and confirmation", n)
	}
}

func newestFirst(t *testing.T, s Store) {
	ctx := t.Context()
	for i := range 6 {
		p := proposal(fmt.Sprint("X", i))
		p.Created = Now.Add(time.Duration(i) * time.Minute)
		p.Person = []string{"P", "Q"}[i%2]
		if err := s.PutProposal(ctx, p, AuditEvent("proposal")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.ConfirmProposal(ctx, "X5", "bert", "Bert", "j", Now, AuditEvent("confirmed")); err != nil {
		t.Fatal(err)
	}
	if err := s.WithdrawProposal(ctx, "X4", "anna", Now, AuditEvent("withdrawn")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		person string
		open   bool
		at     time.Time
		limit  int
		want   string
	}{
		{"", false, Now, 10, "[X5 X4 X3 X2 X1 X0]"}, {"", false, Now, 2, "[X5 X4]"}, {"", true, Now, 10, "[X3 X2 X1 X0]"},
		{"Q", false, Now, 10, "[X5 X3 X1]"}, {"P", true, Now, 10, "[X2 X0]"}, {"P", true, Now.Add(24 * hour), 10, "[]"}, {"nobody", false, Now, 10, "[]"}, {"", false, Now, 0, "[]"},
	} {
		all, err := s.Proposals(ctx, c.person, c.open, c.at, c.limit)
		var ids []string
		for _, p := range all {
			ids = append(ids, p.ID)
		}
		if err != nil || fmt.Sprint(ids) != c.want {
			t.Errorf("%+v: %v, %v", c, ids, err)
		}
	}
}

func officerAudit(t *testing.T, s Store) {
	ctx := t.Context()
	none := audit.Event{}
	if err := errors.Join(s.PutLink(ctx, link(1), AuditEvent("x")), s.PutProposal(ctx, proposal("X"), AuditEvent("x"))); err != nil {
		t.Fatal(err)
	}
	_, redeemed := s.RedeemLink(ctx, Digest(1), session(1), Now, func(string) audit.Event { return none })
	_, confirmed := s.ConfirmProposal(ctx, "X", "bert", "Bert", "j", Now, none)
	for name, err := range map[string]error{
		"link": s.PutLink(ctx, link(2), none), "redeem": redeemed, "session": s.BeginSession(ctx, session(2), none),
		"proposal": s.PutProposal(ctx, proposal("Y"), none), "confirm": confirmed, "withdraw": s.WithdrawProposal(ctx, "X", "anna", Now, none),
	} {
		if !errors.Is(err, audit.ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := s.Proposal(ctx, "X"); err != nil || p.Withdrawn || p.JTI != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.Proposal(ctx, "Y"); !errors.Is(err, officer.ErrProposalNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := s.RedeemLink(ctx, Digest(2), session(3), Now, loggedIn); !errors.Is(err, officer.ErrLinkUsed) {
		t.Errorf("%v", err)
	}
	if _, err := s.RedeemLink(ctx, Digest(1), session(4), Now, loggedIn); err != nil {
		t.Errorf("the link was used up by a login that did not happen: %v", err)
	}
}

func sweepOfficers(t *testing.T, s Store) {
	ctx := t.Context()
	for i := range 3 {
		l, b, p := link(i), session(10+i), proposal(fmt.Sprint("X", i))
		at := Now.Add(time.Duration(i+1) * hour)
		l.Expires, b.Expires, p.Expires = at, at, at
		if err := errors.Join(s.PutLink(ctx, l, AuditEvent("x")), s.BeginSession(ctx, b, AuditEvent("x")), s.PutProposal(ctx, p, AuditEvent("x"))); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func(before time.Time, limit, want int) {
		t.Helper()
		if n, err := s.SweepOfficers(ctx, before, limit); err != nil || n != want {
			t.Errorf("swept %d before %s, want %d; %v", n, before.Sub(Now), want, err)
		}
	}
	sweep(Now.Add(hour), 10, 0)
	sweep(Now.Add(hour+1), 2, 2)
	sweep(Now.Add(hour+1), 2, 1)
	sweep(Now.Add(hour+1), 2, 0)
	if all, err := s.Proposals(ctx, "", false, Now, 10); err != nil || len(all) != 2 {
		t.Errorf("%d proposals, %v", len(all), err)
	}
	if _, err := s.Session(ctx, Digest(11), Now, hour); err != nil {
		t.Errorf("swept too soon: %v", err)
	}
	if _, err := s.SweepExpired(ctx, Now.AddDate(1, 0, 0), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(ctx, Digest(11), Now, hour); err != nil {
		t.Errorf("swept with what is not an officer's: %v", err)
	}
	sweep(Now.AddDate(1, 0, 0), 100, 6)
}
