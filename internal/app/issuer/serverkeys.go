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

// The keys of another server are kept for serverKeysFresh, read anew beside the
// answers from serverKeysSoon on, and for a key that is not among them, at most
// every serverKeysAgain. When they cannot be read, those before serve for
// serverKeysKept: a server that took a key out since may have lost it.
const (
	serverKeysSoon  = 50 * time.Minute
	serverKeysFresh = time.Hour
	serverKeysAgain = time.Minute
	serverKeysKept  = 24 * time.Hour
	maxServerKeys   = 100

	// serverKeysTimeout is for one reading, maxServerKeysWaiters who wait for it:
	// anybody can send a token with a key that is not known.
	serverKeysTimeout    = 10 * time.Second
	maxServerKeysWaiters = 64
)

// serverKeys is the key set of another authorization server (RFC 8414, RFC 7517).
// Safe for concurrent use.
type serverKeys struct {
	issuer, uri string // uri is "" when the metadata tell
	dev         bool
	client      *fetch.Client
	clock       clock.Clock
	log         *slog.Logger

	mu      sync.Mutex // never held while something is fetched
	keys    []*jose.Key
	read    time.Time // zero before the first
	tried   time.Time
	err     error         // of the last attempt
	reading chan struct{} // closed at the end of the attempt under way; nil when none is
	waiting int           // for it
}

// errKeysBusy is told at once to whoever comes when as many wait as may.
var errKeysBusy = errors.New("too many wait for the keys")

// key gives the key of a kid, nil when there is none: also the one key of a
// server that names none. An error means that nobody knows.
func (s *serverKeys) key(ctx context.Context, kid string) (*jose.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	k, age := s.find(kid), now.Sub(s.read)
	known := k != nil && !s.read.IsZero() && age >= 0
	if !known || age >= serverKeysSoon {
		if tried := now.Sub(s.tried); s.reading == nil && (s.tried.IsZero() || tried < 0 || tried >= serverKeysAgain) {
			s.reading = make(chan struct{})
			go s.fetch(context.WithoutCancel(ctx), now, s.reading)
		}
	}
	if s.reading != nil && !(known && age < serverKeysFresh) {
		if err := s.wait(ctx); err != nil {
			return nil, fmt.Errorf("keys of %s: %w", s.issuer, err)
		}
		k, age = s.find(kid), s.clock.Now().Sub(s.read)
	}
	if s.err != nil && (s.read.IsZero() || age < 0 || age >= serverKeysKept || k == nil) {
		return nil, fmt.Errorf("keys of %s: %w", s.issuer, s.err)
	}
	return k, nil
}

// wait waits for the reading under way. It is called and returns with the lock.
func (s *serverKeys) wait(ctx context.Context) error {
	if s.waiting >= maxServerKeysWaiters {
		return errKeysBusy
	}
	s.waiting++
	reading := s.reading
	s.mu.Unlock()
	var err error
	select {
	case <-reading:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	s.waiting--
	return err
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
func (s *serverKeys) fetch(ctx context.Context, now time.Time, done chan<- struct{}) {
	ctx, cancel := context.WithTimeout(ctx, serverKeysTimeout)
	defer cancel()
	keys, err := s.set(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried, s.err, s.reading = now, err, nil
	close(done)
	if err != nil {
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
