package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
)

func copyRequest(r authserver.RequestRecord) authserver.RequestRecord {
	r.Wallet.Statuses, r.Configurations = slices.Clone(r.Wallet.Statuses), slices.Clone(r.Configurations)
	r.Scopes, r.Locales = slices.Clone(r.Scopes), slices.Clone(r.Locales)
	return r
}

func copyCode(c authserver.CodeRecord) authserver.CodeRecord {
	c.Wallet.Statuses, c.Scopes, c.Documents = slices.Clone(c.Wallet.Statuses), slices.Clone(c.Scopes), maps.Clone(c.Documents)
	return c
}

func copyRefresh(r authserver.RefreshRecord) authserver.RefreshRecord {
	r.Documents, r.Identifiers, r.Scopes, r.Waited = maps.Clone(r.Documents), maps.Clone(r.Identifiers), slices.Clone(r.Scopes), maps.Clone(r.Waited)
	return r
}

// rememberOnce takes note of values that pass once, all or none.
func (s *Store) rememberOnce(once []authserver.Once) error {
	for i, o := range once {
		if _, seen := s.seen[o.Value]; seen {
			return &authserver.ReplayError{Index: i}
		}
		put(s, s.seen, o.Value, o.Expires)
	}
	return nil
}

// give inserts what a code is exchanged for, and says which refresh token that
// was.
func (s *Store) give(g authserver.Given) (refresh authserver.Digest) {
	put(s, s.tokens, g.Token.Hash, copyToken(g.Token))
	if g.Refresh == nil {
		return authserver.Digest{}
	}
	put(s, s.refreshes, g.Refresh.Hash, copyRefresh(*g.Refresh))
	return g.Refresh.Hash
}

func (s *Store) endIssued(grant, refresh authserver.Digest, now time.Time) {
	put(s, s.revoked, grant, now.Add(authserver.RevocationMemory))
	drop(s, s.refreshes, refresh)
}

// PutRequest implements authserver.Store.
func (s *Store) PutRequest(ctx context.Context, r authserver.RequestRecord, once []authserver.Once) error {
	return s.step(ctx, func() error {
		if err := s.rememberOnce(once); err != nil {
			return err
		}
		put(s, s.requests, r.Hash, copyRequest(r))
		return nil
	})
}

// Request implements authserver.Store.
func (s *Store) Request(ctx context.Context, uri authserver.Digest) (r authserver.RequestRecord, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.requests[uri]
		if !ok {
			return authserver.ErrGrantNotFound
		}
		r = copyRequest(known)
		return nil
	})
	return r, err
}

// EndRequest implements authserver.Store, step by step.
func (s *Store) EndRequest(ctx context.Context, uri authserver.Digest, now time.Time, code *authserver.CodeRecord, did audit.Event) error {
	return s.step(ctx, func() error {
		r, known := s.requests[uri]
		switch {
		case !known: // step 1
			return authserver.ErrGrantNotFound
		case r.Used: // step 2
			return authserver.ErrGrantUsed
		case !now.Before(r.Expires): // step 3
			return authserver.ErrGrantExpired
		}
		r.Used = true // step 4
		put(s, s.requests, uri, r)
		if code != nil {
			put(s, s.codes, code.Hash, copyCode(*code))
		}
		return s.note(did)
	})
}

// AuthorizationCode implements authserver.Store.
func (s *Store) AuthorizationCode(ctx context.Context, code authserver.Digest) (c authserver.CodeRecord, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.codes[code]
		if !ok {
			return authserver.ErrGrantNotFound
		}
		c = copyCode(known)
		return nil
	})
	return c, err
}

// RedeemCode implements authserver.Store, step by step. A refusal is an answer
// here and not an error of the step, so that what it ended stays ended.
func (s *Store) RedeemCode(ctx context.Context, code authserver.Digest, now time.Time, once []authserver.Once, g authserver.Given) error {
	var refusal error
	err := s.step(ctx, func() error {
		if err := s.rememberOnce(once); err != nil {
			return err
		}
		if refusal = s.redeemCode(code, now, g); refusal != nil {
			return nil
		}
		return s.note(g.Issued)
	})
	if err != nil {
		return err
	}
	return refusal
}

func (s *Store) redeemCode(code authserver.Digest, now time.Time, g authserver.Given) error {
	c, known := s.codes[code]
	_, revoked := s.revoked[code]
	switch {
	case !known: // step 1
		return authserver.ErrGrantNotFound
	case c.Used: // step 2
		s.endIssued(code, c.Refresh, now)
		return authserver.ErrGrantUsed
	case revoked: // step 3
		return authserver.ErrGrantDead
	case !now.Before(c.Expires): // step 4
		return authserver.ErrGrantExpired
	}
	c.Used, c.Refresh = true, s.give(g) // step 5
	put(s, s.codes, code, c)
	return nil
}

// RefreshToken implements authserver.Store.
func (s *Store) RefreshToken(ctx context.Context, hash authserver.Digest) (r authserver.RefreshRecord, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.refreshes[hash]
		if !ok {
			return authserver.ErrTokenNotFound
		}
		r = copyRefresh(known)
		return nil
	})
	return r, err
}

// Refresh implements authserver.Store, step by step. As in RedeemCode a refusal
// is an answer.
func (s *Store) Refresh(ctx context.Context, hash authserver.Digest, now time.Time, once []authserver.Once, t tokenRecord, waiting []string, issued func(authserver.TokenRecord) audit.Event) (tokenRecord, error) {
	var given tokenRecord
	var refusal error
	err := s.step(ctx, func() error {
		if err := s.rememberOnce(once); err != nil {
			return err
		}
		if given, refusal = s.refresh(hash, now, copyToken(t), waiting); refusal != nil {
			return nil
		}
		return s.note(issued(copyToken(given)))
	})
	if err != nil {
		return tokenRecord{}, err
	}
	return given, refusal
}

func (s *Store) refresh(hash authserver.Digest, now time.Time, t tokenRecord, waiting []string) (tokenRecord, error) {
	r, known := s.refreshes[hash]
	switch {
	case !known: // step 1
		return tokenRecord{}, authserver.ErrTokenNotFound
	case !now.Before(r.Expires): // step 2
		return tokenRecord{}, authserver.ErrGrantExpired
	case r.Unit != "" && !s.wallets[r.Unit].revoked.IsZero(): // step 3
		drop(s, s.refreshes, hash)
		return tokenRecord{}, authserver.ErrGrantDead
	}
	r = copyRefresh(r)
	for _, number := range waiting {
		if void, forGood := s.voids[number].of(r.Granted); void && !forGood {
			if r.Waited == nil {
				r.Waited = map[string]time.Time{}
			}
			r.Waited[number] = now
			put(s, s.refreshes, hash, r)
		}
	}
	gone := func(number string) bool {
		void, forGood := s.voids[number].of(r.Granted)
		return void && (forGood || s.voids[number].last.After(r.Waited[number]))
	}
	if all(r.Documents, gone) { // step 4a
		drop(s, s.refreshes, hash)
		return tokenRecord{}, authserver.ErrGrantDead
	}
	if all(t.Documents, gone) { // step 4b
		return tokenRecord{}, authserver.ErrGrantVoid
	}
	maps.DeleteFunc(t.Identifiers, func(_, id string) bool { return gone(t.Documents[id]) }) // step 4c
	maps.DeleteFunc(t.Documents, func(_, number string) bool { return gone(number) })
	for _, number := range t.Documents { // step 4d
		if void, _ := s.voids[number].of(r.Granted); void && t.Granted.Before(r.Waited[number]) {
			t.Granted = r.Waited[number]
		}
	}
	put(s, s.tokens, t.Hash, t) // step 5
	return copyToken(t), nil
}

// all says whether every document of a grant is gone.
func all(documents map[string]string, gone func(number string) bool) bool {
	for _, number := range documents {
		if !gone(number) {
			return false
		}
	}
	return true
}

// RevokeIssued implements authserver.Store.
func (s *Store) RevokeIssued(ctx context.Context, grant, refresh authserver.Digest, now time.Time) error {
	return s.step(ctx, func() error {
		s.endIssued(grant, refresh, now)
		return nil
	})
}

// sweepIssued is the part of SweepExpired that is about the code flow.
func (s *Store) sweepIssued(now time.Time, left *int) {
	for id, r := range s.requests {
		sweep(s, s.requests, id, left, !r.Expires.After(now))
	}
	for id, c := range s.codes {
		sweep(s, s.codes, id, left, c.Expires.Add(grantMemory).Before(now))
	}
	for id, r := range s.refreshes {
		sweep(s, s.refreshes, id, left, !r.Expires.After(now))
	}
	for id, until := range s.revoked {
		sweep(s, s.revoked, id, left, !until.After(now))
	}
}
