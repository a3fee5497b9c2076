package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/oid4vci"
)

// issuerMetadata fetches and checks the issuer's document (OpenID4VCI 1.0,
// section 12.2): at the place that follows from the identifier, and naming
// that very identifier.
func (w *Wallet) issuerMetadata(ctx context.Context, issuer string) (*oid4vci.IssuerMetadata, error) {
	url, err := oid4vci.WellKnown(issuer, oid4vci.WellKnownIssuer, w.cfg.AllowInsecure)
	if err != nil {
		return nil, err
	}
	data, err := w.document(ctx, "issuer's metadata", url, maxMetadata)
	if err != nil {
		return nil, err
	}
	m, err := oid4vci.ParseIssuerMetadata(data, issuer, w.cfg.AllowInsecure)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return m, nil
}

// serverMetadata finds the authorization server for a login or a pre-authorized
// code and holds it against what that needs.
func (w *Wallet) serverMetadata(ctx context.Context, m *oid4vci.IssuerMetadata, hint string, login bool) (*oid4vci.ServerMetadata, error) {
	if hint != "" && !slices.Contains(m.AuthorizationServers, hint) {
		// Section 4.1.1: a hint chooses among the servers of the metadata. One
		// from elsewhere would send the code to a stranger.
		return nil, fmt.Errorf("the offer names the authorization server %.200q, which the issuer's metadata does not list", hint)
	}
	s, err := w.serverDocument(ctx, m, hint)
	if err != nil {
		return nil, err
	}
	switch {
	case login:
		if err := w.canLogIn(s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Issuer, err)
		}
	case s.GrantTypesSupported != nil && !slices.Contains(s.GrantTypesSupported, oid4vci.GrantPreAuthorized):
		return nil, fmt.Errorf("%s: the server takes no pre-authorized codes", s.Issuer)
	case w.cfg.ClientID == "" && !s.PreAuthorizedAnonymousAccess:
		return nil, ErrClientID
	}
	return s, nil
}

// serverDocument reads the document of an authorization server (RFC 8414,
// section 3): of the named one, of the first that the issuer names, or of the
// issuer itself.
func (w *Wallet) serverDocument(ctx context.Context, m *oid4vci.IssuerMetadata, named string) (*oid4vci.ServerMetadata, error) {
	server := m.CredentialIssuer
	switch {
	case named != "":
		server = named
	case len(m.AuthorizationServers) > 0:
		server = m.AuthorizationServers[0]
	}
	url, err := oid4vci.WellKnown(server, oid4vci.WellKnownServer, w.cfg.AllowInsecure)
	if err != nil {
		return nil, err
	}
	data, err := w.document(ctx, "authorization server's metadata", url, maxMetadata)
	if err != nil {
		return nil, err
	}
	s, err := oid4vci.ParseServerMetadata(data, server, w.cfg.AllowInsecure)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if s.DPoPAlgorithms != nil && !slices.Contains(s.DPoPAlgorithms, algorithm) {
		return nil, fmt.Errorf("%s: the server takes no %s proofs, only %s", url, algorithm, strings.Join(s.DPoPAlgorithms, ", "))
	}
	return s, nil
}

// canLogIn holds a server against what HAIP 1.0, section 4 asks of the code flow.
func (w *Wallet) canLogIn(s *oid4vci.ServerMetadata) error {
	switch {
	case s.GrantTypesSupported != nil && !slices.Contains(s.GrantTypesSupported, oid4vci.GrantAuthorizationCode):
		return errors.New("the server takes no authorization codes")
	case s.AuthorizationEndpoint == "":
		return errors.New("the server has no authorization_endpoint")
	case s.PushedAuthorizationRequestEndpoint == "":
		return errors.New("the server takes no pushed authorization requests")
	case !slices.Contains(s.CodeChallengeMethodsSupported, "S256"):
		return errors.New("the server does not take S256 challenges")
	case w.cfg.ClientID == "":
		return ErrClientID
	}
	return nil
}

// proofJWT and proofAttestation are types of proof.
const (
	proofJWT         = "jwt"
	proofAttestation = "attestation"
)

// algorithm is the only one that the wallet's keys sign with; HAIP 1.0, section
// 7 makes everybody understand it.
const algorithm = "ES256"

// fits says whether the wallet can hold what a configuration describes; attested,
// with a provider that attests its keys.
func fits(c oid4vci.Configuration, attested bool) error {
	if c.Format != oid4vci.FormatMdoc && c.Format != oid4vci.FormatSDJWT {
		return fmt.Errorf("format %.40q is not held by this wallet", c.Format)
	}
	binding := "jwk"
	if c.Format == oid4vci.FormatMdoc {
		binding = "cose_key"
	}
	proof, ok := c.ProofTypes[proofJWT]
	if !ok && attested {
		proof, ok = c.ProofTypes[proofAttestation]
	}
	switch {
	case !slices.Contains(c.BindingMethods, binding):
		return fmt.Errorf("the copies are not bound to a %s", binding)
	case !ok || !slices.Contains(proof.Algorithms, algorithm):
		return fmt.Errorf("no proof of type jwt with %s is taken", algorithm)
	case proof.Required != nil && !attested:
		return fmt.Errorf("the issuer wants key attestations, which this wallet has none of")
	}
	return nil
}

// chosen gives the configurations to fetch: all of the offer, or those named.
func chosen(offer *oid4vci.CredentialOffer, m *oid4vci.IssuerMetadata, names []string, attested bool) ([]string, error) {
	ids := offer.ConfigurationIDs
	if len(names) > 0 {
		ids = nil
		for _, name := range names {
			if !slices.Contains(offer.ConfigurationIDs, name) {
				return nil, fmt.Errorf("configuration %.64q is not in the offer, which has %.300q", name, offer.ConfigurationIDs)
			}
			if !slices.Contains(ids, name) {
				ids = append(ids, name)
			}
		}
	}
	for _, id := range ids {
		c, ok := m.Configurations[id]
		if !ok {
			return nil, fmt.Errorf("configuration %.64q of the offer is not in the issuer's metadata", id)
		}
		if err := fits(c, attested); err != nil {
			return nil, fmt.Errorf("configuration %.64q: %w", id, err)
		}
	}
	return ids, nil
}

// displayName is how the issuer calls a configuration, in English where it has
// that, and the id where it has nothing.
func displayName(id string, c oid4vci.Configuration) string {
	name := id
	if c.Metadata != nil && len(c.Metadata.Display) > 0 {
		name = c.Metadata.Display[0].Name
		for _, d := range c.Metadata.Display {
			if d.Locale == "en" || strings.HasPrefix(d.Locale, "en-") {
				name = d.Name
				break
			}
		}
	}
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName])
	}
	return name
}
