// Package pkcs11 keeps signing keys in tokens behind PKCS #11 modules (version
// 2.40), by URIs in the words of RFC 7512:
//
//	pkcs11:token=state;object=ds-2026;module-path=/usr/lib/hsm.so;pin-source=/run/secrets/pin
//
// Start with New. It needs C, and so the build tag pkcs11; without it New says
// so. A token is expected to fail: a call has 2 seconds, and one that does not
// come back is left behind with whatever it brings later; after a fault the
// manager finds its way back alone, while requests fail at once. A token is
// expected to lie too: no signature leaves that does not verify, and no key is
// opened that the token would give away or lend to other uses.
//
// A wrong PIN is tried twice at most, by mistake or not, until its file changes:
// tokens lock themselves after few. With one try left it is not tried at all, or a
// program that is started again and again would lock the token.
//
// A call into C cannot be ended. A module in which calls hang for good is left
// behind and loaded once more; when that happened too often the token stays
// unavailable until the process is started anew, and Status shows it.
package pkcs11

import (
	"errors"
	"fmt"

	"vidimus/internal/keys"
	"vidimus/internal/problem"
)

var (
	// ErrUnavailable is for a token that is gone, does not answer in time or is
	// being found again; its kind is problem.Unavailable.
	ErrUnavailable = errors.New("token unavailable")
	// ErrPIN is for a PIN that may not be used: its file, or what the token says.
	ErrPIN = errors.New("PIN refused")
	// ErrKey is for a key that may not be used as it lies in the token, or one
	// that is not alone under its name.
	ErrKey = errors.New("key in token refused")
	// ErrAbsent is for a program without PKCS #11.
	ErrAbsent = errors.New("this program was built without PKCS #11: build with `go build -tags pkcs11` and a C compiler")
)

// Manager opens keys in tokens. Close gives up the tokens and ends what looks
// for them.
type Manager interface {
	keys.Manager
	// Status tells of every token that was asked for, in the order of their names.
	Status() []Status
}

// Options are what a manager may be told; the zero value serves.
type Options struct {
	// Changed is called when a token goes or comes back, not concurrently for one
	// token. It may not wait, nor call the manager.
	Changed func(Status)
}

// State of a token.
type State string

// States. StateReturning is the first try after a fault, for which requests wait.
const (
	StateConnected State = "connected"
	StateReturning State = "returning"
	StateOpen      State = "open" // the breaker is: requests fail at once
	StateNew       State = "new"  // was never reached
)

// Status is what may be told of a token: names, states and numbers.
type Status struct {
	Module, Token string
	State         State
	// Fault is the class of the last fault, or none: one of Faults.
	Fault Fault
	// InFlight requests wait for C or are in it; Stuck calls did not return in time
	// and have not since.
	InFlight, Stuck, Keys int
	// Returned counts how often the token was found again, Lies the signatures
	// that did not verify, WrongPINs what the token refused.
	Returned, Lies, WrongPINs uint64
}

// Fault is a class of what goes wrong with tokens. The list is closed.
type Fault string

// Classes of faults.
const (
	FaultNone    Fault = ""
	FaultSession Fault = "session" // a session, login or handle is no longer valid
	FaultDevice  Fault = "device"  // the module, the token or the way to it
	FaultTimeout Fault = "timeout" // no answer in time
	FaultPIN     Fault = "pin"     // wrong, locked, or no file of it
	FaultLie     Fault = "lie"     // a signature that does not verify
	FaultKey     Fault = "key"     // a key is gone or another
)

// Faults is every class, for metrics.
func Faults() []Fault {
	return []Fault{FaultNone, FaultSession, FaultDevice, FaultTimeout, FaultPIN, FaultLie, FaultKey}
}

// unavailable is an error that matches ErrUnavailable and its cause.
func unavailable(cause error) error {
	if errors.Is(cause, ErrUnavailable) {
		return cause
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("%w: %w", ErrUnavailable, cause), "the keys cannot be reached")
}
