package idp_test

import (
	"reflect"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/idp"
	"vidimus/internal/problem"
)

// fixed gives the same octets always, so that every process of a fuzz run seals
// alike.
type fixed struct{}

func (fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// No cookie opens but the ones that were sealed, and a refusal gives nothing.
func FuzzOpen(f *testing.F) {
	s, err := idp.NewSealer(secret, clock.NewFake(now), fixed{})
	if err != nil {
		f.Fatal(err)
	}
	state, err := s.SealState(idp.State{Secret: "s", Nonce: "n", Verifier: "v", Return: "/"})
	if err != nil {
		f.Fatal(err)
	}
	session, err := s.SealSession("my", idp.Session{Login: idp.Login{Person: "P1"}}, time.Minute)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "A", state, session, state[:40], session + "AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		got, err := s.OpenState(cookie)
		if (err == nil) != (cookie == state) || err != nil && (problem.KindOf(err) != problem.AuthenticationFailed || !reflect.DeepEqual(got, idp.State{})) {
			t.Errorf("%q opens as a state: %+v, %v", cookie, got, err)
		}
		had, err := s.OpenSession("my", cookie)
		if (err == nil) != (cookie == session) || err != nil && (problem.KindOf(err) != problem.AuthenticationFailed || had != (idp.Session{})) {
			t.Errorf("%q opens as a session: %+v, %v", cookie, had, err)
		}
	})
}
