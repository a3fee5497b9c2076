package gatt

import "context"

// Link is one established connection: the client has found the service, agreed
// on an MTU and enabled the notifications of State and Server2Client; the server
// knows that it has.
type Link interface {
	// MTU is the ATT_MTU of this connection in bytes, at least MinMTU. A value is
	// at most MTU-3 bytes; a stack that loses the end of full values reports less.
	MTU() int

	// Write sends a value to the peer, once: a client by writing without response,
	// a server by notifying. It returns when the stack has taken the value, waits
	// while it is full, and keeps no reference. Values arrive in the order of the
	// calls, over both characteristics.
	Write(ctx context.Context, c Characteristic, value []byte) error

	// Read returns the next value of the peer: State, and Client2Server at a
	// server, Server2Client at a client. io.EOF: the peer has disconnected and
	// everything has been read.
	//
	// The order is that of sending, over both characteristics. Where a stack has a
	// stream for each (AcquireWrite, AcquireNotify), a start stands before every
	// message that is there with it and an end behind.
	Read(ctx context.Context) (c Characteristic, value []byte, err error)

	// ReadIdent reads the characteristic Ident: a client in mdoc central client
	// mode. Others return an error.
	ReadIdent(ctx context.Context) ([]byte, error)

	// Close disconnects, ends pending calls, and may be called twice and beside
	// every other method.
	Close() error
}

// Connect establishes a link: a client scans, connects and enables notifications,
// a server advertises until a peer has enabled them. Called again, it begins anew
// with the same service.
type Connect func(ctx context.Context) (Link, error)
