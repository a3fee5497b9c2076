package issuerhttp

import (
	"context"

	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/oid4vci"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
)

// Authenticator says what an access token is good for.
type Authenticator interface {
	Authenticate(ctx context.Context, r authserver.ResourceRequest) (*authserver.Access, error)
}

// Tokens is the authorization server as wallets see it.
type Tokens interface {
	Authenticator
	Token(ctx context.Context, r authserver.TokenRequest) (*oid4vci.TokenResponse, error)
	// End ends the grant behind a token after a refusal of a document that is
	// final, unless the grant is good for another one. InvalidToken when a
	// refreshed token would not have been refused.
	End(ctx context.Context, a *authserver.Access, document, reason string) error
}

// Authorization is the part of the authorization server that asks a person.
type Authorization interface {
	Push(ctx context.Context, r authserver.PushRequest) (*authserver.Pushed, error)
	// Pending uses nothing up; Approve and Deny do, in one step of the store.
	Pending(ctx context.Context, clientID, requestURI string) (*authserver.Pending, error)
	Approve(ctx context.Context, clientID, requestURI string, d authserver.Decision) (redirect string, err error)
	Deny(ctx context.Context, clientID, requestURI, errorCode string) (redirect string, err error)
}

// Challenges gives what a proof of possession of a client attestation repeats.
type Challenges interface {
	Challenge(ctx context.Context) (string, error)
}

// Nonces gives what DPoP proofs repeat, at the authorization server and at the
// endpoints that take an access token: two name spaces (RFC 9449, section 8.2).
type Nonces interface {
	ServerNonce() string
	ResourceNonce() string
}

// Credentials is the issuer as wallets see it.
type Credentials interface {
	Nonce(ctx context.Context) (string, error)
	Issue(ctx context.Context, a issuance.Access, r *oid4vci.CredentialRequest) (*oid4vci.CredentialResponse, error)
	Notify(ctx context.Context, a issuance.Access, n *oid4vci.Notification) error
	OfferObject(ctx context.Context, id string) ([]byte, error)
}

// Deferred is the issuer at the deferred credential endpoint.
type Deferred interface {
	Deferred(ctx context.Context, a issuance.Access, r *oid4vci.DeferredRequest) (*oid4vci.CredentialResponse, error)
}

// Encryption opens requests and closes answers that are application/jwt.
type Encryption interface {
	DecryptRequest(ctx context.Context, body []byte) ([]byte, error)
	EncryptResponse(p *oid4vci.ResponseEncryptionParameters, body []byte) (string, error)
}

// Holdings says what a person can be given copies of.
type Holdings interface {
	// Holdings gives one Holding for each of the configurations, in their order.
	// Kind NotFound when the registry does not know the person.
	Holdings(ctx context.Context, person string, configurations []string) ([]Holding, error)
}

// Holding is a credential configuration and the document that a copy would be
// made of.
type Holding struct {
	Configuration string
	// Names of the credential by locale, as the catalog has them.
	Names    map[string]string
	Document string // number; "" when nothing can be issued now
	Expires  string // of the document, YYYY-MM-DD; "" when it never ends
}

// Metadata gives the two documents as JSON. They change only when the
// configuration does.
type Metadata interface {
	IssuerMetadata() []byte
	ServerMetadata() []byte
}

// StatusLists gives the lists as published last; status.Publisher is one.
type StatusLists interface {
	// Token gives a list by the last segment of its URI, or
	// status.ErrListNotFound.
	Token(ctx context.Context, id string, format statuslist.Format) (*status.Object, error)
	// Identifiers gives an identifier list likewise.
	Identifiers(ctx context.Context, id string) (*status.Object, error)
	// Aggregation is the list of lists; nil before the first publication.
	Aggregation() *status.Object
}

// Readiness says whether requests can be served.
type Readiness interface {
	Ready(ctx context.Context) error
}

// Inbox takes the registries' events.
type Inbox interface {
	Accept(ctx context.Context, peer, token string) (registry.Outcome, error)
	AcceptBatch(ctx context.Context, peer string, sets map[string]string) (registry.Batch, error)
	Receipt(ctx context.Context, source, jti string) (string, error)
	Feed(ctx context.Context, source string, after uint64, limit int) (registry.Page, error)
}

// Grants makes pre-authorized grants.
type Grants interface {
	PreAuthorize(ctx context.Context, g authserver.Grant) (*authserver.PreAuthorized, error)
	Revoke(ctx context.Context, idempotencyKey, actor string) error
}

// Offers wraps a grant's code into an offer.
type Offers interface {
	MakeOffer(ctx context.Context, r issuance.OfferRequest) (*issuance.Offer, error)
	OfferURI(ctx context.Context, id string) (string, error)
}
