package oid4vci

import (
	"fmt"

	"vidimus/internal/jose"
)

// ServerMetadata is the document at WellKnownServer: RFC 8414 with the members
// of RFC 9126, 9207, 9396, 9449, attestation-based client authentication and
// OpenID4VCI 1.0 section 12.3.
type ServerMetadata struct {
	Issuer                             string   `json:"issuer"`
	AuthorizationEndpoint              string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint                      string   `json:"token_endpoint"`
	PushedAuthorizationRequestEndpoint string   `json:"pushed_authorization_request_endpoint,omitempty"`
	RequirePushedAuthorizationRequests bool     `json:"require_pushed_authorization_requests,omitempty"`
	JWKSURI                            string   `json:"jwks_uri,omitempty"`
	ResponseTypesSupported             []string `json:"response_types_supported,omitempty"`
	ResponseModesSupported             []string `json:"response_modes_supported,omitempty"`
	GrantTypesSupported                []string `json:"grant_types_supported,omitempty"`
	PreAuthorizedAnonymousAccess       bool     `json:"pre-authorized_grant_anonymous_access_supported"`
	CodeChallengeMethodsSupported      []string `json:"code_challenge_methods_supported,omitempty"`
	TokenEndpointAuthMethods           []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	ClientAttestationAlgorithms        []string `json:"client_attestation_signing_alg_values_supported,omitempty"`
	ClientAttestationPoPAlgorithms     []string `json:"client_attestation_pop_signing_alg_values_supported,omitempty"`
	ChallengeEndpoint                  string   `json:"challenge_endpoint,omitempty"`
	DPoPAlgorithms                     []string `json:"dpop_signing_alg_values_supported,omitempty"`
	AuthorizationDetailsTypes          []string `json:"authorization_details_types_supported,omitempty"`
	AuthorizationResponseIss           bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
	ScopesSupported                    []string `json:"scopes_supported,omitempty"`
}

// ParseServerMetadata reads the document that was found for issuer, and
// refuses one that names another (RFC 8414 section 3.3).
func ParseServerMetadata(data []byte, issuer string, allowInsecure ...bool) (*ServerMetadata, error) {
	var m ServerMetadata
	if err := jose.DecodeJSONLimit(data, &m, maxMetadata); err != nil {
		return nil, fmt.Errorf("parsing server metadata: %w", err)
	}
	if m.Issuer != issuer {
		return nil, fmt.Errorf("parsing server metadata: it is the document of another server")
	}
	if err := m.Check(allowInsecure...); err != nil {
		return nil, fmt.Errorf("parsing server metadata: %w", err)
	}
	return &m, nil
}

// Check applies what every such document must hold.
func (m *ServerMetadata) Check(allowInsecure ...bool) error {
	insecure := allowed(allowInsecure)
	if err := CheckIssuer(m.Issuer, insecure); err != nil {
		return err
	}
	if m.TokenEndpoint == "" {
		return fmt.Errorf("token_endpoint is missing")
	}
	for name, endpoint := range map[string]string{"authorization_endpoint": m.AuthorizationEndpoint, "token_endpoint": m.TokenEndpoint,
		"pushed_authorization_request_endpoint": m.PushedAuthorizationRequestEndpoint, "jwks_uri": m.JWKSURI, "challenge_endpoint": m.ChallengeEndpoint} {
		if endpoint == "" {
			continue
		}
		if _, err := checkURL(endpoint, insecure, true); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
