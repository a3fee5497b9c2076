//go:build pkcs11

package pkcs11

import (
	"context"
	"errors"

	"github.com/miekg/pkcs11"

	"vidimus/internal/keys"
)

// errStale is for a handle of a session that is gone with its module's epoch.
var errStale = errors.New("the session is of before the module was initialised")

// errHanging is for a call that was not made, because too many did not return in time,
// errPending because one did not.
var (
	errPending = errors.New("the login before did not return")
	errHanging = errors.New("calls of the module hang: when they do not return, start this program again")
)

// moduleLost says whether an error is of a module that must be begun anew, for
// whatever token.
func moduleLost(err error) bool {
	return errors.Is(err, errStale) || errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED))
}

// faultOf puts an error into its class. What is not known is the device's: then
// everything is opened anew, which is never wrong.
func faultOf(err error) Fault {
	var code pkcs11.Error
	switch {
	case err == nil:
		return FaultNone
	case errors.Is(err, ErrPIN):
		return FaultPIN
	case errors.Is(err, keys.ErrSignature):
		return FaultLie
	case errors.Is(err, ErrKey):
		return FaultKey
	case errors.Is(err, errStale):
		return FaultSession
	case errors.Is(err, errTimeout), errors.Is(err, errHanging), errors.Is(err, errPending), errors.Is(err, errCrowded),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return FaultTimeout
	case !errors.As(err, &code):
		return FaultDevice
	}
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_OPERATION_ACTIVE,
		pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_SESSION_COUNT:
		return FaultSession
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
		pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
		return FaultPIN
	}
	return FaultDevice
}
