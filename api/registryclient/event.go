package registryclient

import "time"

// Event is one statement about one subject.
type Event struct {
	// Subject is the person number. For DocumentAnnulled, DocumentSurrendered
	// and DocumentCarrierLost it may be the number of the document instead; for
	// WalletUnitRevoked it is the wallet unit.
	Subject string
	// Seq is the number of the event, counted by the source from 1.
	Seq uint64
	// Prev, when not nil, is the version of the person's record that the event
	// builds on (Receipt.Version of the last one, 0 for a new person).
	Prev *uint64
	// JTI names the token; empty takes a UUID of version 7, which nobody else
	// has and which rises with time.
	JTI string
	// Effective is when the fact took effect or will; zero is the time of
	// signing.
	Effective time.Time
	// Decision refers to the act on which the event rests; may be empty.
	Decision string
	// Payload is one of the types of this package with a name of an event.
	Payload Payload
}
