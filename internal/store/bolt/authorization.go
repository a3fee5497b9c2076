package bolt

import (
	"context"
	"maps"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
)

// rememberOnce takes note of values that pass once, all or none.
func (t *tx) rememberOnce(once []authserver.Once) error {
	for i, o := range once {
		if t.has(seenBucket, o.Value[:]) {
			return &authserver.ReplayError{Index: i}
		}
		t.put(seenBucket, o.Value[:], nil)
		t.expire(o.Expires, seenBucket, o.Value[:])
	}
	return nil
}

// give inserts what a code is exchanged for, and says which refresh token that
// was.
func (t *tx) give(g authserver.Given) (refresh authserver.Digest, err error) {
	if err := t.putToken(g.Token); err != nil || g.Refresh == nil {
		return refresh, err
	}
	t.expire(g.Refresh.Expires, refreshBucket, g.Refresh.Hash[:])
	return g.Refresh.Hash, t.putRecord(refreshBucket, g.Refresh.Hash[:], *g.Refresh)
}

func (t *tx) putToken(token authserver.TokenRecord) error {
	t.expire(token.Expires, tokenBucket, token.Hash[:])
	return t.putRecord(tokenBucket, token.Hash[:], token)
}

// endIssued ends what a grant gave.
func (t *tx) endIssued(grant, refresh authserver.Digest, now time.Time) error {
	if !t.has(revokedBucket, grant[:]) {
		t.put(revokedBucket, grant[:], nil)
		t.expire(now.Add(authserver.RevocationMemory), revokedBucket, grant[:])
	}
	return t.dropRefresh(refresh)
}

func (t *tx) dropRefresh(hash authserver.Digest) error {
	var r authserver.RefreshRecord
	if known, err := t.record(refreshBucket, hash[:], &r); err != nil || !known {
		return err
	}
	t.delete(expiryBucket, after(moment(r.Expires), []byte{letters[refreshBucket]}, hash[:]))
	t.delete(refreshBucket, hash[:])
	return nil
}

// PutRequest implements authserver.Store.
func (s *Store) PutRequest(ctx context.Context, r authserver.RequestRecord, once []authserver.Once) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.rememberOnce(once); err != nil {
			return err
		}
		t.expire(r.Expires, requestBucket, r.Hash[:])
		return t.putRecord(requestBucket, r.Hash[:], r)
	})
}

// Request implements authserver.Store.
func (s *Store) Request(ctx context.Context, uri authserver.Digest) (r authserver.RequestRecord, err error) {
	err = s.view(ctx, func(t *tx) error {
		known, err := t.record(requestBucket, uri[:], &r)
		if err == nil && !known {
			err = authserver.ErrGrantNotFound
		}
		return err
	})
	return r, err
}

// EndRequest implements authserver.Store, step by step.
func (s *Store) EndRequest(ctx context.Context, uri authserver.Digest, now time.Time, code *authserver.CodeRecord, did audit.Event) error {
	return s.update(ctx, func(t *tx) error {
		var r authserver.RequestRecord
		known, err := t.record(requestBucket, uri[:], &r)
		switch {
		case err != nil:
			return err
		case !known: // step 1
			return authserver.ErrGrantNotFound
		case r.Used: // step 2
			return authserver.ErrGrantUsed
		case !now.Before(r.Expires): // step 3
			return authserver.ErrGrantExpired
		}
		r.Used = true // step 4
		if err := t.putRecord(requestBucket, uri[:], r); err != nil {
			return err
		}
		if code != nil {
			t.expire(code.Expires.Add(grantMemory+time.Nanosecond), codeBucket, code.Hash[:])
			if err := t.putRecord(codeBucket, code.Hash[:], *code); err != nil {
				return err
			}
		}
		return s.note(t, did)
	})
}

// AuthorizationCode implements authserver.Store.
func (s *Store) AuthorizationCode(ctx context.Context, code authserver.Digest) (c authserver.CodeRecord, err error) {
	err = s.view(ctx, func(t *tx) error {
		known, err := t.record(codeBucket, code[:], &c)
		if err == nil && !known {
			err = authserver.ErrGrantNotFound
		}
		return err
	})
	return c, err
}

// RedeemCode implements authserver.Store, step by step. A refusal is an answer
// here and not an error of the operation, so that what it ended stays ended.
func (s *Store) RedeemCode(ctx context.Context, code authserver.Digest, now time.Time, once []authserver.Once, g authserver.Given) error {
	var refusal error
	err := s.update(ctx, func(t *tx) (err error) {
		if err := t.rememberOnce(once); err != nil {
			return err
		}
		if refusal, err = t.redeemCode(code, now, g); err == nil && refusal == nil {
			err = s.note(t, g.Issued)
		}
		return err
	})
	if err != nil {
		return err
	}
	return refusal
}

func (t *tx) redeemCode(code authserver.Digest, now time.Time, g authserver.Given) (refusal, err error) {
	var c authserver.CodeRecord
	known, err := t.record(codeBucket, code[:], &c)
	switch {
	case err != nil:
		return nil, err
	case !known: // step 1
		return authserver.ErrGrantNotFound, nil
	case c.Used: // step 2
		return authserver.ErrGrantUsed, t.endIssued(code, c.Refresh, now)
	case t.has(revokedBucket, code[:]): // step 3
		return authserver.ErrGrantDead, nil
	case !now.Before(c.Expires): // step 4
		return authserver.ErrGrantExpired, nil
	}
	c.Used = true // step 5
	if c.Refresh, err = t.give(g); err != nil {
		return nil, err
	}
	return nil, t.putRecord(codeBucket, code[:], c)
}

// RefreshToken implements authserver.Store.
func (s *Store) RefreshToken(ctx context.Context, hash authserver.Digest) (r authserver.RefreshRecord, err error) {
	err = s.view(ctx, func(t *tx) error {
		known, err := t.record(refreshBucket, hash[:], &r)
		if err == nil && !known {
			err = authserver.ErrTokenNotFound
		}
		return err
	})
	return r, err
}

// Refresh implements authserver.Store, step by step. As in RedeemCode a refusal
// is an answer.
func (s *Store) Refresh(ctx context.Context, hash authserver.Digest, now time.Time, once []authserver.Once, token authserver.TokenRecord, waiting []string, issued func(authserver.TokenRecord) audit.Event) (authserver.TokenRecord, error) {
	var given authserver.TokenRecord
	var refusal error
	err := s.update(ctx, func(t *tx) (err error) {
		if err := t.rememberOnce(once); err != nil {
			return err
		}
		given = token
		given.Documents, given.Identifiers = maps.Clone(token.Documents), maps.Clone(token.Identifiers)
		if refusal, err = t.refresh(hash, now, &given, waiting); err == nil && refusal == nil {
			err = s.note(t, issued(given))
		}
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return authserver.TokenRecord{}, err
	}
	return given, nil
}

func (t *tx) refresh(hash authserver.Digest, now time.Time, token *authserver.TokenRecord, waiting []string) (refusal, err error) {
	var r authserver.RefreshRecord
	known, err := t.record(refreshBucket, hash[:], &r)
	switch {
	case err != nil:
		return nil, err
	case !known: // step 1
		return authserver.ErrTokenNotFound, nil
	case !now.Before(r.Expires): // step 2
		return authserver.ErrGrantExpired, nil
	}
	if r.Unit != "" { // step 3
		w, err := t.wallet(r.Unit)
		if err != nil {
			return nil, err
		}
		if !w.revoked.IsZero() {
			return authserver.ErrGrantDead, t.dropRefresh(hash)
		}
	}
	if err := t.noteWaiting(&r, now, waiting); err != nil {
		return nil, err
	}
	gone := func(number string) bool {
		v := t.void(number)
		void, forGood := v.of(r.Granted)
		return void && (forGood || v.last > moment(r.Waited[number]))
	}
	if all(r.Documents, gone) { // step 4a
		return authserver.ErrGrantDead, t.dropRefresh(hash)
	}
	if all(token.Documents, gone) { // step 4b
		return authserver.ErrGrantVoid, nil
	}
	maps.DeleteFunc(token.Identifiers, func(_, id string) bool { return gone(token.Documents[id]) }) // step 4c
	maps.DeleteFunc(token.Documents, func(_, number string) bool { return gone(number) })
	for _, number := range token.Documents { // step 4d
		if void, _ := t.void(number).of(r.Granted); void && token.Granted.Before(r.Waited[number]) {
			token.Granted = r.Waited[number]
		}
	}
	return nil, t.putToken(*token) // step 5
}

// noteWaiting keeps that a wallet waits for documents that events have voided
// since its grant. It writes no more often than there are such events.
func (t *tx) noteWaiting(r *authserver.RefreshRecord, now time.Time, waiting []string) error {
	waited := maps.Clone(r.Waited)
	for _, number := range waiting {
		v := t.void(number)
		if void, forGood := v.of(r.Granted); !void || forGood || v.last <= moment(waited[number]) {
			continue
		}
		if waited == nil {
			waited = map[string]time.Time{}
		}
		waited[number] = now
	}
	if maps.Equal(waited, r.Waited) {
		return nil
	}
	r.Waited = waited
	return t.putRecord(refreshBucket, r.Hash[:], *r)
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
	return s.update(ctx, func(t *tx) error { return t.endIssued(grant, refresh, now) })
}
