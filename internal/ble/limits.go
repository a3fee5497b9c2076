package ble

import (
	"time"

	"vidimus/internal/proximity"
)

const (
	// maxQueued bounds what a peer may send before it is read, in bytes: a message
	// of the largest size and what comes with it. BlueZ drops what nobody takes, so
	// it is taken at once.
	maxQueued = proximity.MaxMessage + 64<<10

	// maxQueuedValues bounds the same in values: those of the largest message over
	// the smallest MTU, four times over.
	maxQueuedValues = 1 << 20

	// maxObjects bounds the objects of BlueZ that are followed: devices around and
	// what is in them. A street has some hundred.
	maxObjects = 20_000

	// cleanTime bounds each call that puts back what was set up, after the end.
	cleanTime = 2 * time.Second

	// releaseTime is how long it is waited whether an adapter that refuses or ends
	// something says that it was switched off.
	releaseTime = time.Second

	// drainPause is the time between two looks at whether BlueZ has taken what was
	// written.
	drainPause = time.Millisecond

	// clientMTU is the largest MTU that a client makes use of: bluetoothd before
	// 5.70 counts the handle as part of a value and drops those above 510 bytes.
	clientMTU = 513

	// serverHeader is what a notification has more than a value when the client
	// takes several in one packet: its length. BlueZ cuts the value to fit.
	serverHeader = 2
)
