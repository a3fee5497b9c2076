package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/consolehttp"
	"vidimus/internal/issuance"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

// invite makes an offer of the authorization code flow. It grants nothing: its
// issuer_state names it, so that the record shows which login came of it.
func (a *App) invite(ctx context.Context, i issuerhttp.Invitation) (*issuance.Offer, time.Time, error) {
	if i.Key == "" || len(i.Key) > maxOfferKey {
		return nil, time.Time{}, problem.New(problem.InvalidRequest, "the key of the request has 1 to %d bytes", maxOfferKey)
	}
	if len(i.Person) > maxOfferKey {
		return nil, time.Time{}, problem.New(problem.InvalidRequest, "no such person")
	}
	name := sha256.Sum256([]byte("offer " + i.Key))
	state := jose.EncodeBase64URL(name[:16])
	expires := a.opts.Clock.Now().Add(a.cfg.Offers.Lifetime)
	o, err := a.issuance.MakeOffer(ctx, issuance.OfferRequest{
		Configurations: i.Configurations, AuthorizationCode: true, IssuerState: state, Expires: expires,
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	digest := sha256.Sum256([]byte(state))
	e := audit.Event{
		Time: a.opts.Clock.Now(), Action: officer.ActionOffer, Person: i.Person, Actor: i.Actor, Outcome: audit.Done,
		Detail: map[string]string{"configuration": strings.Join(i.Configurations, " "), "digest": hex.EncodeToString(digest[:]), "reason": "login"},
	}
	if i.Person == "" {
		e.Subject = "anybody"
	}
	if err := a.store.Append(ctx, e); err != nil {
		return nil, time.Time{}, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	return o, expires, nil
}

// maxOfferKey is in bytes, as in authserver.
const maxOfferKey = 128

// inviter is invite, nil where nobody can log in.
func (a *App) inviter() func(context.Context, issuerhttp.Invitation) (*issuance.Offer, time.Time, error) {
	if !a.cfg.invites() {
		return nil
	}
	return a.invite
}

// consoleOffers makes the offers of officers.
type consoleOffers struct{ *App }

// Logins implements consolehttp.Offers.
func (o consoleOffers) Logins() bool { return o.cfg.invites() }

// Offer implements consolehttp.Offers.
func (o consoleOffers) Offer(ctx context.Context, w consolehttp.OfferWish) (*consolehttp.Offer, error) {
	s, err := o.records.Subject(ctx, w.Person)
	if err != nil {
		return nil, err
	}
	doc := s.Document(w.Document)
	if doc == nil {
		return nil, problem.New(problem.NotFound, "no such document")
	}
	documents, ids := map[string]string{}, []string{}
	for _, c := range o.copies(ctx, s, *doc) {
		if c.Refusal == "" {
			documents[c.Configuration] = c.Document
			ids = append(ids, c.Configuration)
		}
	}
	if len(ids) == 0 {
		return nil, problem.New(problem.CredentialRequestDenied, "no copy of the document can be issued now")
	}
	if w.Login {
		made, expires, err := o.invite(ctx, issuerhttp.Invitation{Key: "console " + w.Key, Person: w.Person, Configurations: ids, Actor: w.Actor})
		if err != nil {
			return nil, err
		}
		return &consolehttp.Offer{URI: made.URI, Reference: made.Reference, Expires: expires}, nil
	}
	pre, err := o.grants().PreAuthorize(ctx, authserver.Grant{IdempotencyKey: "console " + w.Key, Person: w.Person, Documents: documents, Actor: w.Actor})
	if err != nil {
		return nil, err
	}
	made, err := o.issuance.MakeOffer(ctx, issuance.OfferRequest{
		Configurations: pre.Configs, Code: pre.Code, TxCodeLength: pre.TxCodeLength, Expires: pre.Expires,
	})
	if err != nil {
		return nil, err
	}
	return &consolehttp.Offer{URI: made.URI, Reference: made.Reference, TxCode: pre.TxCode, Expires: pre.Expires}, nil
}
