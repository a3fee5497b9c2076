package webserver

import (
	"net/http"

	"vidimus/internal/problem"
)

// Style says which protocol a route speaks when it refuses.
type Style int

const (
	// StyleAPI is for our own interfaces: always JSON, with our own kinds.
	StyleAPI Style = iota
	// StyleOAuth is for the token endpoint (RFC 6749, section 5.2).
	StyleOAuth
	// StyleResource is for endpoints that take an access token (RFC 6750,
	// RFC 9449, OpenID4VCI 1.0 section 8.3.1).
	StyleResource
	// StyleEvent is for the delivery of security events (RFC 8935, section 2.4).
	StyleEvent
)

// statuses is the one map from a kind to its status. Where a protocol wants
// another one than the general status, its column says so.
var statuses = map[problem.Kind]struct{ general, resource, event int }{
	// RFC 6749 section 5.2: 400, and 401 for the client. RFC 9449 sections 5
	// and 7.1: 400 at the token endpoint, 401 at a resource.
	problem.InvalidRequest:              {general: 400},
	problem.InvalidClient:               {general: 401},
	problem.InvalidGrant:                {general: 400},
	problem.UnauthorizedClient:          {general: 400},
	problem.UnsupportedGrantType:        {general: 400},
	problem.InvalidScope:                {general: 400},
	problem.InvalidAuthorizationDetails: {general: 400},
	problem.InvalidTarget:               {general: 400},
	problem.InvalidDPoPProof:            {general: 400, resource: 401},
	problem.UseDPoPNonce:                {general: 400, resource: 401},
	problem.InvalidToken:                {general: 401},
	problem.InsufficientScope:           {general: 403},

	// Attestation-based client authentication: what a fresh try would mend is
	// 400, a client that did not authenticate 401.
	problem.UnsupportedResponseType:  {general: 400},
	problem.UseAttestationChallenge:  {general: 400},
	problem.UseFreshAttestation:      {general: 400},
	problem.InvalidClientAttestation: {general: 401},

	// OpenID4VCI 1.0 sections 8.3.1.2, 9.3 and 11.3: 400 throughout.
	problem.InvalidCredentialRequest:       {general: 400},
	problem.UnknownCredentialConfiguration: {general: 400},
	problem.UnknownCredentialIdentifier:    {general: 400},
	problem.InvalidProof:                   {general: 400},
	problem.InvalidNonce:                   {general: 400},
	problem.InvalidEncryptionParameters:    {general: 400},
	problem.CredentialRequestDenied:        {general: 400},
	problem.InvalidTransactionID:           {general: 400},
	problem.InvalidNotificationID:          {general: 400},
	problem.InvalidNotificationRequest:     {general: 400},

	// RFC 8935 section 2.4: 400 for every code, and for what has none.
	problem.InvalidKey:           {general: 400},
	problem.InvalidIssuer:        {general: 400},
	problem.InvalidAudience:      {general: 400},
	problem.AuthenticationFailed: {general: 401, event: 400},
	problem.AccessDenied:         {general: 403, event: 400},

	problem.NotFound:             {general: 404, event: 400},
	problem.MethodNotAllowed:     {general: 405},
	problem.NotAcceptable:        {general: 406},
	problem.Conflict:             {general: 409, event: 400},
	problem.TooLarge:             {general: 413},
	problem.UnsupportedMediaType: {general: 415},
	problem.RateLimited:          {general: 429},
	problem.Unavailable:          {general: 503},
	problem.Internal:             {general: 500},
}

// StatusOf gives the HTTP status of a kind in a style; 500 for a kind that the
// table does not know.
func StatusOf(style Style, kind problem.Kind) int {
	row, ok := statuses[kind]
	switch {
	case !ok:
		return http.StatusInternalServerError
	case style == StyleResource && row.resource != 0:
		return row.resource
	case style == StyleEvent && row.event != 0:
		return row.event
	}
	return row.general
}

// webOnly says that a kind belongs to HTTP and not to the protocol on top: no
// error code is made up for it there.
func webOnly(kind problem.Kind) bool {
	switch kind {
	case problem.NotFound, problem.MethodNotAllowed, problem.NotAcceptable, problem.Conflict, problem.TooLarge,
		problem.UnsupportedMediaType, problem.RateLimited, problem.Unavailable, problem.Internal:
		return true
	}
	return false
}
