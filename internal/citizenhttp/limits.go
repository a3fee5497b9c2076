package citizenhttp

import "time"

const (
	// sessionLifetime: who reads for longer logs in again.
	sessionLifetime = 30 * time.Minute
	// maxMessages and maxIssued bound a page.
	maxMessages, maxIssued = 50, 200
	// Wrong codes of one client address.
	guessesPerSecond, guessesBurst = 1.0 / 60, 10
)
