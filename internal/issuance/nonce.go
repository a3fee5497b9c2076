package issuance

import (
	"context"
	"crypto/sha256"
	"time"

	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Nonce gives a fresh c_nonce (OpenID4VCI 1.0, section 7). Nothing is stored
// until a batch uses it up: a flood of requests leaves no trace.
func (s *Service) Nonce(context.Context) (string, error) {
	n, err := s.nonces.New(s.p.Clock.Now(), s.p.Rand)
	if err != nil {
		return "", unavailable(err)
	}
	return n, nil
}

// addNonce gives wallets of the drafts the next nonce with the answer, where
// that is switched on and the request was of their kind. Without one the answer
// is still good.
func (s *Service) addNonce(ctx context.Context, out *oid4vci.CredentialResponse, draft15 bool) {
	if !s.cfg.Draft15 || !draft15 {
		return
	}
	if n, err := s.Nonce(ctx); err == nil {
		out.CNonce, out.CNonceExpiresIn = n, int(s.cfg.NonceLifetime/time.Second)
	}
}

// usedNonce is what RecordIntent consumes.
type usedNonce struct {
	digest  Digest
	expires time.Time
}

// check is what VerifyProofs calls, once, when all proofs are good. Whether
// the nonce was used before, only the store can say.
func (s *Service) check(into *usedNonce, now time.Time) func(string) error {
	return func(nonce string) error {
		id, expires, err := s.nonces.Check(nonce, now)
		if err != nil {
			return err
		}
		into.digest, into.expires = sha256.Sum256(id), expires
		return nil
	}
}

var errNonceUsed = problem.New(problem.InvalidNonce, "the nonce was used before: fetch a new one")
