package citizen

import "time"

const (
	// CodeLifetime is how long a code works: as long as a phone is kept, more or
	// less.
	CodeLifetime = 2 * 366 * 24 * time.Hour
	// sweepBatch is how many expired codes go in one step.
	sweepBatch = 500
)
