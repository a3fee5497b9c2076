package authserver

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"vidimus/internal/oauth"
	"vidimus/internal/problem"
)

// Ways in which clients are known: Config.ClientAuth.
const (
	// ClientAttestation: every request at the PAR and token endpoints carries an
	// attestation of a wallet provider that Config.Attesters trusts.
	ClientAttestation = "attestation"
	// ClientKnown: the client_id is on Config.Clients. Who sends an attestation
	// all the same is held to it where there are attesters.
	ClientKnown = "known"
)

// ClientProof is what authenticates a client at the PAR and token endpoints:
// header values as received, in their order.
type ClientProof struct {
	Attestation   []string // OAuth-Client-Attestation
	PoP           []string // OAuth-Client-Attestation-PoP
	Authorization string   // no way of authentication with it is known
}

// client is who sent a request.
type client struct {
	id   string // "" for an anonymous one, in development
	name string // for people, "" when it has not said
	Wallet
	once []Once // to be remembered with whatever the request does
}

// authenticate says who sent a request, or refuses him: InvalidClient when he
// did not say it in a way that is taken, InvalidClientAttestation,
// UseAttestationChallenge or UseFreshAttestation when what he showed does not
// pass. It stores nothing.
func (s *Server) authenticate(ctx context.Context, p ClientProof, form oauth.Form) (client, error) {
	if p.Authorization != "" || form.Has("client_assertion") || form.Has("client_assertion_type") || form.Has("client_secret") {
		return client{}, problem.New(problem.InvalidClient, "this way of client authentication is not supported")
	}
	id := form.Get("client_id")
	if len(id) > maxClientID {
		return client{}, errClient
	}
	shown := len(p.Attestation)+len(p.PoP) > 0
	if s.cfg.ClientAuth != ClientAttestation && (!shown || s.cfg.Attesters == nil) {
		if !s.knownClient(id) {
			return client{}, errClient
		}
		return client{id: id}, nil
	}
	if len(p.Attestation) != 1 || len(p.PoP) != 1 {
		return client{}, problem.New(problem.InvalidClient, "one OAuth-Client-Attestation and one OAuth-Client-Attestation-PoP header are needed")
	}
	return s.attested(ctx, p.Attestation[0], p.PoP[0], id)
}

var errClient = problem.New(problem.InvalidClient, "the client is not known here")

// attested verifies an attestation (attestation-based client authentication
// -07 sections 5 and 6, and -08 to -10; HAIP 1.0 section 4.4.1).
func (s *Server) attested(ctx context.Context, attestation, pop, id string) (client, error) {
	now := s.p.Clock.Now()
	var by Attester
	r := oauth.AttestationRequest{
		Issuer: s.cfg.Issuer, ClientID: id, Now: now, MaxAge: s.cfg.DPoPAge, MaxLifetime: s.cfg.AttestationLifetime, Algorithms: AttestationAlgorithms(),
		Chain: func(x5c [][]byte) (key crypto.PublicKey, err error) {
			by, err = s.attester(x5c)
			return by.Key, err
		},
	}
	if s.cfg.AttestationChallenges {
		r.Challenge = func(c string) error { return s.secrets.challenge.check(c, now) }
	}
	a, err := oauth.VerifyClientAttestation(attestation, pop, r)
	if err != nil {
		return client{}, attestationProblem(err)
	}
	if len(a.ClientID) > maxClientID {
		return client{}, errClient
	}
	if age, known := a.Age(now); known && s.cfg.AttestationAge > 0 && age > s.cfg.AttestationAge {
		return client{}, problem.New(problem.UseFreshAttestation, "the client attestation is too old")
	}
	refs, until, err := a.StatusReferences()
	if err != nil {
		return client{}, problem.Wrap(problem.InvalidClientAttestation, err, "client attestation: its status cannot be read")
	}
	c := client{id: a.ClientID, name: cleanName(a.WalletName()), once: []Once{{Value: a.ReplayKey(), Expires: a.Expires.Add(onceMargin)}}}
	c.Instance, c.StatusUntil = a.Thumbprint, until
	for _, ref := range refs {
		c.Statuses = append(c.Statuses, StatusRef{List: ref.List, Index: ref.Index, Provider: by.Provider})
	}
	if !until.IsZero() && !now.Before(until) {
		return client{}, problem.New(problem.UseFreshAttestation, "the status of the client attestation is kept up no longer")
	}
	return c, s.attestationStatus(ctx, c.Instance, c.Statuses)
}

// attester asks the configuration whom a chain belongs to.
func (s *Server) attester(x5c [][]byte) (Attester, error) {
	now := s.p.Clock.Now()
	a, err := s.cfg.Attesters(x5c, now)
	switch {
	case err != nil:
		return Attester{}, err
	case a.Key == nil || !a.Until.IsZero() && !now.Before(a.Until):
		return Attester{}, errors.New("the attester is not trusted any more")
	}
	return a, nil
}

// attestationStatus asks whether the wallet unit is still good.
func (s *Server) attestationStatus(ctx context.Context, instance string, refs []StatusRef) error {
	if len(refs) == 0 || s.p.AttestationStatus == nil {
		return nil
	}
	switch err := s.p.AttestationStatus(ctx, instance, refs); {
	case err == nil:
		return nil
	case errors.Is(err, ErrAttestationRevoked):
		return problem.Wrap(problem.InvalidClient, err, "the wallet unit was revoked")
	default: // nobody knows: not without knowing
		return unavailable(fmt.Errorf("status of a client attestation: %w", err))
	}
}

// attestationProblem gives the refusal of a verification its name.
func attestationProblem(err error) error {
	if problem.KindOf(err) != problem.InvalidClient {
		return err
	}
	if errors.Is(err, oauth.ErrAttestationChallenge) {
		return problem.Wrap(problem.UseAttestationChallenge, err, "%s", problem.Detail(err))
	}
	return problem.Wrap(problem.InvalidClientAttestation, err, "%s", problem.Detail(err))
}

// AttestationAlgorithms are those of attestations and their proofs (HAIP 1.0;
// EUDI TS3): the server metadata names them.
func AttestationAlgorithms() []string { return []string{"ES256", "ES384", "ES512"} }

// mayUse says whether the holder of a token may still have it: a client that
// was taken off the list has no more tokens, nor has one that was attested
// where nobody's attestations are taken any more.
func (s *Server) mayUse(id string, w Wallet) bool {
	if w.Instance != "" {
		return s.cfg.Attesters != nil
	}
	return s.cfg.ClientAuth == ClientKnown && s.knownClient(id)
}

// knownClient says whether a client id may have tokens.
func (s *Server) knownClient(id string) bool {
	return s.cfg.AnonymousClients || slices.Contains(s.cfg.Clients, id)
}

// replayed names what was seen before: the values of the client come first.
func (c client) replayed(err error) error {
	var r *ReplayError
	if errors.As(err, &r) && r.Index < len(c.once) {
		return problem.Wrap(problem.InvalidClientAttestation, err, "the proof of possession of the attestation was used before")
	}
	return problem.Wrap(problem.InvalidDPoPProof, err, "the DPoP proof was used before")
}

// key is what a refresh token is bound to: the instance of an attested client,
// else the key of its DPoP proofs; "" for a bearer.
func (c client) key(thumbprint string) string {
	if c.Instance != "" {
		return c.Instance
	}
	return thumbprint
}

// cleanName makes what a wallet is called fit to be shown: printable, at most
// maxName characters.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError || unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(strings.TrimSpace(s)); len(r) > maxName {
		s = string(r[:maxName])
	}
	return strings.TrimSpace(s)
}
