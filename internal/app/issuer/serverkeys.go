package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

// The keys of another server are kept for serverKeysFresh, and read anew for a
// key that is not among them, at most every serverKeysAgain. When they cannot be
// read, those before serve for serverKeysKept: a server that took a key out since
// may have lost it.
const (
	serverKeysFresh = time.Hour
	serverKeysAgain = time.Minute
	serverKeysKept  = 24 * time.Hour
	maxServerKeys   = 100
)

// serverKeys is the key set of another authorization server (RFC 8414, RFC 7517).
// Safe for concurrent use.
type serverKeys struct {
	issuer, uri string // uri is "" when the metadata tell
	dev         bool
	client      *fetch.Client
	clock       clock.Clock
	log         *slog.Logger

	mu    sync.Mutex
	keys  []*jose.Key
	read  time.Time // zero before the first
	tried time.Time
	err   error // of the last attempt
}

// key gives the key of a kid, nil when there is none: also the one key of a
// server that names none. An error means that nobody knows.
func (s *serverKeys) key(ctx context.Context, kid string) (*jose.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	age := now.Sub(s.read)
	k := s.find(kid)
	if k == nil || s.read.IsZero() || age < 0 || age >= serverKeysFresh {
		if tried := now.Sub(s.tried); s.tried.IsZero() || tried < 0 || tried >= serverKeysAgain {
			s.fetch(ctx, now)
			k = s.find(kid)
		}
	}
	if age = now.Sub(s.read); s.err != nil && (s.read.IsZero() || age < 0 || age >= serverKeysKept || k == nil) {
		return nil, fmt.Errorf("keys of %s: %w", s.issuer, s.err)
	}
	return k, nil
}

func (s *serverKeys) find(kid string) *jose.Key {
	if kid == "" {
		if len(s.keys) == 1 {
			return s.keys[0]
		}
		return nil
	}
	for _, k := range s.keys {
		if k.KeyID == kid {
			return k
		}
	}
	return nil
}

// fetch reads the keys anew. The wallet that happened to come first may go away:
// the others wait for it too.
func (s *serverKeys) fetch(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	keys, err := s.set(ctx)
	if s.tried, s.err = now, err; err != nil {
		s.log.Warn("the keys of the authorization server cannot be read", "server", s.issuer, "error", err)
		return
	}
	s.keys, s.read = keys, now
}

// set gets the keys that we could use; a server has others too.
func (s *serverKeys) set(ctx context.Context) ([]*jose.Key, error) {
	uri, err := s.location(ctx)
	if err != nil {
		return nil, err
	}
	body, _, err := s.client.Get(ctx, uri, fetch.MaxMetadata, "application/json", "application/jwk-set+json")
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := jose.DecodeJSON(body, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > maxServerKeys {
		return nil, fmt.Errorf("key set: %d keys, at most %d", len(set.Keys), maxServerKeys)
	}
	var keys []*jose.Key
	for _, raw := range set.Keys {
		if k, err := jose.ParsePublicKey(raw); err == nil && k.Use != "enc" {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no key of an algorithm that is taken here")
	}
	return keys, nil
}

// location is where the keys are: as configured, or as the server's metadata say.
func (s *serverKeys) location(ctx context.Context) (string, error) {
	if s.uri != "" {
		return s.uri, nil
	}
	address, err := oid4vci.WellKnown(s.issuer, oid4vci.WellKnownServer, s.dev)
	if err != nil {
		return "", err
	}
	body, _, err := s.client.Get(ctx, address, fetch.MaxMetadata, "application/json")
	if err != nil {
		return "", err
	}
	var m struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := jose.DecodeJSON(body, &m); err != nil {
		return "", fmt.Errorf("server metadata: %w", err)
	}
	// RFC 8414 section 3.3: byte for byte.
	if m.Issuer != s.issuer {
		return "", errors.New("server metadata: they are of another issuer")
	}
	if u, err := url.Parse(m.Keys); err != nil || u.Host == "" {
		return "", errors.New("server metadata: no jwks_uri")
	}
	return m.Keys, nil
}
