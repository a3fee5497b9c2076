package delivery

import (
	"errors"
	"fmt"
)

// The words of a Failure.
const (
	Address     = "address"     // not one that we go to
	Unreachable = "unreachable" // no connection, or it broke
	Insecure    = "insecure"    // no TLS, or a certificate that does not hold
	Refused     = "refused"     // the other side said no
	Malformed   = "malformed"   // what was to be sent may not be
)

// Failure says how an attempt ended. Its text names no content.
type Failure struct {
	word    string
	lasting bool
	err     error
}

func (f *Failure) Error() string { return fmt.Sprintf("delivery: %s: %v", f.word, f.err) }

func (f *Failure) Unwrap() error { return f.err }

// Problem is the word.
func (f *Failure) Problem() string { return f.word }

// Permanent reports whether the same attempt will end the same way.
func (f *Failure) Permanent() bool { return f.lasting }

// fail makes a Failure of what may be tried again.
func fail(word string, err error) error {
	if f := (*Failure)(nil); errors.As(err, &f) {
		return err
	}
	return &Failure{word: word, err: err}
}

// never makes a Failure that lasts.
func never(word, format string, args ...any) error {
	return &Failure{word: word, lasting: true, err: fmt.Errorf(format, args...)}
}
