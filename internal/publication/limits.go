package publication

import "time"

const (
	// maxManifest bounds the manifest and the journal: some 300 octets for
	// each of the 40,000 files of 20,000 lists.
	maxManifest = 16 << 20
	// maxFile bounds a token: a list of 2^20 entries, half of them set, twice
	// in base64url.
	maxFile = 1 << 20
	// lockWait is how long a process waits for another that writes, lockPause
	// how often it looks.
	lockWait  = 10 * time.Second
	lockPause = 10 * time.Millisecond
	// maxIntermediates between the signer of a list and the anchor.
	maxIntermediates = 2
)
