package issuance

import (
	"context"
	"time"

	"vidimus/internal/audit"
)

// Approval is what a person of the office said of a request.
type Approval string

// The words. A request that needs nobody's word has ApprovalNone.
const (
	ApprovalNone    Approval = ""
	ApprovalAwaited Approval = "awaited"
	ApprovalGiven   Approval = "given"
	ApprovalRefused Approval = "refused"
)

// Transaction is a request whose wallet waits (OpenID4VCI 1.0, section 9). What
// the wallet asked, its keys above all, is encrypted under a key that only the
// transaction id gives, and the id is kept as a digest only.
type Transaction struct {
	ID     Digest // SHA-256 of the transaction id; the key of the record
	Holder Digest // MAC over whose it is: one holder waits once for one copy of a document
	Sealed []byte // AES-256-GCM

	Person        string
	Document      string
	Configuration string
	Approval      Approval
	Created       time.Time
	Expires       time.Time
}

// TransactionStore keeps the requests that wait.
type TransactionStore interface {
	// Defer does all of this or nothing, in this order, with the members of
	// in that name nonce, token, grant and wallet:
	//
	//  1. as RecordIntent: ErrNonceUsed;
	//  2. as RecordIntent: ErrTokenSpent;
	//  3. in.Wallet.Unit is revoked: ErrWalletRevoked; grants for t.Document
	//     were made void at or after in.Granted: ErrGrantVoid, unless since is
	//     not zero and that was at or after since: what keeps the document
	//     back is what ended the grants, and is what the wallet waits for;
	//  4. the nonce is consumed and the token's count goes up;
	//  5. the transaction of the same Holder is forgotten: a wallet that did
	//     not get our answer asks again;
	//  6. t is written, and the event did appended to the audit log.
	Defer(ctx context.Context, in Intent, t Transaction, since time.Time, did audit.Event) error

	// Transaction reads one whose Expires is after now: ErrTransactionNotFound.
	// Reading changes nothing.
	Transaction(ctx context.Context, id Digest, now time.Time) (Transaction, error)

	// ReturnTransaction brings back one that RecordIntent ended for a batch
	// that was burned. It does nothing when its holder waits for the same
	// under another.
	ReturnTransaction(ctx context.Context, t Transaction) error

	// EndTransaction forgets one and appends the event: ErrTransactionNotFound.
	EndTransaction(ctx context.Context, id Digest, did audit.Event) error

	// Awaiting gives transactions with ApprovalAwaited that have not expired,
	// the oldest first, at most limit.
	Awaiting(ctx context.Context, now time.Time, limit int) ([]Transaction, error)

	// Decide writes a person's word, ApprovalGiven or ApprovalRefused, and
	// appends the event: ErrTransactionNotFound; ErrDecided unless it is
	// awaited. Saying the same again returns nil and appends nothing. Of any
	// number of concurrent calls that say different things one kind wins.
	Decide(ctx context.Context, id Digest, word Approval, did audit.Event) error
}
