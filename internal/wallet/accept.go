package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"time"

	"vidimus/internal/oid4vci"
)

// AcceptOptions is what the holder decides.
type AcceptOptions struct {
	// TxCode came to the holder by another way than the offer.
	TxCode string
	// Configurations are those of the offer that are wanted; none means all.
	Configurations []string
	// Copies of each; 0 means DefaultCopies, or what the issuer allows when
	// that is less.
	Copies int
	// Login has the holder log in even where the offer has a pre-authorized
	// code.
	Login bool
	// Encrypt asks for encryption where the issuer does not demand it.
	Encrypt bool
	// Wait is how long an issuer that delivers later is asked again; 0 asks
	// once.
	Wait time.Duration
}

// Accept takes up an offer: an openid-credential-offer:// or haip-vci:// URI, or
// an https link, with the offer or a reference to it. It gives the batches that
// are now in the store; when a later configuration fails, those before it beside
// the error. Server's refusals are *Refusal; ErrWaiting says that something comes
// later.
func (w *Wallet) Accept(ctx context.Context, uri string, opt AcceptOptions) ([]Batch, error) {
	offer, err := w.offer(ctx, uri)
	if err != nil {
		return nil, err
	}
	w.say("offer of %s: %q", offer.CredentialIssuer, offer.ConfigurationIDs)
	grant := offer.PreAuthorized
	if opt.Login {
		grant = nil
	}
	if grant == nil && w.cfg.Browser == nil {
		return nil, errors.New("the offer has no pre-authorized code, and this wallet logs in nowhere")
	}
	if err := checkTxCode(grant, opt.TxCode); err != nil {
		return nil, err
	}
	if grant == nil && w.cfg.ClientID == "" && w.cfg.LoginID != "" {
		named := w.cfg
		named.ClientID = w.cfg.LoginID
		w = &Wallet{named}
		w.say("a login needs the name of a wallet, this one says %q", named.ClientID)
	}
	e, ids, err := w.meet(ctx, offer, grant, opt.Configurations)
	if err != nil {
		return nil, err
	}
	copies, err := e.copies(opt.Copies)
	if err != nil {
		return nil, err
	}
	e.encrypt = opt.Encrypt
	if err := e.attest(ctx, nil); err != nil {
		return nil, err
	}
	form := preAuthorized(grant, opt.TxCode)
	if grant == nil {
		if form, err = e.authorize(ctx, offer.AuthorizationCode, ids); err != nil {
			return nil, err
		}
	}
	if err := e.begin(); err != nil {
		return nil, err
	}
	if err := e.redeem(ctx, form); err != nil {
		return nil, err
	}
	w.say("access token from %s, bound to a key of this offer", e.server.Issuer)
	var batches []Batch
	for _, id := range ids {
		for _, r := range e.requests(id) {
			b, err := e.fetch(ctx, id, r, copies, "")
			switch {
			case errors.Is(err, ErrWaiting): // it is kept: on with the rest
			case err != nil:
				return batches, together(fmt.Errorf("configuration %q: %w", id, err), e.tidy(), e.stillWaiting())
			default:
				batches = append(batches, b)
			}
		}
	}
	late, err := e.collect(ctx, nil, e.cfg.Clock.Now().Add(opt.Wait))
	return append(batches, late...), together(err, e.tidy())
}

// meet reads both metadata documents before anything secret is sent. grant is nil
// when the holder logs in.
func (w *Wallet) meet(ctx context.Context, offer *oid4vci.CredentialOffer, grant *oid4vci.PreAuthorizedGrant, names []string) (*exchange, []string, error) {
	issuer, err := w.issuerMetadata(ctx, offer.CredentialIssuer)
	if err != nil {
		return nil, nil, err
	}
	ids, err := chosen(offer, issuer, names, w.cfg.Provider != nil)
	if err != nil {
		return nil, nil, err
	}
	var hint string
	switch {
	case grant != nil:
		hint = grant.AuthorizationServer
	case offer.AuthorizationCode != nil:
		hint = offer.AuthorizationCode.AuthorizationServer
	}
	server, err := w.serverMetadata(ctx, issuer, hint, grant == nil)
	if err != nil {
		return nil, nil, err
	}
	w.say("metadata of %s and of its authorization server fit the offer", issuer.CredentialIssuer)
	dpop, err := newProver(w.cfg.Clock, w.cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	return &exchange{Wallet: w, dpop: dpop, issuer: issuer, server: server}, ids, nil
}

// copies decides how many keys go into one request (section 12.2.4, batch_size).
func (e *exchange) copies(wanted int) (int, error) {
	allowed := 1
	if b := e.issuer.BatchCredentialIssuance; b != nil {
		allowed = min(b.BatchSize, MaxCopies)
	}
	switch {
	case wanted < 0 || wanted > MaxCopies:
		return 0, fmt.Errorf("%d copies: between 1 and %d are fetched at once", wanted, MaxCopies)
	case wanted > allowed:
		return 0, fmt.Errorf("%d copies: the issuer gives at most %d at once", wanted, allowed)
	case wanted == 0:
		return min(DefaultCopies, allowed), nil
	}
	return wanted, nil
}

// requests are those for one configuration. A token that names credential
// identifiers is to be used with these and not with the configuration's id, one
// request for each dataset (section 8.2).
func (e *exchange) requests(id string) []oid4vci.CredentialRequest {
	var list []oid4vci.CredentialRequest
	for _, d := range e.token.AuthorizationDetails {
		if d.CredentialConfigurationID == id {
			for _, identifier := range d.CredentialIdentifiers {
				list = append(list, oid4vci.CredentialRequest{Identifier: identifier})
			}
		}
	}
	switch {
	case list == nil:
		list = append(list, oid4vci.CredentialRequest{ConfigurationID: id})
	case len(list) > maxDatasets:
		e.say("warning: the token names %d datasets of %q, the first %d are fetched", len(list), id, maxDatasets)
		list = list[:maxDatasets]
	}
	return list
}

// fetch gets one batch, looks at every copy, keeps them and says so; in the place
// of the batch that replaces names, if any. ErrWaiting when it comes later.
func (e *exchange) fetch(ctx context.Context, id string, r oid4vci.CredentialRequest, copies int, replaces string) (Batch, error) {
	configuration := e.issuer.Configurations[id]
	keys := make([]*ecdsa.PrivateKey, copies)
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), e.cfg.Rand); err != nil {
			return Batch{}, fmt.Errorf("making a key: %w", err)
		}
	}
	response, err := e.request(ctx, configuration, r, keys)
	if err != nil {
		return Batch{}, err
	}
	if response.TransactionID != "" {
		return Batch{}, e.wait(id, r, keys, replaces, response)
	}
	return e.keep(ctx, id, r.Identifier, keys, replaces, response)
}

// keep looks at what came for keys and puts it into the folder.
func (e *exchange) keep(ctx context.Context, id, identifier string, keys []*ecdsa.PrivateKey, replaces string, response *oid4vci.CredentialResponse) (Batch, error) {
	configuration := e.issuer.Configurations[id]
	in := &inspection{configuration, keys, e.cfg.Clock.Now(), e.cfg.Trust}
	list, err := in.batch(response.Credentials)
	if err != nil {
		e.notify(ctx, response.NotificationID, oid4vci.EventFailure)
		return Batch{}, err
	}
	if len(list) < len(keys) {
		e.say("warning: %d copies were asked for, %d came", len(keys), len(list))
	}
	b := Batch{
		Issuer: e.issuer.CredentialIssuer, Configuration: id, Identifier: identifier, Name: displayName(id, configuration),
		Format: configuration.Format, Type: typeOf(configuration), Received: in.now.UTC(),
	}
	if e.grant.Refresh != "" {
		b.Grant = e.grant.ID
		if err = e.cfg.Store.putGrant(e.grant); err != nil {
			return Batch{}, err
		}
	}
	b, err = e.cfg.Store.put(b, list, keys, e.cfg.Rand)
	if err != nil {
		e.notify(ctx, response.NotificationID, oid4vci.EventFailure)
		return Batch{}, err
	}
	e.say("%s: %d copies of %s, checked and kept", b.ID, len(list), b.Type)
	if replaces != "" {
		switch err := e.cfg.Store.Remove(replaces); {
		case err == nil:
			e.say("%s and its keys are removed: %s is in their place", replaces, b.ID)
		case !errors.Is(err, ErrNotFound):
			e.say("warning: %s is still there: %v", replaces, err)
		}
	}
	e.notify(ctx, response.NotificationID, oid4vci.EventAccepted)
	return b, nil
}

func typeOf(c oid4vci.Configuration) string {
	if c.Format == oid4vci.FormatMdoc {
		return c.DocType
	}
	return c.VCT
}
