package citizenhttp

import "time"

const (
	// sessionLifetime: who reads for longer logs in again.
	sessionLifetime = 30 * time.Minute
	// maxMessages and maxIssued bound a page.
	maxMessages, maxIssued = 50, 200
	// codeCharacters of five bits: 100. At least 80 are due.
	codeCharacters = 20
	// codeLifetime is how long a revocation code works: as long as a phone may
	// reasonably be kept before a new one is made.
	codeLifetime = 2 * 366 * 24 * time.Hour
	// Wrong codes of one client address.
	guessesPerSecond, guessesBurst = 1.0 / 60, 10
)
