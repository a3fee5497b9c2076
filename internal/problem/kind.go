package problem

// Kind names one way of refusing. The list is closed and append-only.
type Kind string

// RFC 6749 section 5.2, RFC 6750 section 3.1, RFC 9396 section 5, RFC 9449.
const (
	InvalidRequest              Kind = "invalid_request"
	InvalidClient               Kind = "invalid_client"
	InvalidGrant                Kind = "invalid_grant"
	UnauthorizedClient          Kind = "unauthorized_client"
	UnsupportedGrantType        Kind = "unsupported_grant_type"
	InvalidScope                Kind = "invalid_scope"
	InvalidAuthorizationDetails Kind = "invalid_authorization_details"
	InvalidTarget               Kind = "invalid_target"
	InvalidDPoPProof            Kind = "invalid_dpop_proof"
	UseDPoPNonce                Kind = "use_dpop_nonce"
	InvalidToken                Kind = "invalid_token"
	InsufficientScope           Kind = "insufficient_scope"
)

// RFC 6749 section 4.1.2.1, draft-ietf-oauth-attestation-based-client-auth-07
// section 6.2.
const (
	UnsupportedResponseType  Kind = "unsupported_response_type"
	UseAttestationChallenge  Kind = "use_attestation_challenge"
	UseFreshAttestation      Kind = "use_fresh_attestation"
	InvalidClientAttestation Kind = "invalid_client_attestation"
)

// OpenID4VCI 1.0 sections 8.3.1.2, 9.3 and 11.3.
const (
	InvalidCredentialRequest       Kind = "invalid_credential_request"
	UnknownCredentialConfiguration Kind = "unknown_credential_configuration"
	UnknownCredentialIdentifier    Kind = "unknown_credential_identifier"
	InvalidProof                   Kind = "invalid_proof"
	InvalidNonce                   Kind = "invalid_nonce"
	InvalidEncryptionParameters    Kind = "invalid_encryption_parameters"
	CredentialRequestDenied        Kind = "credential_request_denied"
	InvalidTransactionID           Kind = "invalid_transaction_id"
	InvalidNotificationID          Kind = "invalid_notification_id"
	InvalidNotificationRequest     Kind = "invalid_notification_request"
)

// RFC 8935 section 2.4 (security event token error codes).
const (
	InvalidKey           Kind = "invalid_key"
	InvalidIssuer        Kind = "invalid_issuer"
	InvalidAudience      Kind = "invalid_audience"
	AuthenticationFailed Kind = "authentication_failed"
	AccessDenied         Kind = "access_denied"
)

// Of our own, for what no protocol names.
const (
	NotFound             Kind = "not_found"
	MethodNotAllowed     Kind = "method_not_allowed"
	NotAcceptable        Kind = "not_acceptable"
	Conflict             Kind = "conflict"
	TooLarge             Kind = "too_large"
	UnsupportedMediaType Kind = "unsupported_media_type"
	RateLimited          Kind = "rate_limited"
	Unavailable          Kind = "unavailable"
	Internal             Kind = "internal"
)

// Kinds is every kind, in the order of this file. Tests walk it so that no
// kind is left without an HTTP status.
func Kinds() []Kind {
	return []Kind{
		InvalidRequest, InvalidClient, InvalidGrant, UnauthorizedClient, UnsupportedGrantType, InvalidScope,
		InvalidAuthorizationDetails, InvalidTarget, InvalidDPoPProof, UseDPoPNonce, InvalidToken, InsufficientScope,
		UnsupportedResponseType, UseAttestationChallenge, UseFreshAttestation, InvalidClientAttestation,
		InvalidCredentialRequest, UnknownCredentialConfiguration, UnknownCredentialIdentifier, InvalidProof,
		InvalidNonce, InvalidEncryptionParameters, CredentialRequestDenied, InvalidTransactionID,
		InvalidNotificationID, InvalidNotificationRequest,
		InvalidKey, InvalidIssuer, InvalidAudience, AuthenticationFailed, AccessDenied,
		NotFound, MethodNotAllowed, NotAcceptable, Conflict, TooLarge, UnsupportedMediaType, RateLimited,
		Unavailable, Internal,
	}
}
