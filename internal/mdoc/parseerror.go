package mdoc

import (
	"errors"
	"fmt"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// Every parse error wraps exactly one of the first three.
var (
	ErrMalformed   = errors.New("malformed mdoc")
	ErrLimit       = errors.New("mdoc limit exceeded")
	ErrUnsupported = errors.New("unsupported by this mdoc implementation")

	// ErrRule says that what was to be issued breaks a rule for issuers: an error
	// of our own, found before anything was signed.
	ErrRule = errors.New("rule for issued mdocs broken")

	// ErrUsed says that a Prepared copy was signed before.
	ErrUsed = errors.New("prepared copy already signed")
)

// ParseError is the error of every parser here: the id of the check that
// failed, and why.
//
// A fault carries the id of the check whose data it is in: cbor.strict for the
// message and its items, ia.header for the envelope of issuerAuth, mso.format
// and mso.tdate for the MSO, mso.digest for a digestID that is none, da.sig and
// da.mac for deviceAuth (da.sig when both members are there or none), ra.header
// for reader authentication.
type ParseError struct {
	Check string
	Err   error
}

func (e *ParseError) Error() string { return e.Check + ": " + e.Err.Error() }

// Unwrap gives the cause, which wraps one of the sentinels.
func (e *ParseError) Unwrap() error { return e.Err }

// refuse makes a ParseError of the general kind.
func refuse(check, format string, args ...any) error {
	return &ParseError{check, fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)}
}

// refuseKind is refuse with another sentinel.
func refuseKind(kind error, check, format string, args ...any) error {
	return &ParseError{check, fmt.Errorf("%w: "+format, append([]any{kind}, args...)...)}
}

// refuseCause makes a ParseError of an error of a lower room.
func refuseCause(check string, err error) error {
	kind := ErrMalformed
	switch {
	case errors.Is(err, cbor.ErrLimit):
		kind = ErrLimit
	case errors.Is(err, cose.ErrUnsupported):
		kind = ErrUnsupported
	}
	return &ParseError{check, fmt.Errorf("%w: %w", kind, err)}
}

// within adds the place to a ParseError and keeps its check. Any other error is
// an error of message structure.
func within(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	place := fmt.Sprintf(format, args...)
	var pe *ParseError
	if !errors.As(err, &pe) {
		return refuseCause(CheckStrict, fmt.Errorf("%s: %w", place, err))
	}
	return &ParseError{pe.Check, fmt.Errorf("%s: %w", place, pe.Err)}
}
