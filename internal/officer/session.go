package officer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Languages of a session.
var languages = []string{"en", "fr", "de", "lb"}

// Login is an officer in a session.
type Login struct {
	Officer  Officer
	Language string // en, fr, de or lb, "" when not chosen
	Expires  time.Time
	// FormToken stands in every form of the session: a page of another site
	// cannot know it.
	FormToken string

	session Digest
}

// LoginLink is for one officer, to be used once.
type LoginLink struct {
	URL     string    `json:"url"` // ends in the secret
	Officer string    `json:"officer"`
	Expires time.Time `json:"expires"`
}

// MintLink makes a login link. It is for the operator: whoever calls it has
// proven to be one, and nothing that a session reaches calls it. Refusals:
// NotFound for an officer who may not log in, Conflict for one who comes with a
// certificate.
func (s *Service) MintLink(ctx context.Context, officer, operator string) (LoginLink, error) {
	o, ok := s.officers.active(officer)
	if !ok {
		return LoginLink{}, problem.New(problem.NotFound, "no such officer, or disabled")
	}
	if len(o.Pins) > 0 {
		return LoginLink{}, problem.New(problem.Conflict, "this officer comes with a certificate (pins): there are no links beside it")
	}
	secret, err := s.random(secretSize)
	if err != nil {
		return LoginLink{}, err
	}
	id, _ := digestOf(secret)
	expires := s.p.Clock.Now().Add(LinkLifetime)
	did := s.event(ActionLink, operator, o.ID, audit.Done, map[string]string{"until": expires.UTC().Format(time.RFC3339)})
	if err := s.p.Store.PutLink(ctx, Link{ID: id, Officer: o.ID, Expires: expires}, did); err != nil {
		return LoginLink{}, unavailable(err)
	}
	return LoginLink{URL: s.cfg.LoginURL + secret, Officer: o.ID, Expires: expires}, nil
}

// RedeemLink uses a login link up and begins a session, of which token is the
// secret for the browser. The session of the secret old, if there is one, ends:
// what a browser had before a login is worth nothing after it. Refusals:
// AuthenticationFailed, which says no more than that.
func (s *Service) RedeemLink(ctx context.Context, secret, old string) (token string, l Login, err error) {
	id, ok := digestOf(secret)
	if !ok {
		return "", Login{}, errLogin
	}
	token, begun, err := s.begin("")
	if err != nil {
		return "", Login{}, err
	}
	begun, err = s.p.Store.RedeemLink(ctx, id, begun, begun.Begun, func(officer string) audit.Event {
		return s.event(ActionLogin, officer, officer, audit.Done, map[string]string{"reason": "link"})
	})
	switch {
	case errors.Is(err, ErrLinkUsed):
		return "", Login{}, errLogin
	case err != nil:
		return "", Login{}, unavailable(err)
	}
	if o, ok := s.officers.active(begun.Officer); !ok || len(o.Pins) > 0 { // disabled, or given a card, since the link was made
		return "", Login{}, errors.Join(errLogin, s.end(ctx, token, "disabled"))
	}
	return token, s.login(begun, token), s.end(ctx, old, "replaced")
}

// LogIn begins a session for an officer who came with a certificate that TLS
// verified: pin is the SHA-256 of its SubjectPublicKeyInfo. As RedeemLink.
func (s *Service) LogIn(ctx context.Context, pin [sha256.Size]byte, old string) (token string, l Login, err error) {
	name := hex.EncodeToString(pin[:])
	o, ok := s.officers.active(s.officers.byPin[name])
	if !ok {
		auditErr := s.p.Audit.Append(ctx, s.event(ActionLogin, "unknown", "console", audit.Denied, map[string]string{"key": name}))
		if auditErr != nil {
			return "", Login{}, unavailable(auditErr)
		}
		return "", Login{}, errLogin
	}
	token, begun, err := s.begin(o.ID)
	if err != nil {
		return "", Login{}, err
	}
	did := s.event(ActionLogin, o.ID, o.ID, audit.Done, map[string]string{"reason": "certificate", "key": name})
	if err := s.p.Store.BeginSession(ctx, begun, did); err != nil {
		return "", Login{}, unavailable(err)
	}
	return token, s.login(begun, token), s.end(ctx, old, "replaced")
}

// Knows reports whether a certificate belongs to an officer who may log in.
func (s *Service) Knows(pin [sha256.Size]byte) bool {
	_, ok := s.officers.active(s.officers.byPin[hex.EncodeToString(pin[:])])
	return ok
}

var (
	errLogin   = problem.Wrap(problem.AuthenticationFailed, ErrLinkUsed, "this login is not valid")
	errSession = problem.Wrap(problem.AuthenticationFailed, ErrSessionNotFound, "log in first")
)

// Session recognises a browser by its secret, and an officer who comes with a
// certificate by that too: pin is as in LogIn, zero for a request without one.
// Refusals: AuthenticationFailed.
func (s *Service) Session(ctx context.Context, token string, pin [sha256.Size]byte) (Login, error) {
	id, ok := digestOf(token)
	if !ok {
		return Login{}, errSession
	}
	begun, err := s.p.Store.Session(ctx, id, s.p.Clock.Now(), IdleTimeout)
	switch {
	case errors.Is(err, ErrSessionNotFound):
		return Login{}, errSession
	case err != nil:
		return Login{}, unavailable(err)
	}
	o, ok := s.officers.active(begun.Officer)
	if !ok || len(o.Pins) > 0 && s.officers.byPin[hex.EncodeToString(pin[:])] != o.ID {
		return Login{}, errSession
	}
	return s.login(begun, token), nil
}

// SetLanguage changes the language of a session.
func (s *Service) SetLanguage(ctx context.Context, l Login, language string) error {
	if !slices.Contains(languages, language) {
		return problem.New(problem.InvalidRequest, "no such language")
	}
	if err := s.p.Store.SetLanguage(ctx, l.session, language); err != nil && !errors.Is(err, ErrSessionNotFound) {
		return unavailable(err)
	}
	return nil
}

// LogOut ends a session.
func (s *Service) LogOut(ctx context.Context, l Login) error {
	did := s.event(ActionLogout, l.Officer.ID, l.Officer.ID, audit.Done, map[string]string{"reason": "logout"})
	if err := s.p.Store.EndSession(ctx, l.session, did); err != nil && !errors.Is(err, ErrSessionNotFound) {
		return unavailable(err)
	}
	return nil
}

// begin makes a session and its secret.
func (s *Service) begin(officer string) (token string, begun Session, err error) {
	if token, err = s.random(secretSize); err != nil {
		return "", Session{}, err
	}
	id, _ := digestOf(token)
	now := s.p.Clock.Now()
	return token, Session{ID: id, Officer: officer, Begun: now, Used: now, Expires: now.Add(SessionLifetime)}, nil
}

// end ends the session of a secret, if it is one.
func (s *Service) end(ctx context.Context, token, why string) error {
	id, ok := digestOf(token)
	if !ok {
		return nil
	}
	begun, err := s.p.Store.Session(ctx, id, s.p.Clock.Now(), IdleTimeout)
	if err == nil {
		err = s.p.Store.EndSession(ctx, id, s.event(ActionLogout, begun.Officer, begun.Officer, audit.Done, map[string]string{"reason": why}))
	}
	if err != nil && !errors.Is(err, ErrSessionNotFound) {
		return unavailable(err)
	}
	return nil
}

// login is what the rest of the program sees of a session.
func (s *Service) login(begun Session, token string) Login {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("vidimus console form 1"))
	return Login{
		Officer: s.officers.byID[begun.Officer], Language: begun.Language, Expires: begun.Expires,
		FormToken: jose.EncodeBase64URL(m.Sum(nil)), session: begun.ID,
	}
}

// CheckForm says whether a form came from a page of the session.
func (l Login) CheckForm(token string) error {
	if !hmac.Equal([]byte(token), []byte(l.FormToken)) || strings.TrimSpace(l.FormToken) == "" {
		return problem.New(problem.AccessDenied, "the form does not belong to this session")
	}
	return nil
}
