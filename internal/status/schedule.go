package status

import (
	"io"
	"time"
)

// Schedule decides when a flip is due for publication. A store is opened with
// one.
type Schedule interface {
	// Due gives the instant from which a flip is released. An urgent one is
	// due now. Any other is due at a tick drawn evenly from the window that
	// begins next, whatever the order of events, so that within a window
	// nothing tells which flips belong together. leave is true for a copy
	// that expires before it is worth flipping: it is left alone.
	Due(now time.Time, urgent bool, expires time.Time, random io.Reader) (due time.Time, leave bool, err error)
}
