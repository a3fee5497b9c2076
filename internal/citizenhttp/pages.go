package citizenhttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"

	"vidimus/internal/citizen"
	"vidimus/internal/idp"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// Paths below the public URL.
const (
	Path         = "/my"
	CallbackPath = Path + "/login/callback" // of the upstream login
	DemoPath     = Path + "/login/demo"
)

// Config is what the pages need.
type Config struct {
	URL    string // public URL; no trailing slash
	Login  idp.Provider
	Sealer *idp.Sealer
	Office Office
	Desk   Desk
	// Revocations takes wallets back.
	Revocations Revocations
	Limit       *webserver.Limiter // as in issuerhttp.PublicConfig
	// Zone is the one in which the pages write times; nil is UTC.
	Zone *time.Location
	Rand io.Reader
}

type citizens struct {
	Config
	site *pages.Site
}

//go:embed page
var files embed.FS

const (
	loginCookie   = "vidimus-my-login"
	sessionCookie = "vidimus-my"
	realm         = "my"
)

// Pages puts the pages on an engine.
func Pages(e *webserver.Engine, cfg Config) error {
	if cfg.Login == nil || cfg.Sealer == nil || cfg.Office == nil || cfg.Desk == nil || cfg.Revocations == nil || cfg.Rand == nil {
		return errors.New("citizen pages: login, sealer, office, desk, revocations and rand are required")
	}
	site, err := pages.New(cfg.URL, Path, files)
	if err != nil {
		return err
	}
	k := &citizens{Config: cfg, site: site}
	site.In(cfg.Zone)
	site.Assets(e)
	get := func(path string, f func(*pages.Visit) error) {
		e.Handle(site.Route(http.MethodGet, site.Path(path), cfg.Limit, f))
	}
	get("", k.showHome)
	get("/login", k.begin)
	get("/login/callback", k.callback)
	get("/messages", k.member(k.showMessages))
	get("/issued", k.member(k.showIssued))
	get("/export", k.member(k.export))
	get("/lost", k.showLost)
	if demo, ok := cfg.Login.(*idp.Demo); ok {
		get("/login/demo", func(v *pages.Visit) error { return k.demo(v, demo) })
	}
	post := func(path string, f func(*visit) error) {
		e.Handle(site.Route(http.MethodPost, site.Path(path), cfg.Limit, k.member(f)))
	}
	post("/offer", k.offer)
	post("/wallet", k.showWallet)
	post("/wallet/revoke", k.revoke)
	post("/wallet/code", k.makeCode)
	post("/logout", k.logOut)
	lost := site.Route(http.MethodPost, site.Path("/lost"), cfg.Limit, k.lost)
	lost.Failures = webserver.NewLimiter(guessesPerSecond, guessesBurst)
	lost.Guess = func(err error) bool { return errors.Is(err, citizen.ErrCode) }
	e.Handle(lost)
	return nil
}

// visit is a request of somebody who logged in.
type visit struct {
	*pages.Visit
	idp.Session
}

// member asks for a session, and of a form for its token. Who has none is sent to
// the login; a form is not: it would be lost.
func (k *citizens) member(f func(*visit) error) func(*pages.Visit) error {
	return func(v *pages.Visit) error {
		s, err := k.Sealer.OpenSession(realm, v.Cookie(sessionCookie))
		post := v.C.Request.Method == http.MethodPost
		switch {
		case err != nil && !post:
			v.SeeOther(k.site.Path(""))
			return nil
		case err != nil:
			return err
		case post && subtle.ConstantTimeCompare([]byte(v.Form.Get("form_token")), []byte(s.Token)) != 1:
			return problem.New(problem.AccessDenied, "the form is not of this session")
		}
		return f(&visit{v, s})
	}
}

// frame is that of a page for who logged in.
func (k *citizens) frame(v *visit, title, here string) *pages.Frame {
	f := v.Frame(title, k.site.Path(here))
	for _, l := range []struct{ path, key string }{{"", "my.documents"}, {"/messages", "my.messages"}, {"/issued", "my.issued"}, {"/lost", "my.lost"}} {
		f.Links = append(f.Links, pages.Link{Path: k.site.Path(l.path), Text: f.T(l.key), Here: l.path == here})
	}
	f.LogOut, f.Token, f.Name = k.site.Path("/logout"), v.Token, v.Login.Name
	return f
}

// reference names a wallet unit in a form: the unit's own name is the office's.
func reference(unit string) string {
	d := sha256.Sum256([]byte(unit))
	return hex.EncodeToString(d[:8])
}

// wallet finds the one of the person that a form names.
func (k *citizens) wallet(v *visit) (Wallet, error) {
	all, err := k.Office.Wallets(v.C.Request.Context(), v.Login.Person)
	if err != nil {
		return Wallet{}, err
	}
	for _, w := range all {
		if reference(w.Unit) == v.Form.Get("wallet") && w.Unit != "" {
			return w, nil
		}
	}
	return Wallet{}, problem.New(problem.NotFound, "no such wallet")
}
