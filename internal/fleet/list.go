package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// Lists keeps the revocation lists of the authority beside the store: a store that
// comes back from a backup must not take a revocation back.
type Lists interface {
	// Alone keeps other processes that write lists out until unlock: between Kept and
	// Keep none of them may.
	Alone(ctx context.Context) (unlock func(), err error)
	// Kept gives those that are still there, in any order, each signed by the
	// authority.
	Kept() ([]*pki.CRL, error)
	// Keep makes a list durable, before anybody gets it.
	Keep(list *pki.CRL) error
}

// RevocationList is the list of the reader CA as of now: every reader that was
// revoked after it had a certificate, and whoever stands in a list that is kept and is
// not known here, until every certificate of the time before has ended: a signer that
// reads the list knows of none when it ends, and takes nobody off it before that. It is signed anew when somebody was
// revoked since, and once a day. Its number is the instant in microseconds, and above
// that of every list that is kept.
func (s *Service) RevocationList(ctx context.Context) (*pki.CRL, error) {
	a := s.p.Authority
	if a.Key == nil {
		return nil, problem.New(problem.NotFound, "the key of the reader CA is not on this machine: its list is published elsewhere")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.p.Clock.Now()
	if s.list != nil && !s.stale && !now.Before(s.read) && now.Sub(s.read) < listRead {
		return s.list, nil
	}
	if s.p.Lists != nil {
		unlock, err := s.p.Lists.Alone(ctx)
		if err != nil {
			return nil, unavailable(err)
		}
		defer unlock()
	}
	if err := s.remember(); err != nil {
		return nil, unavailable(err)
	}
	s.stale = false // before the look: who revokes meanwhile says so again
	readers, err := s.Readers(ctx)
	if err != nil {
		s.stale = true
		return nil, err
	}
	s.read = now
	revoked := s.revoked(readers, now)
	of := named(revoked)
	if s.list != nil && s.of == of && !now.Before(s.list.ThisUpdate) && now.Sub(s.list.ThisUpdate) < listAgain {
		return s.list, nil
	}
	list, err := pki.BuildCRL(pki.Revocations{Number: pki.NextNumber(s.list, now), ThisUpdate: now, NextUpdate: now.Add(listFresh), Revoked: revoked}, a.Certificate, a.Key, s.p.Rand)
	if err == nil && s.p.Lists != nil {
		err = s.p.Lists.Keep(list)
	}
	if err != nil {
		s.stale = true
		return nil, unavailable(err)
	}
	s.list, s.of = list, of
	if s.seen != nil {
		s.seen[list.Fingerprint] = true
	}
	return list, nil
}

// remember reads what lists said that are not ours of this run: earlier ones, and those
// that somebody else has kept meanwhile.
func (s *Service) remember() error {
	if s.p.Lists == nil {
		return nil
	}
	lists, err := s.p.Lists.Kept()
	if err != nil {
		return err
	}
	if s.earlier == nil {
		s.earlier = map[string]time.Time{}
	}
	before := s.seen
	s.seen = map[[32]byte]bool{}
	for _, list := range lists {
		s.seen[list.Fingerprint] = true
		if before[list.Fingerprint] {
			continue
		}
		for _, e := range list.Entries() {
			if serial := string(e.Serial.Bytes()); e.At.After(s.earlier[serial]) {
				s.earlier[serial] = e.At
			}
		}
		if s.list == nil || list.Number.Cmp(s.list.Number) > 0 {
			s.list, s.of = list, named(list.Entries())
		}
	}
	return nil
}

// revoked is what the next list says: what the store knows, and what earlier lists
// said of those that it does not know or believes to be well. Nobody is left out before
// the longest life of a certificate has passed, and no revocation is dated back.
func (s *Service) revoked(readers []Reader, now time.Time) []pki.RevokedCertificate {
	at := map[string]time.Time{}
	for serial, since := range s.earlier {
		if now.Sub(since) < MaxLifetime {
			at[serial] = since
		}
	}
	for _, r := range readers {
		switch {
		case r.Certificate == nil || r.State != Revoked || now.Sub(r.Revoked) >= MaxLifetime:
		case r.Revoked.After(at[string(r.Serial)]):
			at[string(r.Serial)] = r.Revoked
		}
	}
	out := make([]pki.RevokedCertificate, 0, len(at))
	for serial, since := range at {
		if since.After(now) { // a clock that was set back
			since = now
		}
		out = append(out, pki.RevokedCertificate{Serial: new(big.Int).SetBytes([]byte(serial)), At: since})
	}
	slices.SortFunc(out, func(a, b pki.RevokedCertificate) int { return a.Serial.Cmp(b.Serial) })
	return out
}

// named tells two lists apart that do not name the same; entries in the order of
// the serial numbers.
func named(entries []pki.RevokedCertificate) string {
	digest := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(digest, "%x\n", e.Serial)
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// Adopt revokes the readers whom an earlier list has revoked and the store believes
// to be well, since it came back from a backup, and says how many.
func (s *Service) Adopt(ctx context.Context) (int, error) {
	s.mu.Lock()
	err := s.remember()
	earlier := maps.Clone(s.earlier)
	s.mu.Unlock()
	if err != nil || len(earlier) == 0 {
		return 0, err
	}
	readers, err := s.Readers(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, r := range readers {
		at, there := earlier[string(r.Serial)]
		if !there || r.Certificate == nil || r.State == Revoked {
			continue
		}
		_, err := s.p.Store.RevokeReader(ctx, r.ID, at, s.did(ActionRevoke, actorList, r.ID, map[string]string{"serial": hex.EncodeToString(r.Serial)}))
		if err != nil && !errors.Is(err, ErrState) {
			return n, fmt.Errorf("revoking %s, as an earlier list has it: %w", r.ID, err)
		}
		n++
	}
	return n, nil
}

// actorList is who revokes a reader that a list has revoked before.
const actorList = "list"

// Authority gives the certificate of the reader CA: the anchor of wallets.
func (s *Service) Authority() *pki.Certificate { return s.p.Authority.Certificate }
