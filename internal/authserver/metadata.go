package authserver

import (
	"maps"
	"slices"

	"vidimus/internal/oid4vci"
)

// Endpoints are the URLs that the metadata name beside those of Config.
type Endpoints struct {
	Authorization string // "" without a code flow
	Challenge     string // named only when challenges are demanded: who knows it must use it
	Keys          string // jwks_uri; "" when there is none: our access tokens are opaque
}

// Metadata is the document of RFC 8414, as the server is configured.
func (s *Server) Metadata(e Endpoints) *oid4vci.ServerMetadata {
	m := &oid4vci.ServerMetadata{
		Issuer: s.cfg.Issuer, TokenEndpoint: s.cfg.TokenEndpoint, GrantTypesSupported: s.GrantTypes(),
		PreAuthorizedAnonymousAccess: s.cfg.AnonymousClients, TokenEndpointAuthMethods: []string{"none"},
		DPoPAlgorithms: DPoPAlgorithms(), AuthorizationDetailsTypes: []string{oid4vci.TypeCredential}, ScopesSupported: s.scopes(),
		ResponseTypesSupported: []string{}, JWKSURI: e.Keys,
	}
	if s.cfg.Attesters != nil {
		m.TokenEndpointAuthMethods = []string{"attest_jwt_client_auth"}
		if s.cfg.ClientAuth == ClientKnown {
			m.TokenEndpointAuthMethods = append(m.TokenEndpointAuthMethods, "none")
		}
		m.ClientAttestationAlgorithms, m.ClientAttestationPoPAlgorithms = AttestationAlgorithms(), AttestationAlgorithms()
		if s.cfg.AttestationChallenges {
			m.ChallengeEndpoint = e.Challenge
		}
	}
	if s.cfg.PushEndpoint != "" {
		m.AuthorizationEndpoint, m.PushedAuthorizationRequestEndpoint, m.RequirePushedAuthorizationRequests = e.Authorization, s.cfg.PushEndpoint, true
		m.ResponseTypesSupported, m.ResponseModesSupported = []string{"code"}, []string{"query"}
		m.CodeChallengeMethodsSupported, m.AuthorizationResponseIss = []string{"S256"}, true
	}
	return m
}

func (s *Server) scopes() []string {
	scopes := map[string]bool{}
	for _, k := range s.cfg.Configurations {
		if k.Scope != "" {
			scopes[k.Scope] = true
		}
	}
	return slices.Sorted(maps.Keys(scopes))
}
