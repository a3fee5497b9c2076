package bolt

import (
	"context"
	"crypto/hmac"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/faults"
)

// grantMemory is how long an expired grant still answers its caller's key.
const grantMemory = 24 * time.Hour

// CreateGrant implements authserver.Store.
func (s *Store) CreateGrant(ctx context.Context, g authserver.GrantRecord) (stored authserver.GrantRecord, created bool, err error) {
	err = s.update(ctx, func(t *tx) error {
		if hash := t.get(keyBucket, []byte(g.IdempotencyKey)); hash != nil {
			created = false
			_, err := t.record(grantBucket, hash, &stored)
			return err
		}
		stored, created = authserver.GrantRecord{}, true
		t.put(keyBucket, []byte(g.IdempotencyKey), g.CodeHash[:])
		t.expire(g.Expires.Add(grantMemory+time.Nanosecond), grantBucket, g.CodeHash[:])
		if err := t.putRecord(grantBucket, g.CodeHash[:], g); err != nil {
			return err
		}
		_, err := t.record(grantBucket, g.CodeHash[:], &stored)
		return err
	})
	if err != nil {
		return authserver.GrantRecord{}, false, err
	}
	return stored, created, nil
}

// Grant implements authserver.Store.
func (s *Store) Grant(ctx context.Context, code authserver.Digest) (authserver.GrantRecord, error) {
	var g authserver.GrantRecord
	err := s.view(ctx, func(t *tx) error {
		known, err := t.record(grantBucket, code[:], &g)
		if err == nil && !known {
			err = authserver.ErrGrantNotFound
		}
		return err
	})
	return g, err
}

// RedeemPreAuthorizedCode implements authserver.Store, step by step. A wrong
// transaction code is an answer here and not an error of the operation, so
// that the attempt it cost is kept.
func (s *Store) RedeemPreAuthorizedCode(ctx context.Context, code authserver.Digest, txCodeMAC []byte, now time.Time, once []authserver.Once, given authserver.Given) (authserver.GrantRecord, error) {
	var g authserver.GrantRecord
	var refusal error
	err := s.update(ctx, func(t *tx) (err error) {
		if err := t.rememberOnce(once); err != nil {
			return err
		}
		g, refusal, err = t.redeem(code, txCodeMAC, now, given)
		if err == nil && refusal == nil {
			err = s.note(t, given.Issued)
		}
		return err
	})
	if err != nil {
		return authserver.GrantRecord{}, err
	}
	return g, refusal
}

func (t *tx) redeem(code authserver.Digest, txCodeMAC []byte, now time.Time, given authserver.Given) (g authserver.GrantRecord, refusal, err error) {
	known, err := t.record(grantBucket, code[:], &g)
	switch {
	case err != nil:
		return g, nil, err
	case !known: // step 1
		return g, authserver.ErrGrantNotFound, nil
	case g.Used: // step 2
		return g, authserver.ErrGrantUsed, nil
	case g.Revoked:
		return g, authserver.ErrGrantDead, nil
	case !now.Before(g.Expires): // step 3
		return g, authserver.ErrGrantExpired, nil
	case g.TxCodeMAC == nil && txCodeMAC != nil: // step 4
		return g, authserver.ErrTxCode, nil
	case g.TxCodeMAC != nil && g.AttemptsLeft <= 0: // step 4a
		return g, authserver.ErrGrantDead, nil
	}
	if g.TxCodeMAC != nil {
		g.AttemptsLeft-- // step 4b
		if !hmac.Equal(g.TxCodeMAC, txCodeMAC) {
			if faults.Wrong("store.free-guesses") {
				g.AttemptsLeft++
			}
			return g, authserver.ErrTxCode, t.putRecord(grantBucket, code[:], g) // step 4c
		}
	}
	g.Used, g.Token = true, given.Token.Hash // step 5
	if g.Refresh, err = t.give(given); err != nil {
		return g, nil, err
	}
	return g, nil, t.putRecord(grantBucket, code[:], g)
}

// RevokeGrant implements authserver.Store.
func (s *Store) RevokeGrant(ctx context.Context, idempotencyKey string, now time.Time) error {
	return s.update(ctx, func(t *tx) error {
		hash := t.get(keyBucket, []byte(idempotencyKey))
		var g authserver.GrantRecord
		known, err := t.record(grantBucket, hash, &g)
		if err != nil {
			return err
		}
		if !known {
			return authserver.ErrGrantNotFound
		}
		if err := t.endIssued(g.CodeHash, g.Refresh, now); err != nil {
			return err
		}
		if g.Used {
			t.delete(tokenBucket, g.Token[:])
		}
		if g.Revoked {
			return nil
		}
		g.Revoked = true
		return t.putRecord(grantBucket, g.CodeHash[:], g)
	})
}

// Token implements authserver.Store.
func (s *Store) Token(ctx context.Context, hash authserver.Digest) (authserver.TokenRecord, error) {
	var record authserver.TokenRecord
	err := s.view(ctx, func(t *tx) error {
		known, err := t.record(tokenBucket, hash[:], &record)
		if err == nil && (!known || t.has(revokedBucket, record.Grant[:])) {
			record, err = authserver.TokenRecord{}, authserver.ErrTokenNotFound
		}
		return err
	})
	return record, err
}

// SeenJTI implements authserver.Store.
func (s *Store) SeenJTI(ctx context.Context, value authserver.Digest, expires time.Time) error {
	return s.update(ctx, func(t *tx) error {
		if t.has(seenBucket, value[:]) {
			return authserver.ErrReplay
		}
		t.put(seenBucket, value[:], nil)
		t.expire(expires, seenBucket, value[:])
		return nil
	})
}
