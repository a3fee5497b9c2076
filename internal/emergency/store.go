package emergency

import (
	"context"
	"errors"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
)

// Refusals of the store.
var (
	// ErrPlanNotFound: no plan has this id.
	ErrPlanNotFound = errors.New("no such plan")
	// ErrPlanTaken: another plan has this id, or too many wait.
	ErrPlanTaken = errors.New("the plan cannot be kept")
	// ErrManyPlans: too many wait that the same human proposed.
	ErrManyPlans = errors.New("too many plans of one human wait")
	// ErrNotYours: another human proposed it.
	ErrNotYours = errors.New("another human proposed the plan")
	// ErrBegun: it has begun, and cannot be dismissed.
	ErrBegun = errors.New("the plan has begun")
	// ErrSameHuman: who proposed may not approve.
	ErrSameHuman = errors.New("a second human must approve")
	// ErrHash: the hash is not that of the plan.
	ErrHash = errors.New("the hash is of another plan")
	// ErrExpired: the plan waited too long.
	ErrExpired = errors.New("the plan has expired")
	// ErrNotApproved: nobody else approved it.
	ErrNotApproved = errors.New("the plan is not approved by a second human")
	// ErrNotBegun: it has not begun.
	ErrNotBegun = errors.New("the plan has not begun")
	// ErrPaused: an operator paused it.
	ErrPaused = errors.New("the plan is paused")
	// ErrNeeded: what is stopped is being revoked, or the stop is that of another plan.
	ErrNeeded = errors.New("the stop is needed")
	// ErrGrown: a step would revoke more than the plan allows.
	ErrGrown = errors.New("the scope has grown beyond what was approved")
)

// Batch is what a count needs of one batch in scope.
type Batch struct {
	Document, Person, Configuration, Key string
	Open                                 int      // copies that a step would flip
	Ending                               int      // copies without a status
	Lists                                []string // URIs of those of Open, each once
}

// Concerned is a document with copies that a plan revoked.
type Concerned struct {
	Document string `json:"document"`
	Person   string `json:"person"`
	Revoked  int    `json:"revoked"` // copies
	Told     bool   `json:"told"`
	// Anew are copies that are good now: neither revoked nor expired, and under
	// a key that is not stopped.
	Anew int `json:"anew"`
}

// Store keeps plans and stops, and does the steps. Every method is one atomic
// step; what a method that returned nil has written is durable, with its entry
// of the audit record in the same transaction. A method that returns an error
// has written nothing. Records are copied in and out.
//
// A batch is in a scope when it is not burned, expires after now, and
//   - its SignerKeyID is covered by the scope (OfKey, OfAll); or
//   - its wallet unit showed an attestation of the provider (OfWalletProvider); or
//   - an event of the source is in the history of the person whom it was made
//     for, or of who has the document now; or no event that is kept put the
//     document, and its type is one of Types (OfRegistry).
type Store interface {
	// ScanScope walks over all batches in the order of documents, from after the
	// one that next named ("" begins): it looks at limit of them and gives those
	// in scope. next is "" at the end.
	ScanScope(ctx context.Context, scope Scope, now time.Time, after string, limit int) (batches []Batch, next string, err error)
	// KnownScopes gives the ids that copies have of a kind, sorted: keys, wallet
	// providers, sources.
	KnownScopes(ctx context.Context, kind Kind) ([]string, error)
	// RefreshingDocuments walks over live refresh tokens as ScanScope does, and
	// gives the numbers of the documents that they reach.
	RefreshingDocuments(ctx context.Context, now time.Time, after string, limit int) (documents []string, next string, err error)

	// PutPlan keeps a plan that was proposed. ErrPlanTaken when its id is; what
	// Plan.Admit says of those that there are.
	PutPlan(ctx context.Context, p Plan, now time.Time, did audit.Event) error
	// Plan reads one. ErrPlanNotFound.
	Plan(ctx context.Context, id string) (Plan, error)
	// Plans gives all, the newest first.
	Plans(ctx context.Context) ([]Plan, error)
	// ApprovePlan puts the second signature under a plan. ErrPlanNotFound;
	// ErrHash; ErrSameHuman when officer, human or key is that of the proposal;
	// ErrExpired. Of a plan that is approved nothing is changed: the same officer
	// gets it again, another ErrPlanTaken.
	ApprovePlan(ctx context.Context, id, hash string, by Signature, expires, now time.Time, did audit.Event) (Plan, error)
	// DismissPlan ends a plan that has not begun, as if it had waited too long; one
	// that has expired stays as it is. ErrPlanNotFound; ErrHash; ErrNotYours when by
	// is not the human who proposed it; ErrBegun.
	DismissPlan(ctx context.Context, id, hash string, by Signature, now time.Time, did audit.Event) (Plan, error)
	// BeginPlan begins an approved plan: from here on RecordIntent refuses copies
	// in its stops (issuance.ErrStopped), and ApplyEvents and ImportBlock what a
	// stopped source sends (registry.ErrStopped). A plan that lifts ends its stop
	// and is Done and Covered. One that has begun is given as it is.
	// ErrPlanNotFound, ErrNotApproved, ErrExpired; ErrNeeded when a plan to lift
	// meets one that revokes the same scope and is not Done, or a stop that is not
	// that of the plan which it names (Lifts). A stop that is there already goes
	// over to the plan (Stop.Again).
	BeginPlan(ctx context.Context, id string, now time.Time, did audit.Event) (Plan, error)
	// StepPlan does step number step of a plan: it goes on from the cursor, looks
	// at up to limit*StepReach batches, and revokes the copies of at most limit
	// that are in scope, due at once. It counts in the plan, and keeps who is
	// concerned. When nothing is left the plan is Done. A step that was done
	// before gives the plan as it is. did gets the plan after the step.
	// ErrPlanNotFound, ErrNotBegun, ErrPaused; ErrGrown when more than Bound
	// copies of a scope that is Bounded would be revoked in all.
	StepPlan(ctx context.Context, id string, step, limit int, now time.Time, did func(Plan) audit.Event) (Plan, error)
	// PausePlan pauses a run, or lets it go on; one that is Done stays as it is.
	// ErrPlanNotFound, ErrNotBegun.
	PausePlan(ctx context.Context, id string, paused bool, did audit.Event) (Plan, error)
	// CoverPlan notes in which versions of its lists a plan that is Done is
	// published. One that is covered stays as it is. ErrPlanNotFound, ErrNotBegun.
	CoverPlan(ctx context.Context, id string, lists map[string]uint64, now time.Time, did audit.Event) (Plan, error)
	// TellConcerned puts notices for the holders of the next documents into the
	// outbox, at most limit, which say what the effect is for each document.
	TellConcerned(ctx context.Context, id string, limit int, now time.Time, effect func(document string) document.Effect) (Plan, error)
	// ConcernedBy walks over the documents that a plan concerns as ScanScope does.
	ConcernedBy(ctx context.Context, id string, now time.Time, after string, limit int) (concerned []Concerned, next string, err error)
	// Stops gives what is stopped, in the order of kind and value.
	Stops(ctx context.Context) ([]Stop, error)
}
