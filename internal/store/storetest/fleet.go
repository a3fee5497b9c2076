package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/fleet"
)

var fleetTests = []test{
	{name: "Life", run: readerLife},
	{name: "Refusals", run: readerRefusals},
	{name: "CodeOnce", run: readerCodeOnce},
	{name: "ApprovedOnce", run: readerApprovedOnce},
	{name: "NameOnce", run: readerNameOnce},
	{name: "Renewed", run: readerRenewed},
	{name: "Swept", run: readersSwept},
	{name: "Audited", run: readersAudited},
}

// invited is the n-th reader, with a code for an hour.
func invited(n int) fleet.Reader {
	return fleet.Reader{
		ID: fmt.Sprint("r-", n), Name: fmt.Sprint("Patrol ", n), Organization: "Police", State: fleet.Invited,
		Code: Digest(n), Invited: Now, CodeExpires: Now.Add(hour),
	}
}

func claims(id string) audit.Event { return AuditEvent("asks " + id) }

// enrol takes a reader that was put up to its certificate.
func enrol(t *testing.T, s Store, n int, until time.Time) fleet.Reader {
	t.Helper()
	if _, err := s.ClaimReader(t.Context(), Digest(n), Digest(100+n), []byte("key"), Now, claims); err != nil {
		t.Fatal(err)
	}
	r, err := s.EnrolReader(t.Context(), fmt.Sprint("r-", n), Digest(100+n), []byte("certificate"), []byte{byte(n)}, until, Now, AuditEvent("approved"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readerLife(t *testing.T, s Store) {
	ctx := t.Context()
	for _, n := range []int{2, 1} {
		if err := s.PutReader(ctx, invited(n), AuditEvent("invited")); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.ClaimReader(ctx, Digest(1), Digest(101), []byte("key"), Now.Add(time.Minute), claims)
	if err != nil || r.State != fleet.Asked || r.Key != Digest(101) || string(r.PublicKey) != "key" || !r.Asked.Equal(Now.Add(time.Minute)) || r.Certificate != nil {
		t.Fatalf("asked: %+v, %v", r, err)
	}
	until := Now.Add(1000 * hour)
	r, err = s.EnrolReader(ctx, "r-1", Digest(101), []byte("certificate"), []byte{1, 2}, until, Now.Add(2*time.Minute), AuditEvent("approved"))
	if err != nil || r.State != fleet.Enrolled || string(r.Certificate) != "certificate" || !bytes.Equal(r.Serial, []byte{1, 2}) || !r.Expires.Equal(until) {
		t.Fatalf("enrolled: %+v, %v", r, err)
	}
	// The same request again, long after the code, gives what there is.
	if r, err = s.ClaimReader(ctx, Digest(1), Digest(101), []byte("key"), Now.Add(500*hour), claims); err != nil || r.State != fleet.Enrolled || string(r.Certificate) != "certificate" {
		t.Errorf("collected: %+v, %v", r, err)
	}
	for _, seen := range []struct {
		bundle uint64
		at     time.Time
		want   uint64
	}{{7, Now.Add(hour), 7}, {6, Now.Add(2 * hour), 7}, {9, Now, 7}, {7, Now.Add(3 * hour), 7}, {8, Now.Add(4 * hour), 8}} {
		if err := s.SeenReader(ctx, "r-1", seen.bundle, seen.at); err != nil {
			t.Fatal(err)
		}
		if r, _ := s.Reader(ctx, "r-1"); r.Bundle != seen.want {
			t.Errorf("bundle %d after %+v", r.Bundle, seen)
		}
	}
	if r, err := s.Reader(ctx, "r-1"); err != nil || !r.BundleSeen.Equal(Now.Add(4*hour)) {
		t.Errorf("seen: %+v, %v", r, err)
	}
	r, err = s.RevokeReader(ctx, "r-1", Now.Add(5*hour), AuditEvent("revoked"))
	if err != nil || r.State != fleet.Revoked || !r.Revoked.Equal(Now.Add(5*hour)) || string(r.Certificate) != "certificate" {
		t.Fatalf("revoked: %+v, %v", r, err)
	}
	if _, err := s.ClaimReader(ctx, Digest(1), Digest(101), []byte("key"), Now, claims); !errors.Is(err, fleet.ErrCode) {
		t.Errorf("the code of one that was revoked: %v", err)
	}
	// Its name is free.
	again := invited(3)
	again.Name = "Patrol 1"
	if err := s.PutReader(ctx, again, AuditEvent("invited")); err != nil {
		t.Fatal(err)
	}
	list, err := s.Readers(ctx)
	if err != nil || len(list) != 3 || list[0].ID != "r-1" || list[1].ID != "r-3" || list[2].ID != "r-2" {
		t.Errorf("%+v, %v", list, err)
	}
	if n := len(auditLines(t, s)); n != 6 { // neither collecting nor seeing is told
		t.Errorf("%d audit lines", n)
	}
}

func readerRefusals(t *testing.T, s Store) {
	ctx := t.Context()
	for _, n := range []int{1, 2} {
		if err := s.PutReader(ctx, invited(n), AuditEvent("invited")); err != nil {
			t.Fatal(err)
		}
	}
	lines := len(auditLines(t, s))
	claim := func(code, key int, at time.Time) error {
		_, err := s.ClaimReader(ctx, Digest(code), Digest(key), []byte("key"), at, claims)
		return err
	}
	approve := func(id string, key int) error {
		_, err := s.EnrolReader(ctx, id, Digest(key), []byte("c"), []byte{1}, Now.Add(hour), Now, AuditEvent("no"))
		return err
	}
	revoke := func(id string) error {
		_, err := s.RevokeReader(ctx, id, Now, AuditEvent("no"))
		return err
	}
	read := func(id string) error { _, err := s.Reader(ctx, id); return err }
	for name, c := range map[string]struct{ got, want error }{
		"a code that was never made":  {claim(9, 100, Now), fleet.ErrCode},
		"an expired code":             {claim(1, 100, Now.Add(hour)), fleet.ErrCode},
		"approving who has not asked": {approve("r-1", 101), fleet.ErrState},
		"approving nobody":            {approve("r-9", 101), fleet.ErrReader},
		"revoking nobody":             {revoke("r-9"), fleet.ErrReader},
		"seeing nobody":               {s.SeenReader(ctx, "r-9", 1, Now), fleet.ErrReader},
		"seeing who is not enrolled":  {s.SeenReader(ctx, "r-1", 1, Now), fleet.ErrState},
		"reading nobody":              {read("r-9"), fleet.ErrReader},
		"reading nothing":             {read(""), fleet.ErrReader},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	if n := len(auditLines(t, s)); n != lines {
		t.Errorf("refusals wrote %d lines", n-lines)
	}
	if err := claim(1, 101, Now); err != nil {
		t.Fatal(err)
	}
	if err := claim(1, 102, Now); !errors.Is(err, fleet.ErrCode) {
		t.Errorf("a code with a second key: %v", err)
	}
	if err := approve("r-1", 102); !errors.Is(err, fleet.ErrState) {
		t.Errorf("approving another key: %v", err)
	}
	if err := errors.Join(approve("r-1", 101), revoke("r-1")); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"revoking twice": revoke("r-1"), "approving who was revoked": approve("r-1", 101), "seeing who was revoked": s.SeenReader(ctx, "r-1", 1, Now)} {
		if !errors.Is(err, fleet.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One that was only invited can be revoked; its code is none then.
	if err := revoke("r-2"); err != nil {
		t.Fatal(err)
	}
	if err := claim(2, 103, Now); !errors.Is(err, fleet.ErrCode) {
		t.Errorf("the code of an invitation that was taken back: %v", err)
	}
}

// Of many readers that use one code at the same time one is taken.
func readerCodeOnce(t *testing.T, s Store) {
	ctx := t.Context()
	if err := s.PutReader(ctx, invited(1), AuditEvent("invited")); err != nil {
		t.Fatal(err)
	}
	var won, winner atomic.Int32
	together(16, func(i int) {
		switch r, err := s.ClaimReader(ctx, Digest(1), Digest(100+i), fmt.Append(nil, "key ", i), Now, claims); {
		case err == nil:
			won.Add(1)
			winner.Store(int32(i))
			if r.Key != Digest(100+i) {
				t.Errorf("%d got the record of another", i)
			}
		case !errors.Is(err, fleet.ErrCode):
			t.Error(err)
		}
	})
	r, err := s.Reader(ctx, "r-1")
	if err != nil || won.Load() != 1 || r.Key != Digest(100+int(winner.Load())) || string(r.PublicKey) != fmt.Sprint("key ", winner.Load()) {
		t.Errorf("%d keys won, %+v, %v", won.Load(), r, err)
	}
	if n := len(auditLines(t, s)); n != 2 {
		t.Errorf("%d audit lines", n)
	}
}

// Of many approvals one gives the certificate; revoking at the same time leaves
// the reader revoked.
func readerApprovedOnce(t *testing.T, s Store) {
	ctx := t.Context()
	for n := range 2 {
		if err := s.PutReader(ctx, invited(n), AuditEvent("invited")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ClaimReader(ctx, Digest(n), Digest(100), []byte("key"), Now, claims); err != nil {
			t.Fatal(err)
		}
	}
	var won atomic.Int32
	together(16, func(i int) {
		id := fmt.Sprint("r-", i%2)
		_, err := s.EnrolReader(ctx, id, Digest(100), fmt.Append(nil, "certificate ", i), []byte{byte(i)}, Now.Add(hour), Now, AuditEvent("approved"))
		if id == "r-1" && i == 1 {
			if _, err := s.RevokeReader(ctx, id, Now, AuditEvent("revoked")); err != nil {
				t.Error(err)
			}
		}
		switch {
		case err == nil && id == "r-0":
			won.Add(1)
		case err != nil && !errors.Is(err, fleet.ErrState):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("approved %d times", won.Load())
	}
	if r, err := s.Reader(ctx, "r-1"); err != nil || r.State != fleet.Revoked {
		t.Errorf("%+v, %v", r, err)
	}
}

func readerNameOnce(t *testing.T, s Store) {
	var won atomic.Int32
	together(8, func(i int) {
		r := invited(i)
		r.Name = "Patrol"
		switch err := s.PutReader(t.Context(), r, AuditEvent("invited")); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, fleet.ErrName):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d readers have one name", won.Load())
	}
}

// A reader whose certificate ends soon has a successor under its name; neither takes
// the name of the other with it when it goes.
func readerRenewed(t *testing.T, s Store) {
	ctx := t.Context()
	if err := s.PutReader(ctx, invited(1), AuditEvent("invited")); err != nil {
		t.Fatal(err)
	}
	until := Now.Add(fleet.RenewAhead + hour)
	enrol(t, s, 1, until)
	successor := func(n int, at time.Time) error {
		r := invited(n)
		r.Name, r.Invited, r.CodeExpires = "Patrol 1", at, at.Add(hour)
		return s.PutReader(ctx, r, AuditEvent("invited"))
	}
	if err := successor(2, Now.Add(hour-1)); !errors.Is(err, fleet.ErrName) {
		t.Errorf("long before its end: %v", err)
	}
	if err := successor(2, Now.Add(hour)); err != nil {
		t.Fatal(err)
	}
	if err := successor(3, Now.Add(hour)); !errors.Is(err, fleet.ErrName) {
		t.Errorf("a second successor: %v", err)
	}
	if _, err := s.RevokeReader(ctx, "r-1", Now, AuditEvent("revoked")); err != nil {
		t.Fatal(err)
	}
	if err := successor(3, Now.Add(hour)); !errors.Is(err, fleet.ErrName) {
		t.Errorf("the name went with the predecessor: %v", err)
	}
	// An invitation that nobody used in time is none, swept or not.
	if err := successor(4, Now.Add(2*hour)); err != nil {
		t.Error(err)
	}
	if n, err := s.SweepReaders(ctx, Now.Add(2*hour), 10); err != nil || n != 1 {
		t.Errorf("%d swept, %v", n, err)
	}
	if err := successor(5, Now.Add(2*hour)); !errors.Is(err, fleet.ErrName) {
		t.Errorf("the name went with an old invitation: %v", err)
	}
	if r, err := s.ClaimReader(ctx, Digest(4), Digest(100), []byte("key"), Now.Add(2*hour), claims); err != nil || r.ID != "r-4" {
		t.Errorf("%+v, %v", r, err)
	}
}

func readersSwept(t *testing.T, s Store) {
	ctx := t.Context()
	for n := range 4 {
		if err := s.PutReader(ctx, invited(n), AuditEvent("invited")); err != nil {
			t.Fatal(err)
		}
	}
	until := Now.Add(10 * hour)
	enrolled := enrol(t, s, 1, until)
	if _, err := s.ClaimReader(ctx, Digest(2), Digest(102), []byte("key"), Now, claims); err != nil {
		t.Fatal(err)
	}
	if n, err := s.SweepReaders(ctx, Now.Add(hour-1), 10); err != nil || n != 0 {
		t.Errorf("%d swept before the time, %v", n, err)
	}
	for _, want := range []int{1, 1, 0} { // the two invitations that nobody used
		if n, err := s.SweepReaders(ctx, Now.Add(hour), 1); err != nil || n != want {
			t.Errorf("%d swept, want %d, %v", n, want, err)
		}
	}
	if _, err := s.Reader(ctx, "r-0"); !errors.Is(err, fleet.ErrReader) {
		t.Errorf("swept: %v", err)
	}
	// What was swept leaves its name and its code.
	again := invited(0)
	again.ID = "r-9"
	if err := s.PutReader(ctx, again, AuditEvent("invited")); err != nil {
		t.Error(err)
	}
	if _, err := s.RevokeReader(ctx, "r-9", Now, AuditEvent("revoked")); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"r-1", "r-2"} {
		if _, err := s.Reader(ctx, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n, err := s.SweepReaders(ctx, enrolled.End().Add(-1), 10); err != nil || n != 2 {
		t.Errorf("%d swept, want who never got a certificate and the one that was taken back, %v", n, err)
	}
	if n, err := s.SweepReaders(ctx, enrolled.End(), 10); err != nil || n != 1 {
		t.Errorf("%d swept after the certificate, %v", n, err)
	}
	if list, err := s.Readers(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func readersAudited(t *testing.T, s Store) {
	ctx := t.Context()
	none := audit.Event{}
	if err := s.PutReader(ctx, invited(1), AuditEvent("invited")); err != nil {
		t.Fatal(err)
	}
	_, claimed := s.ClaimReader(ctx, Digest(1), Digest(101), []byte("key"), Now, func(string) audit.Event { return none })
	_, revoked := s.RevokeReader(ctx, "r-1", Now, none)
	for name, err := range map[string]error{"put": s.PutReader(ctx, invited(2), none), "claim": claimed, "revoke": revoked} {
		if !errors.Is(err, audit.ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := s.Reader(ctx, "r-1"); err != nil || r.State != fleet.Invited {
		t.Errorf("changed by what was not recorded: %+v, %v", r, err)
	}
	if _, err := s.Reader(ctx, "r-2"); !errors.Is(err, fleet.ErrReader) {
		t.Errorf("kept by what was not recorded: %v", err)
	}
}
