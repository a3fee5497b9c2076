package officer

import "time"

const (
	// LinkLifetime: the operator hands the link over at once.
	LinkLifetime = 15 * time.Minute
	// IdleTimeout ends a session that nobody uses: a desk is left for a coffee.
	IdleTimeout = 15 * time.Minute
	// SessionLifetime ends every session: a working day.
	SessionLifetime = 8 * time.Hour
	// AccessLifetime is how long a look-up stays open, within its session:
	// whoever comes back to a person later says again why.
	AccessLifetime = time.Hour
	// ProposalLifetime is how long a proposal waits for a second officer.
	ProposalLifetime = 24 * time.Hour
	// proposalRetention is how long a proposal stays after it expired: what was
	// done stands in the history of the person.
	proposalRetention = 30 * 24 * time.Hour

	// MaxProposals is how many proposals are listed at once.
	MaxProposals = 200
	// maxRepair bounds how many proposals are looked through after a start;
	// officers type, and proposals older than proposalRetention are gone.
	maxRepair = 100_000

	// MaxOfficers bounds the configuration.
	MaxOfficers = 10_000
	// maxPins: the certificate in use, its successor, and one on a second card.
	maxPins = 8
	// maxID bounds the ids of officers, maxName their names.
	maxID   = 64
	maxName = 150
	// MaxReference bounds the number of a case.
	MaxReference = 64
	// MaxText bounds what an officer types into a measure: the limit of the
	// registry events (document.MaxText).
	MaxText = 150
	// maxBegin is how far ahead a change may begin, in years: what the inbox of
	// events takes.
	maxBegin = 10
	// MaxReach is how far ahead a measure may begin or end, in years.
	MaxReach = 100
	// maxList bounds the categories and the codes of one measure.
	maxList = 32

	secretSize = 32 // bytes of a link, a session and the key of the look-ups
	idSize     = 16 // bytes of the id of a proposal, of an event and of a measure
	sweepBatch = 1000
	// pushPatience is how long a confirmed event may take to be accepted, also
	// when the browser that confirmed it has gone away.
	pushPatience = 30 * time.Second
	// RecordLines is how many lines of the audit record one page looks through.
	RecordLines = 2000
)
