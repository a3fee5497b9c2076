package pkcs11

import "time"

const (
	// callTime bounds every call into C, and a signature with all its waiting: a
	// wallet waits behind it.
	callTime = 2 * time.Second
	// createTime bounds the making of a key, for which some tokens gather entropy.
	createTime = 30 * time.Second
	// drainTime is how long a module is waited for before it is initialised anew.
	drainTime = time.Second

	// maxParallel is how many requests go into C at once, and so how many sessions
	// a token is asked for. For paceCalls after a connection, and where the module
	// computes by itself, it is half as many as there are processors; a call that stays
	// away for lanePatience, a hundred times what SoftHSM needs, holds up no other.
	maxParallel  = 64
	paceCalls    = 16
	lanePatience = 20 * time.Millisecond
	// maxWaiting bounds the requests that wait for a place in C; at the slowest
	// rate of any token they would not be served in time.
	maxWaiting = 4096
	// maxStuck bounds the calls of one module that did not return: each is a
	// thread of the machine. maxCopies bounds how often a module is left behind
	// with such calls.
	maxStuck  = 1024
	maxCopies = 32
	// maxProbes is how many calls that hang the search for a token may add, in one
	// instance of a module, to those of the requests.
	maxProbes = 16

	// firstPause and lastPause are the waits between tries to find a token again.
	// The last, with two calls that hang, stays below the 5 s in which service
	// must be back.
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
	// timeouts in a row open the breaker; a single slow call does not.
	timeouts = 3

	// quickAfter is after how many signatures of a key tables are made for it: those
	// who sign less are better off without. maxTables of 1.7 MB are made.
	quickAfter = 256
	maxTables  = 16

	// maxPIN is the longest PIN that a file may hold; SoftHSM takes 255 bytes.
	maxPIN = 255
	// maxIndexed is up to how many keys of a token are read at once; an office has
	// some dozens, a module of a whole ministry may have more.
	maxIndexed = 512
	// maxObjects bounds what a search for one name may find.
	maxObjects = 8
)
