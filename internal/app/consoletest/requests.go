package consoletest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/consolehttp"
	"vidimus/internal/issuance"
)

// noSigners: nothing is signed in this world.
type noSigners struct{}

// Signer implements issuance.Signers.
func (noSigners) Signer(context.Context, string) (*issuance.Signer, error) {
	return nil, errors.New("nothing is signed here")
}

func issuing(w *World) (*issuance.Service, error) {
	cat, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	return issuance.New(issuance.Config{Issuer: OfficeURL, OffersURL: OfficeURL + "/offers", Secret: bytes.Repeat([]byte{1}, 32), Defer: true}, issuance.Parts{
		Store: w.Store, Records: w.Store, Catalog: cat, Signers: noSigners{}, Audit: w.Store, Clock: w.Clock, Rand: rand.Reader,
	})
}

// Ask lets a wallet wait for a person's word on copies of the licence.
func (w *World) Ask(ctx context.Context, name string) error {
	now := w.Clock.Now()
	id, holder := sha256.Sum256([]byte(name)), sha256.Sum256([]byte("holder "+name))
	return w.Store.Defer(ctx, issuance.Intent{
		Batch: name, Person: Person, Document: Licence, Configuration: "mdl", TokenID: name, TokenBatches: 1, TokenExpires: now.Add(time.Hour), Granted: now,
	}, issuance.Transaction{
		ID: id, Holder: holder, Sealed: []byte{1}, Person: Person, Document: Licence, Configuration: "mdl",
		Approval: issuance.ApprovalAwaited, Created: now, Expires: now.AddDate(0, 1, 0),
	}, time.Time{}, audit.Event{Time: now, Action: "credential.defer", Actor: "wallet", Subject: "wallet", Outcome: audit.Done})
}

// offers makes them with a code that never changes, and writes nothing down.
type offers struct{ w *World }

// Logins implements consolehttp.Offers.
func (offers) Logins() bool { return true }

// Offer implements consolehttp.Offers.
func (o offers) Offer(ctx context.Context, wish consolehttp.OfferWish) (*consolehttp.Offer, error) {
	r := issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: wish.Login, Expires: o.w.Clock.Now().Add(10 * time.Minute)}
	out := &consolehttp.Offer{Expires: r.Expires}
	if !wish.Login {
		r.Code, r.TxCodeLength, out.TxCode = "code of "+wish.Key, 6, "493536"
	}
	made, err := o.w.Issuance.MakeOffer(ctx, r)
	if err != nil {
		return nil, err
	}
	out.URI, out.Reference = made.URI, made.Reference
	return out, nil
}
