package proximity

import (
	"errors"
	"fmt"
)

// Every error of this package that is not the transport's own matches one of these.
var (
	ErrMalformed   = errors.New("malformed engagement or session message")
	ErrLimit       = errors.New("proximity limit exceeded")
	ErrUnsupported = errors.New("unsupported engagement")
	ErrDecrypt     = errors.New("session message does not decrypt")
	ErrState       = errors.New("session message out of order")
	ErrTimeout     = errors.New("peer is silent for too long")
)

// StatusError says that the other side ended the session with a status code
// instead of an answer.
type StatusError struct {
	Status uint64
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("peer ended the session with status %d (%s)", e.Status, statusName(e.Status))
}

// StatusFor returns the status code with which to answer a refused message: 10
// when the session keys do not fit, 11 when the message cannot be read, 20 for
// every other reason to stop (9.1.1.4, table 20).
func StatusFor(err error) uint64 {
	switch {
	case errors.Is(err, ErrDecrypt):
		return StatusEncryption
	case errors.Is(err, ErrMalformed), errors.Is(err, ErrLimit), errors.Is(err, ErrUnsupported):
		return StatusCBOR
	}
	return StatusTermination
}
