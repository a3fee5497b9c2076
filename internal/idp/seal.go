package idp

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"vidimus/internal/aesgcm"
	"vidimus/internal/clock"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Sealer encrypts what a browser carries for us between two requests. It keeps
// nothing: what is sealed is good until it expires, at every node with the same
// secret. Safe for concurrent use.
type Sealer struct {
	aead  cipher.AEAD
	clock clock.Clock
	rand  io.Reader
}

// NewSealer derives the key from the secret of the office, of which at least 32
// bytes are needed.
func NewSealer(secret []byte, clock clock.Clock, rand io.Reader) (*Sealer, error) {
	if len(secret) < minSecret || clock == nil || rand == nil {
		return nil, fmt.Errorf("idp: a secret of at least %d bytes, a clock and rand are required", minSecret)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "vidimus idp seal 1", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving keys: %w", err)
	}
	aead, err := aesgcm.New(key)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead: aead, clock: clock, rand: rand}, nil
}

// What is sealed under one label opens under no other: a state is no session, and
// a session of one page none of another.
const (
	labelState   = "state"
	labelSession = "session "
)

// SealState makes the value of the cookie for a login under way.
func (s *Sealer) SealState(state State) (string, error) {
	return s.seal(labelState, state, s.clock.Now().Add(StateLifetime))
}

// OpenState reads it. Kind AuthenticationFailed for anything but an unexpired
// state of ours.
func (s *Sealer) OpenState(cookie string) (State, error) {
	var state State
	if err := s.open(labelState, cookie, &state); err != nil {
		return State{}, err
	}
	return state, nil
}

// Session is a login as its browser carries it.
type Session struct {
	Login Login
	// For is what the session is for, "" for all pages of its realm: the digest
	// of one authorization request, say.
	For string
	// Token stands in every form of the session (CSRF).
	Token   string
	Expires time.Time
}

type wireSession struct {
	Person  string `json:"p"`
	ACR     string `json:"a"`
	At      int64  `json:"t"`
	Name    string `json:"n,omitempty"`
	For     string `json:"f,omitempty"`
	Token   string `json:"c"`
	Expires int64  `json:"e"`
}

// SealSession makes the value of the cookie of a session; realm names the pages
// that it is for. It fills in Token and Expires.
func (s *Sealer) SealSession(realm string, session Session, lifetime time.Duration) (string, error) {
	token, err := randomText(s.rand)
	if err != nil {
		return "", err
	}
	expires, l := s.clock.Now().Add(lifetime), session.Login
	return s.seal(labelSession+realm, wireSession{
		Person: l.Person, ACR: l.ACR, At: l.At.Unix(), Name: l.Name, For: session.For, Token: token, Expires: expires.Unix(),
	}, expires)
}

// OpenSession reads it. Kind AuthenticationFailed for anything but an unexpired
// session of this realm.
func (s *Sealer) OpenSession(realm, cookie string) (Session, error) {
	var w wireSession
	if err := s.open(labelSession+realm, cookie, &w); err != nil {
		return Session{}, err
	}
	return Session{
		Login: Login{Person: w.Person, ACR: w.ACR, At: time.Unix(w.At, 0).UTC(), Name: w.Name},
		For:   w.For, Token: w.Token, Expires: time.Unix(w.Expires, 0).UTC(),
	}, nil
}

type box struct {
	Expires int64           `json:"exp"`
	Value   json.RawMessage `json:"value"`
}

func (s *Sealer) seal(label string, v any, expires time.Time) (string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	text, err := json.Marshal(box{Expires: expires.Unix(), Value: value})
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(text)+s.aead.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return "", problem.Wrap(problem.Unavailable, err, "try again later")
	}
	out := jose.EncodeBase64URL(s.aead.Seal(nonce, nonce, text, []byte(label)))
	if len(out) > maxCookie {
		return "", problem.New(problem.InvalidRequest, "the request is too long")
	}
	return out, nil
}

func (s *Sealer) open(label, cookie string, into any) error {
	if len(cookie) > maxCookie {
		return errSeal
	}
	raw, err := jose.DecodeBase64URL(cookie)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return errSeal
	}
	text, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], []byte(label))
	if err != nil {
		return errSeal
	}
	var b box
	if err := jose.DecodeJSON(text, &b); err != nil {
		return errSeal
	}
	if s.clock.Now().Unix() >= b.Expires {
		return errSealExpired
	}
	if err := jose.DecodeJSON(b.Value, into); err != nil {
		return errSeal
	}
	return nil
}

var (
	errSeal        = problem.New(problem.AuthenticationFailed, "no login of this browser is known")
	errSealExpired = problem.New(problem.AuthenticationFailed, "the login took too long")
)

// randomText is 256 bits as 43 characters.
func randomText(rand io.Reader) (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", problem.Wrap(problem.Unavailable, err, "try again later")
	}
	return jose.EncodeBase64URL(b[:]), nil
}
