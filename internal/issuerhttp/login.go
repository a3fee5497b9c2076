package issuerhttp

import (
	"errors"
	"net/url"
	"strings"

	"vidimus/internal/idp"
	"vidimus/internal/problem"
	"vidimus/internal/webserver/pages"
)

// callback is where the login comes back to. Its cookie goes whatever comes of
// it: a callback counts once.
func (a *authorization) callback(v *pages.Visit) error {
	state, err := a.cfg.Sealer.OpenState(v.Cookie(loginCookie))
	if err != nil {
		return err
	}
	v.SetCookie(loginCookie, "", 0)
	v.Prefer(state.Locales)
	w, err := a.returned(state.Return)
	if err != nil {
		return err
	}
	login, err := a.cfg.Login.Finish(v.C.Request.Context(), v.C.Request.URL.Query(), state)
	switch {
	case errors.Is(err, idp.ErrCancelled):
		return a.refuse(v, w)
	case err != nil:
		return err
	}
	cookie, err := a.cfg.Sealer.SealSession(realm, idp.Session{Login: login, For: w.digest()}, sessionLifetime)
	if err != nil {
		return err
	}
	v.SetCookie(sessionCookie, cookie, sessionLifetime)
	v.SeeOther(state.Return)
	return nil
}

// returned reads the request out of the page that the login was begun on.
func (a *authorization) returned(page string) (wish, error) {
	path, query, _ := strings.Cut(page, "?")
	q, err := url.ParseQuery(query)
	if err != nil || path != a.site.Path("") {
		return wish{}, problem.New(problem.AuthenticationFailed, "the login was for another page")
	}
	return read(q.Get)
}

// demo is the page on which a demo person is picked, in development.
func (a *authorization) demo(v *pages.Visit, demo *idp.Demo) error {
	if state, err := a.cfg.Sealer.OpenState(v.Cookie(loginCookie)); err == nil {
		v.Prefer(state.Locales)
	}
	var people []pages.DemoPerson
	for _, p := range demo.People {
		people = append(people, pages.DemoPerson(p))
	}
	return v.ShowDemo(v.C.Request.URL.EscapedPath(), a.callbackPath(), people)
}

func (a *authorization) callbackPath() string {
	return strings.TrimSuffix(a.site.Path(""), AuthorizePath) + CallbackPath
}
