package emergency

import "time"

const (
	// Lifetime is how long a plan waits for the second human, and after that for
	// its begin: what was counted is soon not so any more (bad input A02).
	Lifetime = time.Hour
	// StatementSkew is how far the clock of who signs may be from ours.
	StatementSkew = 10 * time.Minute

	// stepBatches is how many batches one step revokes: 5,000 copies, some tens
	// of milliseconds in which no other write begins.
	stepBatches = 250
	// StepReach is how many batches a step looks at for each that it may revoke:
	// a scope of few among millions takes few transactions.
	StepReach = 40
	// countBatches is how many batches one reading transaction of a count looks
	// at: an old one keeps pages of the file from being used again.
	countBatches = 20_000
	// publishEvery is after what time a run publishes what it revoked so far:
	// signing a list of a million entries for every step would be most of the work.
	publishEvery = 10 * time.Second
	// catchUp is how much of the pace a wave may make up for, after a run of
	// another plan or a machine that slept: without it all holders come at once.
	catchUp = 10 * time.Minute
	// tellBatch is how many holders one transaction puts into the outbox.
	tellBatch = 500

	// DefaultPace is how many documents' holders are told in an hour: 1.4 million
	// within 12 h, and no more than a third of what the office signs copies for.
	DefaultPace = 120_000
	// MaxPace bounds what an operator may ask for.
	MaxPace = 10_000_000

	// The usual rates, in copies a second, for the estimate of a plan: what this
	// office did on two cores (docs/OPERATIONS.md, Emergency).
	DefaultRevokeRate  = 20_000
	DefaultReissueRate = 1_200
	// usualPublish is what signing and writing one list takes.
	usualPublish = 50 * time.Millisecond

	// maxKeys bounds the key ids that "all" stands for: what an office makes in
	// years, in a request of 64 KiB.
	maxKeys = 200
	// maxValue bounds the id of a scope, maxReference that of a case.
	maxValue     = 256
	maxReference = 64
	// maxStatement bounds a signed statement.
	maxStatement = 4 << 10
	idSize       = 8
	// MaxPlans bounds the plans that wait for their begin, MaxPlansOfOne those that
	// one human proposed: who floods the store keeps nobody else from proposing.
	MaxPlans      = 100
	MaxPlansOfOne = 10
)
