package citizenhttp

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/notice"
)

// Document is one of the person's.
type Document struct {
	Number, Type string
	State        string // valid, annulled, surrendered, not-valid, card-lost
	Issued       string // YYYY-MM-DD
	Expires      string // YYYY-MM-DD; "" when it never ends
	Authority    string
	// Issuable: copies can be got now.
	Issuable bool
	Copies   int // that are valid
}

// Wallet is a wallet unit that holds copies of the person's documents.
type Wallet struct {
	Unit      string // as the office names it
	Since     time.Time
	Last      time.Time // when it got copies last
	Copies    int       // that are valid
	Documents []string  // numbers
}

// Issue is a batch of copies that was issued in the person's name.
type Issue struct {
	Day           time.Time
	Document      string
	Configuration string
	Unit          string
	Copies, Valid int
}

// Office is what the pages read. Each method sees one state.
type Office interface {
	// Documents gives the person's, kind NotFound when the registry does not know
	// anybody of this number.
	Documents(ctx context.Context, person string) ([]Document, error)
	// Wallets gives those with copies, the one that got some last first.
	Wallets(ctx context.Context, person string) ([]Wallet, error)
	// Issued gives what was issued, newest first, at most limit.
	Issued(ctx context.Context, person string, limit int) ([]Issue, error)
	// Notices as in notice.Store.
	Notices(ctx context.Context, person string, limit int) ([]notice.Record, error)
}

// OfferWish asks for an offer of all configurations of a document.
type OfferWish struct {
	Person, Document string
	Key              string // a repeat with the same key gives the same offer
	ACR              string // of the login
}

// Offer is how a phone gets copies.
type Offer struct {
	URI       string // for a link on this phone
	Reference string // for a QR code
	TxCode    string // to be typed into the wallet; "" without
	Expires   time.Time
}

// Code is what is kept of a revocation code.
type Code struct {
	Digest       [32]byte // SHA-256 of the code
	Person, Unit string
	Expires      time.Time
}

// ErrCode says that a revocation code is not one, was used or has expired.
var ErrCode = errors.New("no such revocation code")

// Deeds is what the pages can do. Each method is recorded by whoever implements
// it.
type Deeds interface {
	// Offer makes an offer to the person.
	Offer(ctx context.Context, w OfferWish) (*Offer, error)
	// Revoke takes back the copies in one of the person's wallets, which gets no
	// more. Kind NotFound when it is not one of his. A repeat changes nothing.
	Revoke(ctx context.Context, person, unit string) error
	// KeepCode keeps a code, in the place of an earlier one for the same wallet.
	KeepCode(ctx context.Context, c Code) error
	// UseCode uses a code up and revokes its wallet, in one step of the store, so
	// that a code is never lost without its effect. ErrCode.
	UseCode(ctx context.Context, digest [32]byte, now time.Time) error
	// Export is all that is kept of the person, as JSON.
	Export(ctx context.Context, person string) ([]byte, error)
}

// valid says that a copy can still be shown with success.
func valid(c issuance.Copy, now time.Time) bool {
	return c.State == issuance.StateSigned && !c.Invalid && c.Expires.After(now)
}
