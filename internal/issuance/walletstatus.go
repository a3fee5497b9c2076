package issuance

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/problem"
	"vidimus/internal/statuslist"
)

// StatusFetcher reads the lists in which wallet providers publish the status
// of their attestations.
type StatusFetcher interface {
	// Fetch gets a list by its URI and verifies it: signature, chain up to the
	// wallet provider whose attestation named it and to no other that is
	// trusted ("" is any: of a record that does not say), subject, times. An
	// error means that nobody knows.
	Fetch(ctx context.Context, uri, provider string) (FetchedList, error)
}

// FetchedList is a list as its provider published it.
type FetchedList struct {
	List   *statuslist.List
	Issued time.Time
	// Until is when it must be read anew (the earlier of ttl and exp), Expires
	// from when on it says nothing any more; zero when it does not say.
	Until, Expires time.Time
}

// Revoker ends a wallet unit: no copies any more, and those that it has are
// revoked, as by the registry event wallet-unit-revoked. Once more changes
// nothing.
type Revoker interface {
	RevokeWallet(ctx context.Context, unit string) error
}

// verdict is what a list says of an attestation.
type verdict int

const (
	good    verdict = iota
	revoked         // for good
	bad             // suspended, or with a status that means nothing to us
)

// errUnknownStatus: no list to look into.
var errUnknownStatus = errors.New("the status of the wallet cannot be read")

// statusLists keeps lists for as long as they say.
type statusLists struct {
	fetcher StatusFetcher
	marks   MarkStore
	clock   clock.Clock

	mu    sync.Mutex
	known map[listName]*knownList
}

// listName is a list as a provider has to sign it: what another publishes under
// that address is another list.
type listName struct{ uri, provider string }

// digest names the list in the store.
func (n listName) digest() Digest {
	return sha256.Sum256([]byte("status list\x00" + n.provider + "\x00" + n.uri))
}

// knownList is fetched by one at a time.
type knownList struct {
	mu sync.Mutex // never held while the list is fetched
	FetchedList
	fetched time.Time // zero before the first
	failed  time.Time
	err     error         // of the last attempt
	reading chan struct{} // closed at the end of the attempt under way; nil when none is
	waiting int           // for it
}

// look says what the list says of an attestation. maxAge bounds how old the
// list may be while it can be read anew.
func (l *statusLists) look(ctx context.Context, at StatusIndex, maxAge time.Duration) (verdict, error) {
	list, err := l.get(ctx, listName{at.List, at.Provider}, maxAge)
	if err != nil {
		return bad, err
	}
	status, err := list.Get(at.Index)
	switch {
	case err != nil: // an index that the list has not: the attester is mistaken
		return bad, nil
	case status == statuslist.Valid:
		return good, nil
	case status == statuslist.Invalid:
		return revoked, nil
	}
	return bad, nil
}

func (l *statusLists) get(ctx context.Context, name listName, maxAge time.Duration) (*statuslist.List, error) {
	k := l.entry(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	now := l.clock.Now()
	age := now.Sub(k.fetched)
	if k.List != nil && now.Before(k.Until) && age >= 0 && age <= maxAge {
		return k.List, nil
	}
	switch {
	case k.reading != nil:
		if err := k.wait(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnknownStatus, err)
		}
	case k.err == nil || now.Sub(k.failed) >= statusRetry || now.Before(k.failed):
		k.read(ctx, l, name)
	}
	if k.err == nil {
		return k.List, nil
	}
	if age = l.clock.Now().Sub(k.fetched); k.List != nil && age >= 0 && age < statusKept && (k.Expires.IsZero() || l.clock.Now().Before(k.Expires)) {
		return k.List, nil
	}
	return nil, fmt.Errorf("%w: %w", errUnknownStatus, k.err)
}

// wait waits for the reading under way: as many as may, and no longer than they
// like. It is called and returns with the lock.
func (k *knownList) wait(ctx context.Context) error {
	if k.waiting >= maxStatusWaiters {
		return errBusy
	}
	k.waiting++
	reading := k.reading
	k.mu.Unlock()
	var err error
	select {
	case <-reading:
	case <-ctx.Done():
		err = ctx.Err()
	}
	k.mu.Lock()
	k.waiting--
	return err
}

// read fetches a list. The wallet that happened to come first may go away: the
// others wait for it too. It is called and returns with the lock, and gives it
// away meanwhile.
func (k *knownList) read(ctx context.Context, l *statusLists, name listName) {
	done, before := make(chan struct{}), k.Issued
	k.reading = done
	k.mu.Unlock()
	var got FetchedList
	err := errors.New("the reading broke off")
	defer func() {
		k.mu.Lock()
		k.take(got, err, l.clock.Now())
		k.reading = nil
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
	defer cancel()
	got, err = l.fetcher.Fetch(ctx, name.uri, name.provider)
	switch {
	case err != nil:
	case got.List == nil:
		err = errors.New("no list")
	case got.Issued.Before(before):
		err = ErrListOlder // what was revoked would be good again
	default: // and than whatever was read before the last start
		err = l.marks.AdvanceList(ctx, ListMark{List: name.digest(), Issued: got.Issued, Expires: l.clock.Now().Truncate(day).Add(markKept)})
	}
}

// take keeps what was read.
func (k *knownList) take(got FetchedList, err error, now time.Time) {
	if k.err = err; err != nil {
		k.failed = now
		return
	}
	if got.Until.IsZero() {
		got.Until = now.Add(statusDefault)
	}
	if latest := now.Add(statusFresh); got.Until.After(latest) {
		got.Until = latest
	}
	k.FetchedList, k.fetched = got, now
}

// entry gives the place of a list, forgetting another where there are too many.
func (l *statusLists) entry(name listName) *knownList {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.known[name]
	if k == nil {
		for other := range l.known {
			if len(l.known) < maxStatusLists {
				break
			}
			delete(l.known, other)
		}
		k = &knownList{}
		l.known[name] = k
	}
	return k
}

// checkWallet looks up the attestations of the present request before anything
// is made. Those of a unit that was revoked end the unit.
func (p *Prepared) checkWallet(ctx context.Context, attested keptWallet) error {
	if p.s.p.Status == nil {
		return nil
	}
	for _, of := range []struct {
		list    []StatusIndex
		refusal error
	}{
		{p.access.Attestations, errWallet},
		{attested.Attestations, problem.New(problem.InvalidProof, "the key attestation was revoked")},
	} {
		for _, at := range of.list {
			v, err := p.s.lists.look(ctx, at, statusFresh)
			switch {
			case err != nil && p.s.cfg.OpenStatus, err == nil && v == good:
				continue
			case err != nil:
				return unavailable(err)
			}
			if v == revoked {
				if err := p.s.revokeWallet(ctx, p.intent.Wallet.Unit); err != nil {
					return unavailable(err)
				}
			}
			return p.s.deny(ctx, p.access, p.cfg.ID, "wallet revoked", of.refusal)
		}
	}
	return nil
}

// ErrAttestation is in the chain of what CheckUnit says of a wallet whose
// provider revoked or suspended what it showed.
var ErrAttestation = errors.New("the attestation of the wallet is good no more")

// CheckUnit looks up attestations before anything is given to the wallet unit
// that holds a key, for who answers before a credential is asked for. A unit
// that was revoked is ended. ErrAttestation; every other error means that nobody
// knows, and the wallet may try again.
func (s *Service) CheckUnit(ctx context.Context, thumbprint string, shown []StatusIndex) error {
	if s.p.Status == nil {
		return nil
	}
	for _, at := range shown {
		v, err := s.lists.look(ctx, at, statusFresh)
		switch {
		case err != nil && s.cfg.OpenStatus, err == nil && v == good:
			continue
		case err != nil:
			return unavailable(err)
		}
		if v == revoked {
			if err := s.revokeWallet(ctx, s.WalletUnit(thumbprint)); err != nil {
				return unavailable(err)
			}
		}
		return ErrAttestation
	}
	return nil
}

func (s *Service) revokeWallet(ctx context.Context, unit string) error {
	if unit == "" {
		return nil
	}
	if err := s.p.Revoker.RevokeWallet(ctx, unit); err != nil {
		return fmt.Errorf("revoking a wallet unit: %w", err)
	}
	return s.p.Audit.Append(ctx, audit.Event{
		Time: s.p.Clock.Now(), Action: "wallet.revoke", Actor: "issuer", Subject: unit, Outcome: audit.Done,
		Detail: map[string]string{"reason": "attestation revoked"},
	})
}
