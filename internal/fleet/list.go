package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"

	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// RevocationList is the list of the reader CA as of now: every reader that was
// revoked after it had a certificate, until that has ended. It is signed anew
// when somebody was revoked since, and once a day. Its number is the instant in
// microseconds: it grows over restarts without being kept.
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
	s.stale = false // before the look: who revokes meanwhile says so again
	readers, err := s.Readers(ctx)
	if err != nil {
		s.stale = true
		return nil, err
	}
	s.read = now
	var revoked []pki.RevokedCertificate
	digest := sha256.New()
	slices.SortFunc(readers, func(a, b Reader) int { return slices.Compare(a.Serial, b.Serial) })
	for _, r := range readers {
		if r.State != Revoked || r.Certificate == nil || now.After(r.Expires) {
			continue
		}
		at := r.Revoked
		if at.After(now) { // a clock that was set back
			at = now
		}
		revoked = append(revoked, pki.RevokedCertificate{Serial: new(big.Int).SetBytes(r.Serial), At: at})
		digest.Write(r.Serial)
	}
	of := hex.EncodeToString(digest.Sum(nil))
	if s.list != nil && s.of == of && !now.Before(s.list.ThisUpdate) && now.Sub(s.list.ThisUpdate) < listAgain {
		return s.list, nil
	}
	number := big.NewInt(now.UnixMicro())
	if s.list != nil && number.Cmp(s.list.Number) <= 0 {
		number = new(big.Int).Add(s.list.Number, big.NewInt(1))
	}
	list, err := pki.BuildCRL(pki.Revocations{Number: number, ThisUpdate: now, NextUpdate: now.Add(listFresh), Revoked: revoked}, a.Certificate, a.Key, s.p.Rand)
	if err != nil {
		s.stale = true
		return nil, unavailable(err)
	}
	s.list, s.of = list, of
	return list, nil
}

// Authority gives the certificate of the reader CA: the anchor of wallets.
func (s *Service) Authority() *pki.Certificate { return s.p.Authority.Certificate }
