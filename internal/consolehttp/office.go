package consolehttp

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// CopyStatus says how a copy on a phone stands.
type CopyStatus string

// The words. A copy is CopyRevoking while the lists do not say yet that it is
// revoked; one without a status is CopyNone.
const (
	CopyValid    CopyStatus = "valid"
	CopyRevoking CopyStatus = "revoking"
	CopyRevoked  CopyStatus = "revoked"
	CopyExpired  CopyStatus = "expired"
	CopyNone     CopyStatus = "none"
)

// CopyStatuses lists them.
func CopyStatuses() []CopyStatus {
	return []CopyStatus{CopyValid, CopyRevoking, CopyRevoked, CopyExpired, CopyNone}
}

func statusOf(c issuance.Copy, now time.Time) CopyStatus {
	switch {
	case c.Invalid && c.InvalidSince > 0:
		return CopyRevoked
	case c.Invalid:
		return CopyRevoking
	case !c.Expires.After(now):
		return CopyExpired
	case c.List == "":
		return CopyNone
	}
	return CopyValid
}

// Office is what the pages read. Each method sees one state.
type Office interface {
	// History as in registry.Records.
	History(ctx context.Context, person string, before document.EventID, limit int) ([]registry.EventRecord, error)
	// Outcome as in registry.Store.
	Outcome(ctx context.Context, source, jti string) (registry.Outcome, error)
	// Receipt is the signed receipt of an event, a compact JWS.
	Receipt(ctx context.Context, source, jti string) (string, error)
	// Copies gives the copies of a document.
	Copies(ctx context.Context, document string) ([]issuance.Copy, error)
	// Notices as in notice.Store.
	Notices(ctx context.Context, person string, limit int) ([]notice.Record, error)
	// Lists as in status.Store.
	Lists(ctx context.Context) ([]status.List, error)
	// Events is what wallets said of a batch, as in issuance.EventStore.
	Events(ctx context.Context, batch string) ([]issuance.Event, error)
}

// Store is what FromStore reads: the stores of the office are ones.
type Store interface {
	History(ctx context.Context, person string, before document.EventID, limit int) ([]registry.EventRecord, error)
	Outcome(ctx context.Context, source, jti string) (registry.Outcome, error)
	LastSeq(ctx context.Context, source string) (uint64, error)
	Copies(ctx context.Context, document string) ([]issuance.Copy, error)
	Notices(ctx context.Context, person string, limit int) ([]notice.Record, error)
	Lists(ctx context.Context) ([]status.List, error)
	Events(ctx context.Context, batch string) ([]issuance.Event, error)
}

// Receipts signs receipts: registry.Inbox does.
type Receipts interface {
	Receipt(ctx context.Context, source, jti string) (string, error)
}

// FromStore is the Office of a store.
func FromStore(s Store, r Receipts) Office { return storeOffice{s, r} }

type storeOffice struct {
	Store
	Receipts
}

// EventInbox is what Inbox needs of registry.Inbox.
type EventInbox interface {
	Accept(ctx context.Context, peer, token string) (registry.Outcome, error)
}

// Inbox is the registries' inbox as officer.Inbox: the console speaks to it as a
// source like any other.
type Inbox struct {
	Events EventInbox
	Store  Store
}

// Accept takes an event of the console.
func (i Inbox) Accept(ctx context.Context, peer, token string) error {
	_, err := i.Events.Accept(ctx, peer, token)
	return err
}

// LastSeq is the number of the last event of the source.
func (i Inbox) LastSeq(ctx context.Context, source string) (uint64, error) {
	return i.Store.LastSeq(ctx, source)
}

// Accepted says whether the store has an event.
func (i Inbox) Accepted(ctx context.Context, source, jti string) (bool, error) {
	_, err := i.Store.Outcome(ctx, source, jti)
	if errors.Is(err, registry.ErrOutcomeNotFound) {
		return false, nil
	}
	return err == nil, err
}
