package issuance

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Access is what the access token of a request is good for.
type Access struct {
	TokenID     string            // names the token; not the token
	Person      string            // person number
	Documents   map[string]string // credential configuration id -> document number
	Identifiers map[string]string // credential identifier -> configuration id; nil when the wallet asked for none
	ClientID    string            // "" for an anonymous client
	Thumbprint  string            // RFC 7638 of the key that the token is bound to; "" for a bearer token
	Granted     time.Time         // when the grant behind the token was given
	Expires     time.Time
	Grant       string // names the grant behind the token and all its refreshed ones; "" when that is not known
	Refreshed   bool   // the token came of a refresh token
	ACR         string // level of assurance of the login behind the grant, for the record; "" without one

	// Of the wallet attestation that the client authenticated with; zero
	// without one.
	InstanceThumbprint string        // RFC 7638 of the key of the wallet instance, base64url
	Attestations       []StatusIndex // where its status stands
	AttestationsExpire time.Time     // end of the period for which that is kept (client_status.exp of EUDI); zero when not said
}

// unitKey is the key by which the wallet unit is known: that of the attested
// instance, which outlives DPoP keys, and without one the DPoP key.
func (a Access) unitKey() string {
	if a.InstanceThumbprint != "" {
		return a.InstanceThumbprint
	}
	return a.Thumbprint
}

// choose finds the configuration that a request names and the token covers
// (OpenID4VCI 1.0, section 8.2). A wallet that was given credential
// identifiers must use them, and only then.
func (s *Service) choose(ctx context.Context, a Access, r *oid4vci.CredentialRequest) (*catalog.Configuration, error) {
	id := r.ConfigurationID
	switch {
	case r.Identifier != "":
		known := false
		if id, known = a.Identifiers[r.Identifier]; !known {
			return nil, problem.New(problem.UnknownCredentialIdentifier, "the access token has no such credential_identifier")
		}
	case a.Identifiers != nil:
		return nil, problem.New(problem.InvalidCredentialRequest, "the token response gave credential_identifiers: one of them is needed")
	}
	cfg, known := s.p.Catalog.Configuration(id)
	if !known {
		return nil, problem.New(problem.UnknownCredentialConfiguration, "no such credential configuration")
	}
	if a.Documents[id] == "" {
		err := problem.New(problem.InsufficientScope, "the access token does not cover this credential configuration")
		return nil, s.deny(ctx, a, id, "not covered", err)
	}
	return cfg, nil
}

// deny audits a denial and returns it; the denial that could not be recorded
// becomes Unavailable.
func (s *Service) deny(ctx context.Context, a Access, configuration, reason string, denial error) error {
	err := s.p.Audit.Append(ctx, audit.Event{
		Time: s.p.Clock.Now(), Action: "credential.sign", Person: a.Person, Actor: a.actor(), Outcome: audit.Denied,
		Detail: map[string]string{"configuration": configuration, "reason": reason, "session": a.TokenID},
	})
	if err != nil {
		return unavailable(err)
	}
	s.p.Meter.Denied(configuration)
	return denial
}

// assurance is the ACR as it goes into the record: a login server chose it.
func (a Access) assurance() string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '_'
		}
		return r
	}, a.ACR[:min(len(a.ACR), 256)])
}

// actor names the client in the audit log: cut to what the record takes, since
// its provider or its server chose the id.
func (a Access) actor() string {
	id := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(a.ClientID, "_"))
	if id == "" {
		return "anonymous"
	}
	return strings.ToValidUTF8(id[:min(len(id), 256)], "")
}
