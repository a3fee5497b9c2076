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
	t.Wallet.Statuses = slices.Clone(t.Wallet.Statuses)
	return t
}

// CreateGrant implements authserver.Store.
func (s *Store) CreateGrant(ctx context.Context, g authserver.GrantRecord) (stored authserver.GrantRecord, created bool, err error) {
	err = s.step(ctx, func() error {
		hash, known := s.grantKeys[g.IdempotencyKey]
		if known {
			stored = copyGrant(s.grants[hash])
			return nil
		}
		put(s, s.grants, g.CodeHash, copyGrant(g))
		put(s, s.grantKeys, g.IdempotencyKey, g.CodeHash)
		stored, created = copyGrant(g), true
		return nil
	})
	return stored, created, err
}

// Grant implements authserver.Store.
func (s *Store) Grant(ctx context.Context, code authserver.Digest) (g authserver.GrantRecord, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.grants[code]
		if !ok {
			return authserver.ErrGrantNotFound
		}
		g = copyGrant(known)
		return nil
	})
	return g, err
}

// RedeemPreAuthorizedCode implements authserver.Store, step by step. A wrong
// transaction code is an answer here and not an error of the step, so that the
// attempt it cost is kept.
func (s *Store) RedeemPreAuthorizedCode(ctx context.Context, code authserver.Digest, txCodeMAC []byte, now time.Time, once []authserver.Once, given authserver.Given) (g authserver.GrantRecord, err error) {
	var refusal error
	err = s.step(ctx, func() error {
		if err := s.rememberOnce(once); err != nil {
			return err
		}
		if g, refusal = s.redeem(code, txCodeMAC, now, given); refusal != nil {
			return nil
		}
		return s.note(given.Issued)
	})
	if err != nil {
		return authserver.GrantRecord{}, err
	}
	return g, refusal
}

func (s *Store) redeem(code authserver.Digest, txCodeMAC []byte, now time.Time, given authserver.Given) (authserver.GrantRecord, error) {
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
		put(s, s.grants, code, g)
		if !hmac.Equal(g.TxCodeMAC, txCodeMAC) { // step 4c
			return copyGrant(g), authserver.ErrTxCode
		}
	}
	g.Used, g.Token, g.Refresh = true, given.Token.Hash, s.give(given) // step 5
	put(s, s.grants, code, g)
	return copyGrant(g), nil
}

// RevokeGrant implements authserver.Store.
func (s *Store) RevokeGrant(ctx context.Context, idempotencyKey string, now time.Time) error {
	return s.step(ctx, func() error {
		hash, known := s.grantKeys[idempotencyKey]
		if !known {
			return authserver.ErrGrantNotFound
		}
		g := s.grants[hash]
		g.Revoked = true
		put(s, s.grants, hash, g)
		s.endIssued(hash, g.Refresh, now)
		if g.Used {
			drop(s, s.tokens, g.Token)
		}
		return nil
	})
}

// Token implements authserver.Store.
func (s *Store) Token(ctx context.Context, hash authserver.Digest) (t tokenRecord, err error) {
	err = s.step(ctx, func() error {
		known, ok := s.tokens[hash]
		if _, revoked := s.revoked[known.Grant]; !ok || revoked && known.Grant != (authserver.Digest{}) {
			return authserver.ErrTokenNotFound
		}
		t = copyToken(known)
		return nil
	})
	return t, err
}

// SeenJTI implements authserver.Store.
func (s *Store) SeenJTI(ctx context.Context, value authserver.Digest, expires time.Time) error {
	return s.step(ctx, func() error {
		if _, seen := s.seen[value]; seen {
			return authserver.ErrReplay
		}
		put(s, s.seen, value, expires)
		return nil
	})
}

// SweepExpired implements authserver.Store and issuance.Store.
func (s *Store) SweepExpired(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.step(ctx, func() error {
		left := limit
		at := func(t time.Time) bool { return !t.After(now) }
		for id, o := range s.offers {
			sweep(s, s.offers, id, &left, at(o.Expires))
		}
		for id, until := range s.nonces {
			sweep(s, s.nonces, id, &left, at(until))
		}
		for id, u := range s.uses {
			sweep(s, s.uses, id, &left, at(u.until))
		}
		for id, t := range s.transactions {
			sweep(s, s.transactions, id, &left, at(t.Expires))
		}
		for id, m := range s.marks {
			sweep(s, s.marks, id, &left, at(m.Expires))
		}
		for id, t := range s.tokens {
			sweep(s, s.tokens, id, &left, at(t.Expires))
		}
		for id, until := range s.seen {
			sweep(s, s.seen, id, &left, at(until))
		}
		s.sweepIssued(now, &left)
		for hash, g := range s.grants {
			_, alive := s.refreshes[g.Refresh]
			if sweep(s, s.grants, hash, &left, !alive && g.Expires.Add(grantMemory).Before(now)) {
				drop(s, s.grantKeys, g.IdempotencyKey)
			}
		}
		removed = limit - left
		return nil
	})
	return removed, err
}

// sweep drops what is over while there is something left to drop.
func sweep[K comparable, V any](s *Store, m map[K]V, k K, left *int, over bool) bool {
	if !over || *left <= 0 {
		return false
	}
	drop(s, m, k)
	*left--
	return true
}
