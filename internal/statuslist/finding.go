package statuslist

import (
	"errors"
	"fmt"
)

// The checks of a status list, in the order in which they are made.
const (
	CheckSignature = "st.sig"     // container, typ, claims, signature
	CheckPath      = "st.path"    // certificate path; made elsewhere
	CheckSubject   = "st.sub"     // sub is the uri of the reference
	CheckExpires   = "st.exp"     // exp and iat
	CheckTTL       = "st.ttl"     // older than it wants to be
	CheckInflate   = "st.inflate" // the compressed list
	CheckIndex     = "st.index"   // reference and index
)

// The results of a check.
const (
	Pass    = "pass"
	Fail    = "fail"
	Warn    = "warn"
	NotDone = "not done"
)

// Reasons, for the callers that must tell them apart.
const (
	ReasonExpired     = "expired"
	ReasonNotYetValid = "not-yet-valid"
	ReasonStale       = "stale"
	ReasonNotVerified = "not-verified"
)

// Finding is the outcome of one check. Detail explains it to a person.
type Finding struct {
	Check  string
	Result string
	Detail string
	Reason string
}

// Error is a refusal: the id of the check that failed, and why.
type Error struct {
	Check  string
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Check + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// ErrLimit marks refusals because of limits.go.
var ErrLimit = errors.New("over the limit")

func refuse(check, format string, args ...any) error {
	return &Error{Check: check, Err: fmt.Errorf(format, args...)}
}

func refuseFor(reason, check, format string, args ...any) error {
	return &Error{Check: check, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// CheckOf gives the id of the check that err failed, "" when err is none of
// this package.
func CheckOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Check
	}
	return ""
}

// finding is what a check came to.
func finding(check string, err error) Finding {
	if err == nil {
		return Finding{Check: check, Result: Pass}
	}
	var e *Error
	if errors.As(err, &e) {
		return Finding{Check: e.Check, Result: Fail, Detail: e.Err.Error(), Reason: e.Reason}
	}
	return Finding{Check: check, Result: Fail, Detail: err.Error()}
}
