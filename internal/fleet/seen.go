package fleet

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"vidimus/internal/jose"
)

// ErrSeen is for what a reader said of itself that does not count.
var ErrSeen = errors.New("token of a reader refused")

// typeSeen is the typ of the token with which a reader says which bundle it has.
const typeSeen = "vidimus-reader+jwt"

// SeenHeader is the header in which it bears it.
const SeenHeader = "Vidimus-Reader"

type wireSeen struct {
	Reader string `json:"sub"`
	At     int64  `json:"iat"`
	Bundle uint64 `json:"bundle"`
}

// SignSeen makes the token of a reader that asks for the next bundle: who it is and
// the number of the bundle that it has, 0 for none.
func SignSeen(key crypto.Signer, id string, bundle uint64, at time.Time, rand io.Reader) (string, error) {
	payload, err := json.Marshal(wireSeen{id, at.Unix(), bundle})
	if err != nil {
		return "", err
	}
	return jose.Sign(key, map[string]any{"typ": typeSeen}, payload, rand)
}

// Seen notes which bundle a reader has, by its token. Errors match ErrSeen, or come
// from the store; a reader that was revoked is not seen any more.
func (s *Service) Seen(ctx context.Context, token string) error {
	signed, err := jose.Parse(token, maxSeen)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSeen, err)
	}
	var w wireSeen
	if err := jose.DecodeJSON(signed.Payload, &w); err != nil || signed.Header.Type != typeSeen || w.Bundle > math.MaxInt64 {
		return fmt.Errorf("%w: not what readers say", ErrSeen)
	}
	r, err := s.p.Store.Reader(ctx, w.Reader)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSeen, err)
	}
	if r.State != Enrolled {
		return fmt.Errorf("%w: %s is not enrolled", ErrSeen, r.ID)
	}
	key, err := x509.ParsePKIXPublicKey(r.PublicKey)
	if err == nil {
		err = signed.Verify(key)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSeen, err)
	}
	now := s.p.Clock.Now()
	if at := time.Unix(w.At, 0); at.After(now.Add(seenSkew)) || at.Before(now.Add(-seenSkew)) {
		return fmt.Errorf("%w: made at %s", ErrSeen, at.UTC().Format(time.RFC3339))
	}
	return s.p.Store.SeenReader(ctx, r.ID, w.Bundle, now)
}
