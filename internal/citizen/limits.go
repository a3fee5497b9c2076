package citizen

import "time"

const (
	// codeCharacters of five bits: 100. At least 80 are due.
	codeCharacters = 20
	// CodeLifetime is how long a code works: as long as a phone is kept, more or
	// less.
	CodeLifetime = 2 * 366 * 24 * time.Hour
	// maxTyped bounds what is read of a typed code, in bytes.
	maxTyped = 4 * codeCharacters
	// sweepBatch is how many expired codes go in one step.
	sweepBatch = 500
)
