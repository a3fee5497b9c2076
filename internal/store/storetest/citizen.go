package storetest

import (
	"errors"
	"sync/atomic"
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/citizen"
)

var citizenTests = []test{
	{name: "Codes", run: revocations},
	{name: "CodeOnce", run: revokedOnce},
	{name: "CodeSwept", run: revocationsSwept},
	{name: "CodeAudited", run: revocationsAudited},
}

// revocation is the n-th revocation code, good for an hour.
func revocation(n int, person, unit string) citizen.Code {
	return citizen.Code{Digest: Digest(n), Person: person, Unit: unit, Expires: Now.Add(hour)}
}

func revocations(t *testing.T, s Store) {
	ctx := t.Context()
	for i, c := range []citizen.Code{revocation(1, "P", "U"), revocation(2, "P", "V"), revocation(3, "Q", "U"), revocation(4, "P", "U")} {
		if err := s.PutCode(ctx, c, AuditEvent("code")); err != nil {
			t.Fatal(i, err)
		}
	}
	for n, want := range map[int]string{2: "P V", 3: "Q U", 4: "P U"} {
		c, err := s.Code(ctx, Digest(n), Now.Add(hour-1))
		if err != nil || c.Person+" "+c.Unit != want || c.Digest != Digest(n) || !c.Expires.Equal(Now.Add(hour)) {
			t.Errorf("%d: %+v, %v", n, c, err)
		}
	}
	for name, n := range map[string]int{"never made": 9, "replaced": 1} {
		if _, err := s.Code(ctx, Digest(n), Now); !errors.Is(err, citizen.ErrCode) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.EndCode(ctx, Digest(n), AuditEvent("no")); !errors.Is(err, citizen.ErrCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Code(ctx, Digest(4), Now.Add(hour)); !errors.Is(err, citizen.ErrCode) {
		t.Errorf("expired: %v", err)
	}
	if err := s.EndCode(ctx, Digest(4), AuditEvent("used")); err != nil {
		t.Fatal(err)
	}
	if err := s.PutCode(ctx, revocation(5, "P", "U"), AuditEvent("code")); err != nil { // after one that was used
		t.Fatal(err)
	}
	if _, err := s.Code(ctx, Digest(5), Now); err != nil {
		t.Error(err)
	}
	if n := len(auditLines(t, s)); n != 6 {
		t.Errorf("%d audit lines", n)
	}
}

func revokedOnce(t *testing.T, s Store) {
	ctx := t.Context()
	if err := s.PutCode(ctx, revocation(1, "P", "U"), AuditEvent("code")); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	together(16, func(int) {
		switch err := s.EndCode(ctx, Digest(1), AuditEvent("used")); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, citizen.ErrCode):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one code was used %d times", won.Load())
	}
	if n := len(auditLines(t, s)); n != 2 {
		t.Errorf("%d audit lines", n)
	}
	// Of codes made at once for one unit one is left.
	together(8, func(i int) {
		if err := s.PutCode(ctx, revocation(10+i, "P", "U"), AuditEvent("code")); err != nil {
			t.Error(err)
		}
	})
	left := 0
	for i := range 8 {
		if _, err := s.Code(ctx, Digest(10+i), Now); err == nil {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d codes are left for one unit", left)
	}
}

func revocationsSwept(t *testing.T, s Store) {
	ctx := t.Context()
	for i := range 5 {
		c := revocation(i, "P", string(rune('A'+i)))
		if i == 4 {
			c.Expires = Now.Add(2 * hour)
		}
		if err := s.PutCode(ctx, c, AuditEvent("code")); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.SweepCodes(ctx, Now.Add(hour-1), 10); err != nil || n != 0 {
		t.Errorf("%d swept before the time, %v", n, err)
	}
	for _, want := range []int{3, 1, 0} {
		if n, err := s.SweepCodes(ctx, Now.Add(hour), 3); err != nil || n != want {
			t.Errorf("%d swept, want %d, %v", n, want, err)
		}
	}
	if _, err := s.Code(ctx, Digest(0), Now); !errors.Is(err, citizen.ErrCode) {
		t.Errorf("swept: %v", err)
	}
	if _, err := s.Code(ctx, Digest(4), Now); err != nil {
		t.Errorf("not expired: %v", err)
	}
	// One that was replaced or used leaves nothing to be swept.
	if err := errors.Join(s.PutCode(ctx, revocation(7, "P", "E"), AuditEvent("code")), s.EndCode(ctx, Digest(7), AuditEvent("used"))); err != nil {
		t.Fatal(err)
	}
	if n, err := s.SweepCodes(ctx, Now.Add(3*hour), 10); err != nil || n != 0 {
		t.Errorf("%d swept of nothing, %v", n, err)
	}
}

func revocationsAudited(t *testing.T, s Store) {
	ctx := t.Context()
	none := audit.Event{}
	if err := s.PutCode(ctx, revocation(1, "P", "U"), AuditEvent("code")); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"put": s.PutCode(ctx, revocation(2, "P", "U"), none), "end": s.EndCode(ctx, Digest(1), none)} {
		if !errors.Is(err, audit.ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Code(ctx, Digest(1), Now); err != nil {
		t.Errorf("the code is gone by what was not recorded: %v", err)
	}
}
