package proximity

// Stage is how far a session is, for a user interface.
type Stage int

// Stages in the order in which a session goes through them.
const (
	Engaged   Stage = iota + 1 // the engagement was read
	Connected                  // the transport is open, nothing was sent yet
	Sending                    // so many bytes of a message are on their way
	Sent                       // a message of so many bytes is on its way
	Receiving                  // so many bytes of a message have arrived
	Received                   // a message of so many bytes has arrived
	Ended                      // the session is over
)

func (s Stage) String() string {
	switch s {
	case Engaged:
		return "engaged"
	case Connected:
		return "connected"
	case Sending:
		return "sending"
	case Sent:
		return "sent"
	case Receiving:
		return "receiving"
	case Received:
		return "received"
	case Ended:
		return "ended"
	}
	return "unknown"
}

// Progress is told how far a session is. n is a count of bytes, 0 for stages that
// have none; sizes are those of encrypted messages. It is called from the
// goroutine that runs the session and does not block. A nil Progress is told
// nothing.
type Progress func(stage Stage, n int)

// Tell calls p, unless it is nil.
func (p Progress) Tell(stage Stage, n int) {
	if p != nil {
		p(stage, n)
	}
}
