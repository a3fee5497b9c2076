package consolehttp

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"

	"vidimus/internal/i18n"
	"vidimus/internal/problem"
)

// showLogin shows the way in. A link is not used up by looking at it: mail
// programs do that; the button uses it up.
func (r *request) showLogin() error {
	if r.login != nil && r.c.Param("secret") == "" {
		r.seeOther("/")
		return nil
	}
	return r.loginPage(http.StatusOK, "")
}

func (r *request) loginPage(status int, problemKey string) error {
	pin, ok := r.pin()
	view := struct {
		*frame
		Secret      string
		Certificate bool
	}{r.frame("login.title", "login"), r.c.Param("secret"), ok && r.Officers.Knows(pin)}
	view.Officer, view.MayLookUp, view.MayRecord, view.Decides = "", false, false, false
	if view.Secret != "" {
		view.Back = LoginPath + view.Secret
	}
	if problemKey != "" {
		view.Errors = []fieldMessage{{"link", view.T(problemKey)}}
	}
	return r.show(status, "login.html", view)
}

// pin is the digest of the key of the client certificate that TLS verified.
func (r *request) pin() (pin [sha256.Size]byte, ok bool) {
	t := r.c.Request.TLS
	if t == nil || len(t.VerifiedChains) == 0 || len(t.PeerCertificates) == 0 {
		return pin, false
	}
	return sha256.Sum256(t.PeerCertificates[0].RawSubjectPublicKeyInfo), true
}

// redeem takes the secret of a link, or the whole link as it was pasted.
func (r *request) redeem() error {
	if r.failures.Exhausted(r.client(), r.Clock.Now()) {
		return problem.New(problem.RateLimited, "too many logins failed")
	}
	secret := r.value("link")
	secret = secret[strings.LastIndex(secret, "/")+1:]
	token, _, err := r.Officers.RedeemLink(r.c.Request.Context(), secret, r.token)
	return r.begin(token, err)
}

// certificate logs an officer in who came with one.
func (r *request) certificate() error {
	if r.failures.Exhausted(r.client(), r.Clock.Now()) {
		return problem.New(problem.RateLimited, "too many logins failed")
	}
	pin, ok := r.pin()
	if !ok {
		return r.begin("", problem.New(problem.AuthenticationFailed, "no client certificate"))
	}
	token, _, err := r.Officers.LogIn(r.c.Request.Context(), pin, r.token)
	return r.begin(token, err)
}

func (r *request) begin(token string, err error) error {
	if problem.KindOf(err) == problem.AuthenticationFailed && err != nil {
		r.failures.Allow(r.client(), r.Clock.Now())
		return errors.Join(err, r.loginPage(http.StatusForbidden, "error.link"))
	}
	if err != nil {
		return err
	}
	r.setCookie(r.sessionCookie(), token)
	r.seeOther("/")
	return nil
}

func (r *request) logout() error {
	if err := r.Officers.LogOut(r.c.Request.Context(), *r.login); err != nil {
		return err
	}
	r.setCookie(r.sessionCookie(), "")
	r.seeOther("/login")
	return nil
}

// language is chosen for the browser and, when there is one, the session. It
// comes back to the page where it was chosen.
func (r *request) language() error {
	l, ok := i18n.Parse(r.form.Get("language"))
	if !ok {
		return problem.New(problem.InvalidRequest, "no such language")
	}
	if r.login != nil {
		if err := r.login.CheckForm(r.form.Get("form_token")); err != nil {
			return err
		}
		if err := r.Officers.SetLanguage(r.c.Request.Context(), *r.login, string(l)); err != nil {
			return err
		}
	}
	r.setCookie(r.languageCookie(), string(l))
	r.seeOther(localPath(r.form.Get("back")))
	return nil
}

// localPath is a path of this console, "/" for everything else: a redirect
// leads nowhere else.
func localPath(s string) string {
	if len(s) > 1024 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || c == '\\' || c == '#' || c == '"' || c == '<'
	}) {
		return "/"
	}
	return s
}
