package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/citizen"
	"vidimus/internal/citizenhttp"
	"vidimus/internal/idp"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// citizens puts the pages of holders on the public listener.
func (a *App) citizens(e *webserver.Engine, sealer *idp.Sealer, limit *webserver.Limiter) error {
	login, err := a.login(citizenhttp.CallbackPath, citizenhttp.DemoPath)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(a.cfg.Console.TimeZone)
	if err != nil {
		return err
	}
	return citizenhttp.Pages(e, citizenhttp.Config{
		URL: a.cfg.PublicURL, Login: login, Sealer: sealer, Office: citizenhttp.FromStore(a.store, a.records, a.effects.Issuable, a.opts.Clock),
		Desk: citizenDesk{a}, Revocations: a.holders, Limit: limit, Zone: zone, Rand: a.opts.Rand,
	})
}

// citizenDesk serves one person who has logged in.
type citizenDesk struct{ *App }

// Offer implements citizenhttp.Desk: an offer of no secret. The wallet sends the
// person through the login once more, so that whoever photographs the QR code
// has nothing. It is an offer of this page and no other: two that were alike
// would be one, and end with the first.
func (d citizenDesk) Offer(ctx context.Context, w citizenhttp.OfferWish) (*citizenhttp.Offer, error) {
	s, err := d.records.Subject(ctx, w.Person)
	if err != nil {
		return nil, err
	}
	doc := s.Document(w.Document)
	if doc == nil {
		return nil, problem.New(problem.NotFound, "no such document")
	}
	key := sha256.Sum256([]byte(w.Person + "\x00" + w.Key))
	r := issuerhttp.Invitation{Key: "my " + hex.EncodeToString(key[:]), Person: w.Person, Actor: "holder"}
	for _, id := range d.records.catalog.IDs() {
		if c, _ := d.records.catalog.Configuration(id); c.DocumentType == doc.Type {
			r.Configurations = append(r.Configurations, id)
		}
	}
	o, expires, err := d.invite(ctx, r)
	if err != nil {
		return nil, err
	}
	return &citizenhttp.Offer{URI: o.URI, Reference: o.Reference, Expires: expires}, nil
}

// Export implements citizenhttp.Desk: what an officer would see, and the
// history, each look in the audit record.
func (d citizenDesk) Export(ctx context.Context, person string) ([]byte, error) {
	l := issuerhttp.LookUp{Person: person, Purpose: audit.PurposeAccess, Reference: "my", Actor: "holder"}
	record, err := d.Record(ctx, l)
	if err != nil {
		return nil, err
	}
	history, err := d.History(ctx, l)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(map[string]any{"record": record, "history": history}, "", "  ")
}

var _ citizen.Wallets = (*ownSource)(nil)
