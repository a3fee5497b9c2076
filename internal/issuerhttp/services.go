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

// Tokens is the authorization server as wallets see it.
type Tokens interface {
	Token(ctx context.Context, r authserver.TokenRequest) (*oid4vci.TokenResponse, error)
	Authenticate(ctx context.Context, r authserver.ResourceRequest) (*authserver.Access, error)
}

// Credentials is the issuer as wallets see it.
type Credentials interface {
	Nonce(ctx context.Context) (string, error)
	Issue(ctx context.Context, a issuance.Access, r *oid4vci.CredentialRequest) (*oid4vci.CredentialResponse, error)
	Notify(ctx context.Context, a issuance.Access, n *oid4vci.Notification) error
	OfferObject(ctx context.Context, id string) ([]byte, error)
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
