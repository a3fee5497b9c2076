package idp

import (
	"context"
	"crypto/subtle"
	"io"
	"net/url"
	"slices"

	"vidimus/internal/clock"
	"vidimus/internal/problem"
)

// DemoACR is the level of assurance of a login that was none.
const DemoACR = "demo"

// DemoPerson is one who can be picked.
type DemoPerson struct{ Number, Name string }

// Demo is for development: the person is picked from a list, on a page that
// stands at PageURL and answers to the callback with the parameters state and
// person. Nothing is proven by it.
type Demo struct {
	PageURL string
	People  []DemoPerson
	Clock   clock.Clock
	Rand    io.Reader
}

// Begin implements Provider.
func (d *Demo) Begin(_ context.Context, s Start) (string, State, error) {
	if len(s.Return) > maxReturn {
		return "", State{}, problem.New(problem.InvalidRequest, "the request is too long")
	}
	secret, err := randomText(d.Rand)
	if err != nil {
		return "", State{}, err
	}
	return d.PageURL + "?state=" + secret, State{Secret: secret, Return: s.Return, Locales: s.Locales}, nil
}

// Finish implements Provider.
func (d *Demo) Finish(_ context.Context, query url.Values, state State) (Login, error) {
	if state.Secret == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state.Secret)) != 1 {
		return Login{}, problem.New(problem.AuthenticationFailed, "this is not the answer to the login of this browser")
	}
	if code := query.Get("error"); code != "" {
		return Login{}, refusal(code)
	}
	i := slices.IndexFunc(d.People, func(p DemoPerson) bool { return p.Number == query.Get("person") })
	if i < 0 {
		return Login{}, problem.New(problem.NotFound, "there is no such person")
	}
	return Login{Person: d.People[i].Number, Name: d.People[i].Name, ACR: DemoACR, At: d.Clock.Now()}, nil
}
