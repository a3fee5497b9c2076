package idp_test

import (
	"crypto/rand"
	"errors"
	"net/url"
	"testing"

	"vidimus/internal/clock"
	"vidimus/internal/idp"
	"vidimus/internal/problem"
)

func TestDemo(t *testing.T) {
	var p idp.Provider = &idp.Demo{
		PageURL: "http://localhost/login/demo", People: []idp.DemoPerson{{Number: "P1", Name: "Erika"}, {Number: "P2"}},
		Clock: clock.NewFake(now), Rand: rand.Reader,
	}
	redirect, state, err := p.Begin(t.Context(), idp.Start{Return: "/x"})
	if err != nil || redirect != "http://localhost/login/demo?state="+state.Secret || state.Return != "/x" {
		t.Fatalf("%s, %+v, %v", redirect, state, err)
	}
	login, err := p.Finish(t.Context(), url.Values{"state": {state.Secret}, "person": {"P1"}}, state)
	if err != nil || login != (idp.Login{Person: "P1", Name: "Erika", ACR: idp.DemoACR, At: now}) {
		t.Errorf("%+v, %v", login, err)
	}
	for name, c := range map[string]struct {
		query url.Values
		kind  problem.Kind
	}{
		"another state": {url.Values{"state": {"x"}, "person": {"P1"}}, problem.AuthenticationFailed},
		"nobody":        {url.Values{"state": {state.Secret}, "person": {"P9"}}, problem.NotFound},
		"cancelled":     {url.Values{"state": {state.Secret}, "error": {"access_denied"}}, problem.AccessDenied},
	} {
		_, err := p.Finish(t.Context(), c.query, state)
		if problem.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
		if name == "cancelled" && !errors.Is(err, idp.ErrCancelled) {
			t.Errorf("%v does not say that it was cancelled", err)
		}
	}
}
