package authserver

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/faults"
	"vidimus/internal/problem"
)

// Grant is what an office asks to be offered to one person.
type Grant struct {
	// IdempotencyKey is chosen by the caller, 1 to 128 bytes. A repeat with
	// the same key and content gives the same offer again; with another
	// content, or when the offer is used, taken back, dead or expired, it is a
	// Conflict.
	IdempotencyKey string

	Person    string            // number of the person who will hold the copies
	Documents map[string]string // credential configuration id -> document number

	// WithoutTxCode makes an offer that no transaction code protects. Only
	// for configurations that allow it.
	WithoutTxCode bool

	Actor string // who asks, for the audit log: an id, not a name
}

// PreAuthorized is the outcome. Code goes into the offer; TxCode goes to the
// person by another channel and nowhere else.
type PreAuthorized struct {
	Code         string   // 43 characters of base64url
	TxCode       string   // decimal digits; "" without
	TxCodeLength int      // digits; 0 without
	Configs      []string // the configuration ids, sorted
	Expires      time.Time
}

// PreAuthorize makes a grant and the code for it.
func (s *Server) PreAuthorize(ctx context.Context, g Grant) (*PreAuthorized, error) {
	if err := s.checkGrant(g); err != nil {
		return nil, err
	}
	if err := s.p.Subjects.Eligible(ctx, g.Person, g.Documents); err != nil {
		switch problem.KindOf(err) { // the office may read why
		case problem.CredentialRequestDenied, problem.NotFound:
			return nil, err
		}
		return nil, unavailable(err)
	}
	salt, err := randomBytes(s.p.Rand, 32)
	if err != nil {
		return nil, unavailable(err)
	}
	now := s.p.Clock.Now()
	code := s.secrets.preAuthorizedCode(salt)
	rec := GrantRecord{
		CodeHash: secretDigest(code), IdempotencyKey: g.IdempotencyKey, Salt: salt, ContentHash: g.digest(),
		Subject: g.Person, Documents: maps.Clone(g.Documents), Created: now, Expires: now.Add(s.cfg.OfferLifetime),
	}
	if !g.WithoutTxCode {
		rec.TxCodeMAC = s.secrets.txCodeMAC(rec.CodeHash, s.secrets.txCode(salt, s.cfg.TxCodeLength))
		rec.AttemptsLeft = s.cfg.TxCodeAttempts
	}
	stored, created, err := s.p.Store.CreateGrant(ctx, rec)
	if err != nil {
		return nil, unavailable(err)
	}
	faults.Point("authserver.granted")
	if !created {
		if !hmac.Equal(stored.ContentHash[:], rec.ContentHash[:]) {
			return nil, problem.New(problem.Conflict, "another offer was made under this key")
		}
		if stored.Used || stored.Revoked || !now.Before(stored.Expires) {
			return nil, problem.New(problem.Conflict, "the offer made under this key is used, revoked or expired")
		}
		if stored.TxCodeMAC != nil && stored.AttemptsLeft <= 0 {
			return nil, problem.New(problem.Conflict, "the offer made under this key is dead: its transaction code was guessed at too often")
		}
	}
	out, err := s.reveal(stored)
	if err != nil {
		return nil, err
	}
	detail := map[string]string{"session": grantID(stored.CodeHash), "configuration": strings.Join(out.Configs, " ")}
	if !created {
		detail["reason"] = "repeat"
	}
	if err := s.record(ctx, audit.Event{Action: "offer.make", Person: g.Person, Actor: g.Actor, Outcome: audit.Done, Detail: detail}); err != nil {
		return nil, err
	}
	return out, nil
}

// reveal derives again what was not kept. The digits are checked against the
// MAC, so that a change of their number between two repeats is noticed.
func (s *Server) reveal(rec GrantRecord) (*PreAuthorized, error) {
	out := &PreAuthorized{
		Code:    s.secrets.preAuthorizedCode(rec.Salt),
		Configs: slices.Sorted(maps.Keys(rec.Documents)), Expires: rec.Expires,
	}
	if secretDigest(out.Code) != rec.CodeHash {
		return nil, problem.New(problem.Conflict, "the offer made under this key is of another secret")
	}
	if rec.TxCodeMAC != nil {
		out.TxCodeLength = s.cfg.TxCodeLength
		out.TxCode = s.secrets.txCode(rec.Salt, s.cfg.TxCodeLength)
		if !hmac.Equal(s.secrets.txCodeMAC(rec.CodeHash, out.TxCode), rec.TxCodeMAC) {
			return nil, problem.New(problem.Conflict, "the offer made under this key has a transaction code of another length")
		}
	}
	return out, nil
}

// Revoke takes an offer back, and the access token that it gave.
func (s *Server) Revoke(ctx context.Context, idempotencyKey, actor string) error {
	err := s.p.Store.RevokeGrant(ctx, idempotencyKey, s.p.Clock.Now())
	switch {
	case errors.Is(err, ErrGrantNotFound):
		return problem.New(problem.NotFound, "no offer was made under this key")
	case err != nil:
		return unavailable(err)
	}
	return s.record(ctx, audit.Event{Action: "offer.revoke", Subject: keyID(idempotencyKey), Actor: actor, Outcome: audit.Done})
}

func (s *Server) checkGrant(g Grant) error {
	switch {
	case g.IdempotencyKey == "" || len(g.IdempotencyKey) > maxIdempotencyKey:
		return problem.New(problem.InvalidRequest, "the key of the request has 1 to %d bytes", maxIdempotencyKey)
	case g.Person == "":
		return problem.New(problem.InvalidRequest, "no person")
	case len(g.Documents) == 0 || len(g.Documents) > maxDocuments:
		return problem.New(problem.InvalidRequest, "an offer names 1 to %d credential configurations", maxDocuments)
	}
	for id, number := range g.Documents {
		k, ok := s.cfg.Configurations[id]
		switch {
		case !ok:
			return problem.New(problem.UnknownCredentialConfiguration, "no such credential configuration")
		case number == "":
			return problem.New(problem.InvalidRequest, "no document for %s", id)
		case g.WithoutTxCode && !k.WithoutTxCode:
			return problem.New(problem.InvalidRequest, "an offer of %s needs a transaction code", id)
		}
	}
	return nil
}

// digest covers what makes two requests the same.
func (g Grant) digest() Digest {
	parts := []string{g.Person, fmt.Sprint(g.WithoutTxCode)}
	for _, id := range slices.Sorted(maps.Keys(g.Documents)) {
		parts = append(parts, id, g.Documents[id])
	}
	return digestOf(parts...)
}

// grantID names a grant in the audit log: half of a digest of a 256-bit code.
func grantID(code Digest) string { return "grant:" + hex.EncodeToString(code[:16]) }

func keyID(key string) string {
	d := digestOf(key)
	return "key:" + hex.EncodeToString(d[:16])
}
