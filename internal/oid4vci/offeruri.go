package oid4vci

import (
	"fmt"
	"net/url"
	"strings"
)

// Schemes of offer URIs: the default one, and HAIP's.
const (
	SchemeOffer = "openid-credential-offer"
	SchemeHAIP  = "haip-vci"
)

// URI gives the offer by value (section 4.1.2). scheme is a custom scheme or
// the wallet's own credential_offer_endpoint, an https URL.
func (o *CredentialOffer) URI(scheme string) (string, error) {
	text, err := o.MarshalJSON()
	if err != nil {
		return "", err
	}
	return offerURI(scheme, "credential_offer", string(text)), nil
}

// OfferURIByReference gives the URI of an offer that the wallet fetches from
// location (section 4.1.3), which must not be guessable.
func OfferURIByReference(scheme, location string) (string, error) {
	if _, err := checkURL(location, true, true); err != nil {
		return "", fmt.Errorf("credential_offer_uri: %w", err)
	}
	return offerURI(scheme, "credential_offer_uri", location), nil
}

func offerURI(scheme, name, value string) string {
	base := scheme
	switch {
	case !strings.Contains(base, "://"):
		base += "://?"
	case strings.Contains(base, "?"):
		base += "&"
	default:
		base += "?"
	}
	// A space as %20: not every wallet takes the form encoding's plus for one.
	return base + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// ParseOfferURI reads what a QR code or a link holds, whatever its scheme. It
// gives either the offer or the URL where the offer waits. Other parameters
// are ignored: an app link may have its own.
func ParseOfferURI(uri string, allowInsecure ...bool) (offer *CredentialOffer, reference string, err error) {
	if len(uri) > maxOfferURI {
		return nil, "", fmt.Errorf("parsing offer URI: %d bytes, at most %d", len(uri), maxOfferURI)
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || scheme == "" {
		return nil, "", fmt.Errorf("parsing offer URI: no scheme")
	}
	_, query, _ := strings.Cut(rest, "?")
	if strings.Contains(query, "#") {
		return nil, "", fmt.Errorf("parsing offer URI: a fragment")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, "", fmt.Errorf("parsing offer URI: malformed query")
	}
	byValue, byReference := values["credential_offer"], values["credential_offer_uri"]
	if len(byValue)+len(byReference) != 1 {
		return nil, "", fmt.Errorf("parsing offer URI: exactly one of credential_offer and credential_offer_uri is due")
	}
	if len(byReference) == 1 {
		if _, err := checkURL(byReference[0], allowed(allowInsecure), true); err != nil {
			return nil, "", fmt.Errorf("parsing offer URI: credential_offer_uri: %w", err)
		}
		return nil, byReference[0], nil
	}
	offer, err = ParseCredentialOffer([]byte(byValue[0]), allowInsecure...)
	return offer, "", err
}
