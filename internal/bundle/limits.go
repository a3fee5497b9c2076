package bundle

import (
	"time"

	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

const (
	// MaxBundle bounds the file. A state with 42 lists of 2^20 entries in two
	// forms, 1 % revoked, and a thousand anchors take 3 MB; 64 MB hold the lists of
	// a continent, and a phone can still keep it in memory.
	MaxBundle = 64 << 20

	// MaxAnchors is the number of anchors, as of a VICAL.
	MaxAnchors = trust.MaxEntries

	// MaxLists is the number of tokens. A large state has a few hundred. With
	// MaxAnchors it stays below the items that a CBOR message may have.
	MaxLists = 2_000

	// MaxToken bounds one of them: what a reader would fetch at most.
	MaxToken = 4 << 20

	// maxCountries bounds the selection: there are some 250.
	maxCountries = 300

	// maxText bounds names, sources and addresses, in bytes: as a status list
	// bounds its uri.
	maxText = 2 << 10

	// maxPolicy bounds the policy, as its reader does.
	maxPolicy = policy.MaxFile

	// maxLife is how long a bundle may say that it lives. A reader that hears
	// nothing for longer than this knows nothing any more.
	maxLife = 92 * 24 * time.Hour

	// skew is how far clocks may differ, as in package policy by default.
	skew = time.Minute

	// maxMark bounds the file of a Mark, in bytes.
	maxMark = 8 << 10
)

// ReaderVersion is what this reader understands: a bundle that says more refuses
// it. It rises when a reader that did not know of a change would give a wrong
// answer.
const ReaderVersion = 1
