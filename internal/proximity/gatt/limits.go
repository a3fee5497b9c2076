package gatt

import "time"

const (
	// MinMTU is the ATT_MTU of every connection before anything is negotiated
	// (Bluetooth Core, volume 3, part G, 5.2.1).
	MinMTU = 23

	// MaxMTU is what to ask for: the largest value and its header. More made
	// stacks lose bytes.
	MaxMTU = maxValue + attHeader

	// maxValue is the largest attribute value (volume 3, part F, 3.2.9), the
	// prefix byte included.
	maxValue = 512

	// attHeader is opcode and handle.
	attHeader = 3

	// MaxEmpty bounds the values of a message that hold nothing but "more
	// follows". They are legal, and would let a message never end.
	MaxEmpty = 64

	// DefaultMessageTime bounds the time from the first value of a message to the
	// last: 60 kB come in 20 s over the smallest MTU that was measured.
	DefaultMessageTime = 30 * time.Second

	// DefaultLinger is how long Close waits for the peer to leave first, so that
	// the last message is not cut off.
	DefaultLinger = 300 * time.Millisecond

	// closeTime bounds the value by which Close says goodbye.
	closeTime = time.Second

	// clientConnects: a client whose connection drops before the start connects
	// once more. serverConnects: a server also sees passing scanners, which
	// connect and leave.
	clientConnects = 2
	serverConnects = 8
)
