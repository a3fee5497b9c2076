package officer

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/audit"
)

// Refusals of the store.
var (
	// ErrLinkUsed: no login link has this digest, or it was used or expired.
	ErrLinkUsed = errors.New("login link is not valid")
	// ErrSessionNotFound: no session has this digest, or it ended.
	ErrSessionNotFound = errors.New("no session")
	// ErrProposalNotFound: no proposal has this id, or it is not open.
	ErrProposalNotFound = errors.New("no open proposal")
	// ErrSamePerson: the one who proposed may not confirm.
	ErrSamePerson = errors.New("a second person must confirm")
)

// Digest is the SHA-256 of a secret that is looked up without being kept.
type Digest [32]byte

// Link is a login link for one officer.
type Link struct {
	ID      Digest
	Officer string // id in the configuration
	Expires time.Time
}

// Session is one officer's login in one browser.
type Session struct {
	ID      Digest
	Officer string
	Begun   time.Time
	Used    time.Time // last request
	Expires time.Time // whatever happens
	// Language is en, fr, de or lb, "" when not chosen.
	Language string
}

// Proposal is a change that waits for a second officer.
type Proposal struct {
	ID      string // random
	Officer string // who proposed
	Human   string // the human being behind Officer
	Person  string // person number concerned
	Created time.Time
	Expires time.Time
	// Event is the name of the registry event, Payload its JSON, Effective
	// its toe.
	Event     string
	Payload   []byte
	Effective time.Time
	Version   uint64 // of the person's record that the officer saw
	Purpose   string

	// ConfirmedBy and JTI are set once it was confirmed: JTI names the event.
	ConfirmedBy string
	ConfirmedAt time.Time
	JTI         string
	// Refused is why the inbox refused it, in the words of its refusal.
	Refused   string
	Withdrawn bool
}

// Store keeps links, sessions and proposals. Every method is one atomic step;
// what a method that returned nil has written is durable. The audit event of
// a method is appended in the same transaction.
type Store interface {
	PutLink(ctx context.Context, l Link, did audit.Event) error
	// RedeemLink uses a link up and begins the session s, whose Officer it
	// sets. ErrLinkUsed; of any number of calls at most one returns nil. did
	// gets the officer.
	RedeemLink(ctx context.Context, id Digest, s Session, now time.Time, did func(officer string) audit.Event) (Session, error)
	// BeginSession is for an officer who came with a certificate.
	BeginSession(ctx context.Context, s Session, did audit.Event) error
	// Session reads a session whose Expires and Used+idle are after now, and
	// sets Used to now when that is a minute or more later. ErrSessionNotFound.
	Session(ctx context.Context, id Digest, now time.Time, idle time.Duration) (Session, error)
	// SetLanguage changes the language of a session. ErrSessionNotFound.
	SetLanguage(ctx context.Context, id Digest, language string) error
	EndSession(ctx context.Context, id Digest, did audit.Event) error

	PutProposal(ctx context.Context, p Proposal, did audit.Event) error
	// ConfirmProposal marks an open proposal (not confirmed, withdrawn or
	// expired) as confirmed by another human being, and reserves its jti, so
	// that the event is sent under this name however often. ErrProposalNotFound,
	// ErrSamePerson. Confirming again by the same officer gives the same
	// proposal.
	ConfirmProposal(ctx context.Context, id, officer, human, jti string, now time.Time, did audit.Event) (Proposal, error)
	// SettleProposal notes the inbox's refusal.
	SettleProposal(ctx context.Context, id, refused string) error
	WithdrawProposal(ctx context.Context, id, officer string, now time.Time, did audit.Event) error
	Proposal(ctx context.Context, id string) (Proposal, error)
	// Proposals gives the newest first, at most limit; open ones alone when
	// open is set; of one person when person is not "".
	Proposals(ctx context.Context, person string, open bool, now time.Time, limit int) ([]Proposal, error)
	// SweepOfficers forgets links, sessions and proposals that expired before.
	SweepOfficers(ctx context.Context, before time.Time, limit int) (int, error)
}
