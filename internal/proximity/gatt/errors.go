package gatt

import "errors"

// Errors of a transport. What a peer sends against the rules matches an error of
// package proximity: ErrMalformed (a value that is none), ErrLimit (too large, too
// long), ErrState (out of order).
var (
	// ErrUnreached: no connection came about.
	ErrUnreached = errors.New("no connection")

	// ErrLost: the connection broke before the end, or within a message.
	ErrLost = errors.New("connection lost")

	// ErrIdent: the peer is not the reader whose key was agreed on: another
	// one near, or one that copied its service.
	ErrIdent = errors.New("ident of another reader")
)
