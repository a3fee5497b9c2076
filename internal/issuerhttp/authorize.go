package issuerhttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/idp"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

//go:embed page
var pageFiles embed.FS

// authorization is the pages on which a person says who he is and what a wallet
// may have.
type authorization struct {
	cfg  PublicConfig
	site *pages.Site
}

const (
	// loginCookie holds a login under way, sessionCookie one that ended well.
	loginCookie   = "vidimus-login"
	sessionCookie = "vidimus-authorize"
	// realm is what the sessions of these pages are good for.
	realm = "authorize"
	// sessionLifetime is longer than any pushed request lives.
	sessionLifetime = 10 * time.Minute
	// maxParameter bounds client_id and request_uri at the authorization
	// endpoint.
	maxParameter = 1 << 10
)

// authorize puts the authorization endpoint and its pages on the engine.
func (cfg PublicConfig) authorize(e *webserver.Engine, base string) error {
	site, err := pages.New(cfg.URL, AuthorizePath, pageFiles)
	if err != nil {
		return err
	}
	site.KeepOpener()
	site.In(cfg.Zone)
	a := &authorization{cfg: cfg, site: site}
	site.Assets(e)
	e.Handle(site.Route(http.MethodGet, base+AuthorizePath, cfg.Limit, a.show))
	e.Handle(site.Route(http.MethodPost, base+AuthorizePath+"/approve", cfg.Limit, a.approve))
	e.Handle(site.Route(http.MethodPost, base+AuthorizePath+"/deny", cfg.Limit, a.deny))
	e.Handle(site.Route(http.MethodGet, base+CallbackPath, cfg.Limit, a.callback))
	if demo, ok := cfg.Login.(*idp.Demo); ok {
		e.Handle(site.Route(http.MethodGet, base+DemoPath, cfg.Limit, func(v *pages.Visit) error { return a.demo(v, demo) }))
	}
	return nil
}

// wish names one pushed request.
type wish struct{ client, request string }

// read takes the two parameters that count; all others are ignored (RFC 9126,
// section 4).
func read(get func(string) string) (wish, error) {
	w := wish{get("client_id"), get("request_uri")}
	if w.client == "" || w.request == "" || len(w.client) > maxParameter || len(w.request) > maxParameter {
		return wish{}, problem.New(problem.InvalidRequest, "client_id and request_uri are needed: push the request first")
	}
	return w, nil
}

// digest binds a session to the request that it was begun for.
func (w wish) digest() string {
	d := sha256.Sum256([]byte(w.client + "\x00" + w.request))
	return hex.EncodeToString(d[:])
}

// page is the path of the request's page.
func (w wish) page(s *pages.Site) string {
	return s.Path("") + "?" + url.Values{"client_id": {w.client}, "request_uri": {w.request}}.Encode()
}

// show is the authorization endpoint. Nothing is used up by looking at it:
// browsers load pages ahead, and again. A request that is not good gets a page
// and is never redirected: who sent it is not known.
func (a *authorization) show(v *pages.Visit) error {
	w, err := read(v.C.Query)
	if err != nil {
		return err
	}
	pending, err := a.cfg.Authorization.Pending(v.C.Request.Context(), w.client, w.request)
	if err != nil {
		return err
	}
	webserver.Annotate(v.C, "client_id", pending.ClientID)
	v.Prefer(pending.Locales)
	session, err := a.session(v, w)
	if problem.KindOf(err) == problem.AuthenticationFailed && err != nil {
		return a.begin(v, w)
	}
	if err != nil {
		return err
	}
	return a.confirm(v, w, pending, session, "")
}

// session is that of this browser for this request.
func (a *authorization) session(v *pages.Visit, w wish) (idp.Session, error) {
	s, err := a.cfg.Sealer.OpenSession(realm, v.Cookie(sessionCookie))
	if err == nil && subtle.ConstantTimeCompare([]byte(s.For), []byte(w.digest())) != 1 {
		err = problem.New(problem.AuthenticationFailed, "the session is of another request")
	}
	return s, err
}

// begin sends the browser to the login.
func (a *authorization) begin(v *pages.Visit, w wish) error {
	redirect, state, err := a.cfg.Login.Begin(v.C.Request.Context(), idp.Start{Return: w.page(a.site), Locales: []string{string(v.Lang)}})
	if err != nil {
		return err
	}
	cookie, err := a.cfg.Sealer.SealState(state)
	if err != nil {
		return err
	}
	v.SetCookie(loginCookie, cookie, idp.StateLifetime)
	v.SeeOther(redirect)
	return nil
}

// line is one credential on the page.
type line struct {
	Name, Document, Expires string
	Ready                   bool
}

// confirm shows what will be issued, to whom, and to which wallet.
func (a *authorization) confirm(v *pages.Visit, w wish, p *authserver.Pending, s idp.Session, notice string) error {
	held, err := a.cfg.Holdings.Holdings(v.C.Request.Context(), s.Login.Person, p.Configurations)
	if err != nil {
		return err
	}
	view := struct {
		*pages.Frame
		Wallet, WalletID, Person, Number  string
		Lines                             []line
		Ready                             bool
		Client, Request, FormToken, Shown string
		Expires                           time.Time
	}{
		Frame:  v.Frame("authorize.title", w.page(a.site)),
		Wallet: p.ClientName, WalletID: p.ClientID, Person: s.Login.Name, Number: s.Login.Person,
		Client: w.client, Request: w.request, FormToken: s.Token, Shown: shown(held), Expires: p.Expires,
	}
	view.Notice = notice
	for _, h := range held {
		view.Lines = append(view.Lines, line{nameOf(h, string(v.Lang)), h.Document, h.Expires, h.Document != ""})
		view.Ready = view.Ready || h.Document != ""
	}
	options := pages.Options{}
	if t := pages.FormTarget(p.RedirectURI); t != "" {
		options.Targets = []string{t}
	}
	return v.ShowWith(http.StatusOK, "confirm.html", view, options)
}

// nameOf is the name of a credential in a language, in English, or its id.
func nameOf(h Holding, lang string) string {
	for _, l := range []string{lang, "en"} {
		if name := h.Names[l]; name != "" {
			return name
		}
	}
	return h.Configuration
}

// shown is what a person saw and agrees to. It goes with the form, so that a
// record that changed meanwhile is shown anew.
func shown(held []Holding) string {
	d := sha256.New()
	for _, h := range held {
		d.Write([]byte(h.Configuration + "\x00" + h.Document + "\x00" + h.Expires + "\x00"))
	}
	return hex.EncodeToString(d.Sum(nil)[:16])
}

// admit reads a form of the page: of which request, and by whom. The token of
// the session stands in it.
func (a *authorization) admit(v *pages.Visit) (w wish, s idp.Session, err error) {
	if w, err = read(v.Form.Get); err != nil {
		return w, s, err
	}
	if s, err = a.session(v, w); err != nil {
		return w, s, err
	}
	if subtle.ConstantTimeCompare([]byte(v.Form.Get("form_token")), []byte(s.Token)) != 1 {
		return w, s, problem.New(problem.AccessDenied, "the form is not of this session")
	}
	return w, s, nil
}

// approve uses the request up and sends the browser back to the wallet with a
// code. Of what was asked for it gives what can be issued now.
func (a *authorization) approve(v *pages.Visit) error {
	w, s, err := a.admit(v)
	if err != nil {
		return err
	}
	ctx := v.C.Request.Context()
	pending, err := a.cfg.Authorization.Pending(ctx, w.client, w.request)
	if err != nil {
		return err
	}
	webserver.Annotate(v.C, "client_id", pending.ClientID)
	v.Prefer(pending.Locales)
	held, err := a.cfg.Holdings.Holdings(ctx, s.Login.Person, pending.Configurations)
	if err != nil {
		return err
	}
	documents := map[string]string{}
	for _, h := range held {
		if h.Document != "" && slices.Contains(pending.Configurations, h.Configuration) {
			documents[h.Configuration] = h.Document
		}
	}
	if v.Form.Get("shown") != shown(held) || len(documents) == 0 {
		return a.confirm(v, w, pending, s, v.Lang.Text("authorize.changed"))
	}
	redirect, err := a.cfg.Authorization.Approve(ctx, w.client, w.request, authserver.Decision{
		Person: s.Login.Person, Documents: documents, ACR: s.Login.ACR, LoggedIn: s.Login.At,
	})
	if err != nil {
		return err
	}
	v.SetCookie(sessionCookie, "", 0)
	v.SeeOther(redirect)
	return nil
}

// deny uses the request up and sends the browser back with access_denied.
func (a *authorization) deny(v *pages.Visit) error {
	w, _, err := a.admit(v)
	if err != nil {
		return err
	}
	return a.refuse(v, w)
}

func (a *authorization) refuse(v *pages.Visit, w wish) error {
	redirect, err := a.cfg.Authorization.Deny(v.C.Request.Context(), w.client, w.request, "access_denied")
	if err != nil {
		return err
	}
	v.SetCookie(sessionCookie, "", 0)
	v.SeeOther(redirect)
	return nil
}
