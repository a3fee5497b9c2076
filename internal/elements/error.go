package elements

import "errors"

// What can be wrong with an element. Every error of this package matches one.
var (
	// ErrEncoding: the value is not of the element's type (wrong CBOR type, tag
	// missing, wrong JSON type).
	ErrEncoding = errors.New("wrong encoding")
	// ErrRule: the value has the right type and breaks a rule of the element.
	ErrRule = errors.New("rule broken")
	// ErrMissing: a mandatory element has no value.
	ErrMissing = errors.New("mandatory element missing")
	// ErrContradiction: two elements say different things.
	ErrContradiction = errors.New("contradiction")
)

// Error names the element and the rule. It never holds the value, so that it
// may be logged and sent to a peer.
type Error struct {
	Element string
	Reason  string
	Kind    error // one of the sentinels above
}

func (e *Error) Error() string { return e.Element + ": " + e.Kind.Error() + ": " + e.Reason }

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

// flaw is a finding about a value before the element's name is known.
type flaw struct {
	reason string
	kind   error
	// soft flaws stop an issuer and only warn a verifier.
	soft bool
}

func wrong(reason string) *flaw  { return &flaw{reason: reason, kind: ErrEncoding} }
func broken(reason string) *flaw { return &flaw{reason: reason, kind: ErrRule} }
func soft(reason string) *flaw   { return &flaw{reason: reason, kind: ErrRule, soft: true} }

func (f *flaw) named(element string) error {
	return &Error{Element: element, Reason: f.reason, Kind: f.kind}
}
