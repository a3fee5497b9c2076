package idp_test

import (
	"crypto/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/idp"
	"vidimus/internal/problem"
)

var secret = []byte("a secret of thirty-two bytes or more")

func newSealer(t *testing.T, secret []byte, c clock.Clock) *idp.Sealer {
	t.Helper()
	s, err := idp.NewSealer(secret, c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealState(t *testing.T) {
	c := clock.NewFake(now)
	s := newSealer(t, secret, c)
	state := idp.State{Secret: "s", Nonce: "n", Verifier: "v", Return: "/authorize?a=b&c=d", Locales: []string{"fr"}}
	cookie, err := s.SealState(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, clear := range []string{"authorize", `"s"`} {
		if strings.Contains(cookie, clear) {
			t.Errorf("%q stands in clear", clear)
		}
	}
	if got, err := s.OpenState(cookie); err != nil || !reflect.DeepEqual(got, state) {
		t.Errorf("%+v, %v", got, err)
	}
	again, err := s.SealState(state)
	if err != nil || again == cookie {
		t.Errorf("the same state is sealed alike, %v", err)
	}
	c.Advance(idp.StateLifetime)
	if got, err := s.OpenState(cookie); problem.KindOf(err) != problem.AuthenticationFailed || got.Secret != "" {
		t.Errorf("expired: %+v, %v", got, err)
	}
	state.Return = strings.Repeat("x", 4000)
	if _, err := s.SealState(state); problem.KindOf(err) != problem.InvalidRequest {
		t.Errorf("a cookie that no browser keeps: %v", err)
	}
}

func TestSealSession(t *testing.T) {
	c := clock.NewFake(now)
	s := newSealer(t, secret, c)
	login := idp.Login{Person: "P1", ACR: "high", At: now.Add(-time.Minute), Name: "Erika"}
	cookie, err := s.SealSession("authorize", idp.Session{Login: login, For: "r"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.OpenSession("authorize", cookie)
	if err != nil || got.Login != login || got.For != "r" || len(got.Token) != 43 || !got.Expires.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	state, err := s.SealState(idp.State{Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	last := cookie[len(cookie)-1:]
	for name, bad := range map[string]string{
		"nothing": "", "a state": state, "no base64url": cookie[:len(cookie)-2] + "=" + last, "short": "AAAA",
		"cut": cookie[:len(cookie)-4], "changed": flip(cookie), "long": strings.Repeat("A", 5000),
	} {
		if got, err := s.OpenSession("authorize", bad); problem.KindOf(err) != problem.AuthenticationFailed || err == nil || got != (idp.Session{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := s.OpenSession("my", cookie); err == nil {
		t.Error("a session opens in another realm")
	}
	if _, err := s.OpenState(cookie); err == nil {
		t.Error("a session opens as a state")
	}
	other := newSealer(t, []byte("another secret of thirty-two bytes"), c)
	if _, err := other.OpenSession("authorize", cookie); err == nil {
		t.Error("a session opens under another secret")
	}
	c.Advance(time.Minute)
	if _, err := s.OpenSession("authorize", cookie); problem.KindOf(err) != problem.AuthenticationFailed || err == nil {
		t.Errorf("expired: %v", err)
	}
	if _, err := idp.NewSealer([]byte("short"), c, rand.Reader); err == nil {
		t.Error("a short secret is taken")
	}
}

// flip changes one character in the middle.
func flip(s string) string {
	i := len(s) / 2
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}
