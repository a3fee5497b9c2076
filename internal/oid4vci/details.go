package oid4vci

import (
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// TypeCredential is the one authorization_details type (section 5.1.1).
const TypeCredential = "openid_credential"

// AuthorizationDetail is one object of authorization_details, in requests and,
// with CredentialIdentifiers, in token responses (section 6.2).
type AuthorizationDetail struct {
	Type                      string   `json:"type"`
	CredentialConfigurationID string   `json:"credential_configuration_id"`
	CredentialIdentifiers     []string `json:"credential_identifiers,omitempty"`
	Locations                 []string `json:"locations,omitempty"`
	Claims                    []Claim  `json:"claims,omitempty"`
}

// ParseAuthorizationDetails reads the parameter of a PAR or token request.
// Refusals are problem.InvalidAuthorizationDetails (RFC 9396 section 5).
func ParseAuthorizationDetails(data []byte) ([]AuthorizationDetail, error) {
	var details []AuthorizationDetail
	if err := jose.DecodeJSONLimit(data, &details, maxRequest); err != nil {
		return nil, problem.Wrap(problem.InvalidAuthorizationDetails, err, "authorization_details is malformed")
	}
	if len(details) == 0 || len(details) > maxDetails {
		return nil, problem.New(problem.InvalidAuthorizationDetails, "authorization_details has %d objects, 1 to %d are due", len(details), maxDetails)
	}
	for i := range details {
		d := &details[i]
		switch {
		case d.Type != TypeCredential:
			return nil, problem.New(problem.InvalidAuthorizationDetails, "object %d: type is not %s", i, TypeCredential)
		case d.CredentialConfigurationID == "" || len(d.CredentialConfigurationID) > maxIdentifier:
			return nil, problem.New(problem.InvalidAuthorizationDetails, "object %d: credential_configuration_id is missing or too long", i)
		case d.Claims != nil && len(d.Claims) == 0:
			return nil, problem.New(problem.InvalidAuthorizationDetails, "object %d: claims is empty", i)
		}
		if err := checkClaims(d.Claims, false); err != nil {
			return nil, problem.Wrap(problem.InvalidAuthorizationDetails, err, "object %d: claims are contradictory", i)
		}
		d.CredentialIdentifiers = nil // ours to give, not the wallet's
	}
	return details, nil
}
