package wallet

import (
	"context"
	"fmt"
	"strings"

	"vidimus/internal/oid4vci"
)

// offer resolves what a QR code or a link holds (OpenID4VCI 1.0, section 4.1):
// the schemes of the standard and of HAIP, or a link to a wallet on the web.
func (w *Wallet) offer(ctx context.Context, uri string) (*oid4vci.CredentialOffer, error) {
	scheme, _, _ := strings.Cut(uri, "://")
	switch scheme {
	case oid4vci.SchemeOffer, oid4vci.SchemeHAIP, "https":
	case "http":
		if !w.cfg.AllowInsecure {
			return nil, fmt.Errorf("reading the offer: an http link: whoever is on the way could change it")
		}
	default:
		return nil, fmt.Errorf("reading the offer: scheme %.40q: an offer begins with %s://, %s:// or https://", scheme, oid4vci.SchemeOffer, oid4vci.SchemeHAIP)
	}
	offer, reference, err := oid4vci.ParseOfferURI(uri, w.cfg.AllowInsecure)
	if err != nil {
		return nil, fmt.Errorf("reading the offer: %w", err)
	}
	if reference == "" {
		return offer, nil
	}
	// Section 4.1.3: always JSON, never a JWT.
	data, err := w.document(ctx, "offer", reference, maxOffer)
	if err != nil {
		return nil, err
	}
	if offer, err = oid4vci.ParseCredentialOffer(data, w.cfg.AllowInsecure); err != nil {
		return nil, fmt.Errorf("reading the offer: %w", err)
	}
	return offer, nil
}

// checkTxCode holds the transaction code against what the offer announces,
// before a guess is spent on it (section 4.1.1).
func checkTxCode(grant *oid4vci.PreAuthorizedGrant, code string) error {
	if grant == nil {
		grant = &oid4vci.PreAuthorizedGrant{} // a login wants none
	}
	switch t := grant.TxCode; {
	case t == nil && code != "":
		return fmt.Errorf("%w: the offer wants none", ErrTxCode)
	case t == nil:
		return nil
	case code == "":
		return fmt.Errorf("%w: the offer wants one%s", ErrTxCode, describe(t))
	case !t.Fits(code):
		return fmt.Errorf("%w: it does not look as the offer says%s", ErrTxCode, describe(t))
	}
	return nil
}

func describe(t *oid4vci.TxCode) string {
	var s string
	kind := "digits"
	if t.InputMode == "text" {
		kind = "characters"
	}
	if t.Length > 0 {
		s = fmt.Sprintf(", %d %s", t.Length, kind)
	}
	if t.Description != "" {
		s += fmt.Sprintf(" (%q)", t.Description)
	}
	return s
}
