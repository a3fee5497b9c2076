package citizenhttp

import (
	"context"
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

// Desk is the part of the office that serves one person. What it does is
// recorded there.
type Desk interface {
	// Offer makes an offer to the person.
	Offer(ctx context.Context, w OfferWish) (*Offer, error)
	// Export is all that is kept of the person, as JSON.
	Export(ctx context.Context, person string) ([]byte, error)
}

// Revocations takes wallets back; citizen.Service does.
type Revocations interface {
	// Revoke takes back the copies in a wallet unit of the person, which gets no
	// more. A repeat changes nothing.
	Revoke(ctx context.Context, person, unit string) error
	// Make makes a revocation code for a unit, in the place of an earlier one.
	Make(ctx context.Context, person, unit string) (code string, err error)
	// Use revokes by a code as a person typed it. In the chain of the refusal of
	// what is none is citizen.ErrCode.
	Use(ctx context.Context, typed string) error
}

// valid says that a copy can still be shown with success.
func valid(c issuance.Copy, now time.Time) bool {
	return c.State == issuance.StateSigned && !c.Invalid && c.Expires.After(now)
}
