package notice

import "time"

const (
	// Deadline is how long after the change a notice may be delivered.
	Deadline = 24 * time.Hour

	// firstPause doubles after each failure up to longestPause: some fifteen
	// attempts within Deadline.
	firstPause   = 30 * time.Second
	longestPause = 2 * time.Hour
	// portalPatience is how long a portal that does not answer is waited for
	// before mail is tried beside it.
	portalPatience = time.Hour
	// attemptTime bounds one attempt at one channel.
	attemptTime = 30 * time.Second
	// DefaultEvery is how often the outbox is looked at when it was empty.
	DefaultEvery = 5 * time.Second
	// gathering is how long what became of one attempt waits for others before it
	// is written.
	gathering = 500 * time.Millisecond
	// batch is how many notices are read at once, workers how many are
	// delivered at a time: a portal or mail server that hangs holds up no more.
	batch   = 200
	workers = 8
	// maxMerges bounds the way from a merged record to that of today.
	maxMerges = 16
	// maxAddress bounds a mail address (RFC 5321, 4.5.3.1.3).
	maxAddress = 254
)
