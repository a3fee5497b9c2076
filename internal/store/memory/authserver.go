package memory

import (
	"context"
	"crypto/hmac"
	"maps"
	"slices"
	"time"

	"vidimus/internal/authserver"
)

type tokenRecord = authserver.TokenRecord

// grantMemory is how long an expired grant still answers its caller's key.
const grantMemory = 24 * time.Hour

func copyGrant(g authserver.GrantRecord) authserver.GrantRecord {
	g.Salt, g.TxCodeMAC, g.Documents = slices.Clone(g.Salt), slices.Clone(g.TxCodeMAC), maps.Clone(g.Documents)
	return g
}

func copyToken(t tokenRecord) tokenRecord {
	t.Documents, t.Identifiers = maps.Clone(t.Documents), maps.Clone(t.Identifiers)
	return t
}

// CreateGrant implements authserver.Store.
func (s *Store) CreateGrant(ctx context.Context, g authserver.GrantRecord) (authserver.GrantRecord, bool, error) {
	if err := s.lock(ctx); err != nil {
		return authserver.GrantRecord{}, false, err
	}
	defer s.mu.Unlock()
	if hash, known := s.grantKeys[g.IdempotencyKey]; known {
		return copyGrant(s.grants[hash]), false, nil
	}
	s.grants[g.CodeHash] = copyGrant(g)
	s.grantKeys[g.IdempotencyKey] = g.CodeHash
	return copyGrant(g), true, nil
}

// Grant implements authserver.Store.
func (s *Store) Grant(ctx context.Context, code authserver.Digest) (authserver.GrantRecord, error) {
	if err := s.lock(ctx); err != nil {
		return authserver.GrantRecord{}, err
	}
	defer s.mu.Unlock()
	g, known := s.grants[code]
	if !known {
		return authserver.GrantRecord{}, authserver.ErrGrantNotFound
	}
	return copyGrant(g), nil
}

// RedeemPreAuthorizedCode implements authserver.Store, step by step.
func (s *Store) RedeemPreAuthorizedCode(ctx context.Context, code authserver.Digest, txCodeMAC []byte, now time.Time, t tokenRecord) (authserver.GrantRecord, error) {
	if err := s.lock(ctx); err != nil {
		return authserver.GrantRecord{}, err
	}
	defer s.mu.Unlock()
	g, known := s.grants[code]
	switch {
	case !known: // step 1
		return authserver.GrantRecord{}, authserver.ErrGrantNotFound
	case g.Used: // step 2
		return copyGrant(g), authserver.ErrGrantUsed
	case g.Revoked:
		return copyGrant(g), authserver.ErrGrantDead
	case !now.Before(g.Expires): // step 3
		return copyGrant(g), authserver.ErrGrantExpired
	case g.TxCodeMAC == nil && txCodeMAC != nil: // step 4
		return copyGrant(g), authserver.ErrTxCode
	case g.TxCodeMAC != nil && g.AttemptsLeft <= 0: // step 4a
		return copyGrant(g), authserver.ErrGrantDead
	}
	if g.TxCodeMAC != nil {
		g.AttemptsLeft-- // step 4b
		s.grants[code] = g
		if !hmac.Equal(g.TxCodeMAC, txCodeMAC) { // step 4c
			return copyGrant(g), authserver.ErrTxCode
		}
	}
	g.Used, g.Token = true, t.Hash // step 5
	s.grants[code] = g
	s.tokens[t.Hash] = copyToken(t)
	return copyGrant(g), nil
}

// RevokeGrant implements authserver.Store.
func (s *Store) RevokeGrant(ctx context.Context, idempotencyKey string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	hash, known := s.grantKeys[idempotencyKey]
	if !known {
		return authserver.ErrGrantNotFound
	}
	g := s.grants[hash]
	g.Revoked = true
	s.grants[hash] = g
	if g.Used {
		delete(s.tokens, g.Token)
	}
	return nil
}

// Token implements authserver.Store.
func (s *Store) Token(ctx context.Context, hash authserver.Digest) (tokenRecord, error) {
	if err := s.lock(ctx); err != nil {
		return tokenRecord{}, err
	}
	defer s.mu.Unlock()
	t, known := s.tokens[hash]
	if !known {
		return tokenRecord{}, authserver.ErrTokenNotFound
	}
	return copyToken(t), nil
}

// SeenJTI implements authserver.Store.
func (s *Store) SeenJTI(ctx context.Context, value authserver.Digest, expires time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, seen := s.seen[value]; seen {
		return authserver.ErrReplay
	}
	s.seen[value] = expiring{until: expires}
	return nil
}
