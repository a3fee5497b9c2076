package citizenhttp

import (
	"errors"

	"vidimus/internal/idp"
	"vidimus/internal/webserver/pages"
)

// begin sends the browser to the login.
func (k *citizens) begin(v *pages.Visit) error {
	redirect, state, err := k.Login.Begin(v.C.Request.Context(), idp.Start{Return: k.site.Path(""), Locales: []string{string(v.Lang)}})
	if err != nil {
		return err
	}
	cookie, err := k.Sealer.SealState(state)
	if err != nil {
		return err
	}
	v.SetCookie(loginCookie, cookie, idp.StateLifetime)
	v.SeeOther(redirect)
	return nil
}

// callback is where the login comes back to. Its cookie goes whatever comes of
// it: a callback counts once.
func (k *citizens) callback(v *pages.Visit) error {
	state, err := k.Sealer.OpenState(v.Cookie(loginCookie))
	if err != nil {
		return err
	}
	v.SetCookie(loginCookie, "", 0)
	login, err := k.Login.Finish(v.C.Request.Context(), v.C.Request.URL.Query(), state)
	switch {
	case errors.Is(err, idp.ErrCancelled):
		v.SeeOther(k.site.Path(""))
		return nil
	case err != nil:
		return err
	}
	cookie, err := k.Sealer.SealSession(realm, idp.Session{Login: login}, sessionLifetime)
	if err != nil {
		return err
	}
	v.SetCookie(sessionCookie, cookie, sessionLifetime)
	v.SeeOther(k.site.Path(""))
	return nil
}

func (k *citizens) logOut(v *visit) error {
	v.SetCookie(sessionCookie, "", 0)
	v.SeeOther(k.site.Path(""))
	return nil
}

// demo is the page on which a demo person is picked, in development.
func (k *citizens) demo(v *pages.Visit, demo *idp.Demo) error {
	var people []pages.DemoPerson
	for _, p := range demo.People {
		people = append(people, pages.DemoPerson(p))
	}
	return v.ShowDemo(k.site.Path("/login/demo"), k.site.Path("/login/callback"), people)
}
