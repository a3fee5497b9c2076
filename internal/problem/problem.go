// Package problem is the closed list of ways in which Vidimus refuses.
//
// Start with New and Wrap to make an error, KindOf and Detail to read one.
// A Kind is the protocol's own code where a protocol has one (RFC 6749,
// RFC 9449, OpenID4VCI 1.0 section 8.3.1.2, RFC 8935), so that a peer sees the
// word that its standard promises, and it is also the metric label, so that
// the number of labels is bounded. The package knows nothing of HTTP: the one
// map from Kind to status lives in the web server.
//
// Promised: kinds are only ever added. Detail is text that a peer may see: it
// never carries attribute values, tokens or keys. The wrapped cause is for the
// log of the operator.
package problem

import (
	"errors"
	"fmt"
)

// Error is a refusal: its kind, a detail that a peer may read, and the cause.
type Error struct {
	Kind   Kind
	Detail string
	Err    error
}

// New makes a refusal without a cause. The formatted text is shown to the peer.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes a refusal with a cause. The formatted text is shown to the peer,
// the cause is not.
func Wrap(kind Kind, err error, format string, args ...any) error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...), Err: err}
}

func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is a refusal of the same kind, so that
// errors.Is(err, &Error{Kind: InvalidGrant}) works in tests.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Detail == "" && t.Err == nil && t.Kind == e.Kind
}

// KindOf gives the kind of the outermost refusal in err's chain, and Internal
// for an error that is none: what nobody named must not leak.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Detail gives the text that a peer may read, which is empty for Internal.
func Detail(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal {
		return e.Detail
	}
	return ""
}
