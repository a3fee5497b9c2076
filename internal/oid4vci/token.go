package oid4vci

import (
	"fmt"
	"strings"

	"vidimus/internal/jose"
)

// TokenResponse is the answer of the token endpoint (section 6.2). It has no
// c_nonce: that comes from the nonce endpoint alone.
type TokenResponse struct {
	AccessToken          string                `json:"access_token"`
	TokenType            string                `json:"token_type"`           // "DPoP" when bound to a key, "Bearer"
	ExpiresIn            int                   `json:"expires_in,omitempty"` // seconds
	RefreshToken         string                `json:"refresh_token,omitempty"`
	Scope                string                `json:"scope,omitempty"`
	AuthorizationDetails []AuthorizationDetail `json:"authorization_details,omitempty"`
}

// ParseTokenResponse reads a token response, as a wallet does.
func ParseTokenResponse(data []byte) (*TokenResponse, error) {
	var t TokenResponse
	if err := jose.DecodeJSONLimit(data, &t, maxRequest); err != nil {
		return nil, fmt.Errorf("parsing token response: %w", err)
	}
	switch {
	case t.AccessToken == "":
		return nil, fmt.Errorf("parsing token response: no access_token")
	case !strings.EqualFold(t.TokenType, "DPoP") && !strings.EqualFold(t.TokenType, "Bearer"):
		return nil, fmt.Errorf("parsing token response: unknown token_type")
	case t.ExpiresIn < 0:
		return nil, fmt.Errorf("parsing token response: negative expires_in")
	}
	for i, d := range t.AuthorizationDetails {
		if len(d.CredentialIdentifiers) == 0 {
			return nil, fmt.Errorf("parsing token response: authorization_details object %d without credential_identifiers", i)
		}
	}
	return &t, nil
}

// ErrorResponse is the body of every refusal: of the token endpoint (RFC 6749
// section 5.2) as of the credential endpoints (section 8.3.1.2).
type ErrorResponse struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// TokenError is an ErrorResponse of the token endpoint.
type TokenError = ErrorResponse

// Error makes the refusal of a peer an error of ours.
func (e *ErrorResponse) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

// ParseErrorResponse reads the body of a refusal.
func ParseErrorResponse(data []byte) (*ErrorResponse, error) {
	var e ErrorResponse
	if err := jose.DecodeJSONLimit(data, &e, maxSmall); err != nil {
		return nil, fmt.Errorf("parsing error response: %w", err)
	}
	if e.Code == "" {
		return nil, fmt.Errorf("parsing error response: no error")
	}
	return &e, nil
}
