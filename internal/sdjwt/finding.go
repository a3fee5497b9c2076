package sdjwt

import (
	"errors"
	"fmt"
)

// The checks of an SD-JWT VC, in the order in which they are made.
const (
	CheckParse      = "sd.parse"      // compact form, JWTs, JSON
	CheckSignature  = "sd.sig"        // issuer's signature
	CheckPath       = "sd.path"       // x5c, here only its bytes
	CheckType       = "sd.typ"        // header typ
	CheckDisclosure = "sd.disclosure" // form, name and place of disclosures
	CheckDigest     = "sd.digest"     // _sd, _sd_alg, uniqueness, nothing unreferenced
	CheckValidity   = "sd.validity"   // nbf, exp, iat
	CheckVCT        = "sd.vct"        // vct, aka_vcts, type metadata
	CheckKB         = "sd.kb"         // key binding JWT: presence, key, typ, signature
	CheckSDHash     = "sd.sdhash"
	CheckNonce      = "sd.nonce"
	CheckAudience   = "sd.aud"
	CheckIssuedAt   = "sd.iat"   // time of the key binding JWT
	CheckStatus     = "st.index" // the status claim; the list is another room's
)

// The results of a check.
const (
	Pass    = "pass"
	Fail    = "fail"
	Warn    = "warn"
	NotDone = "not done"
)

// Reasons, for the callers that must tell an expired credential from a forged
// one. Other failures have no reason.
const (
	ReasonExpired     = "expired"
	ReasonNotYetValid = "not-yet-valid"
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

var (
	errNotObject = errors.New("not a JSON object")
	errNotArray  = errors.New("not a JSON array")
)

// ErrLimit marks refusals because of limits.go.
var ErrLimit = errors.New("over the limit")

func refuse(check, format string, args ...any) error {
	return &Error{Check: check, Err: fmt.Errorf(format, args...)}
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

// ParseFindings turns the error of [Parse] or [ParseJSON] into findings.
func ParseFindings(err error) []Finding {
	if err == nil {
		return []Finding{{Check: CheckParse, Result: Pass}}
	}
	f := failed(CheckParse, err)
	if f.Check == CheckParse {
		return []Finding{f}
	}
	return []Finding{{Check: CheckParse, Result: Pass}, f}
}

// failed is the finding of a refusal; check is used for foreign errors.
func failed(check string, err error) Finding {
	var e *Error
	if errors.As(err, &e) {
		return Finding{Check: e.Check, Result: Fail, Detail: e.Err.Error(), Reason: e.Reason}
	}
	return Finding{Check: check, Result: Fail, Detail: err.Error()}
}

// result is one finding, pass when err is nil.
func result(check string, err error) Finding {
	if err != nil {
		return failed(check, err)
	}
	return Finding{Check: check, Result: Pass}
}
