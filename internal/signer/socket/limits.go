package socket

import (
	"time"

	"vidimus/internal/signer"
)

const (
	// maxFrame bounds a frame: a bundle, or as many messages as a request may have.
	maxFrame = signer.MaxBundle + 64<<10

	// maxAnswer bounds what a client reads: signatures of a whole request, a chain,
	// the state of every key.
	maxAnswer = 4 << 20

	// maxText bounds the name of a key and the text of a refusal, in bytes.
	maxText = 1 << 10

	// maxInFlight bounds the requests of one connection that are not answered. A
	// front end of 64 workers has one each; what is above is told to come again.
	maxInFlight = 256

	// maxConnections bounds the peers: a front end or two, each with a connection, and
	// whoever looks at the state. maxOfUser bounds those of one user, so that one that
	// keeps connections open does not keep the others out.
	maxConnections = 64
	maxOfUser      = 16

	// maxBytes bounds what is being read and signed of large frames of all connections
	// together, maxUserBytes that of one user: half of it is left for the others.
	maxBytes     = 2 * maxFrame
	maxUserBytes = maxFrame

	// smallFrame needs no permit of the others: a batch of copies. maxSmall bounds those
	// of a connection that are not answered: a front end of 64 workers has 5 MiB of them.
	smallFrame = 256 << 10
	maxSmall   = 16 << 20

	// frameTime is how long a frame may take from its first byte to its last, and an
	// answer to be taken. roomSoon is how long a wait for room must be not to count.
	frameTime = 10 * time.Second
	roomSoon  = 10 * time.Millisecond

	// refusalTime is how long a peer that is turned away has to take the reason.
	refusalTime = time.Second

	// drainTime is how long a server that stops waits for what is under way.
	drainTime = 10 * time.Second

	// looked is of how many answers one is looked at, beginning with the first on each
	// connection: one signature of it is verified. To verify takes as long as three
	// signatures: of every answer it would be a twentieth more of a batch.
	looked = 16

	// defaultTimeout is how long a client waits for signatures: longer than the two
	// seconds after which a signer gives up a token, so that its answer arrives. largeTimeout is that for a bundle.
	defaultTimeout = 3 * time.Second
	largeTimeout   = 30 * time.Second
	largeRequest   = 1 << 20

	// firstBackoff and lastBackoff are how long a client that found nobody lets the
	// others fail at once, before one of them may try again: the signer is back for
	// its front end a second after it is back.
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = time.Second

	// trialTime is how long the others wait for the first answer on a connection that
	// follows one which ended badly: longer than an answer takes.
	trialTime = 100 * time.Millisecond

	// hung is after how many answers that did not come in time, one after the other,
	// a connection is given up.
	hung = 3
)
