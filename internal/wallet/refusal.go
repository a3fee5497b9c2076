package wallet

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"vidimus/internal/oid4vci"
)

// What a caller branches on, to say what helps.
var (
	// ErrTxCode is for a transaction code that is missing, not wanted, or does
	// not look as the offer says. Nothing was sent.
	ErrTxCode = errors.New("transaction code")
	// ErrClientID says that the server takes no anonymous wallets.
	ErrClientID = errors.New("the server wants to know its clients")
	// ErrCredential is for a credential that the wallet does not keep.
	ErrCredential = errors.New("credential refused")
	// ErrNotFound says that the wallet holds no such thing.
	ErrNotFound = errors.New("not in this wallet")
	// ErrNoCopy says that there is a batch, but no copy of it can be shown now.
	ErrNoCopy = errors.New("no copy left to show")
	// ErrWaiting says that the issuer delivers later: what was asked for is kept
	// in the folder and collected with Collect.
	ErrWaiting = errors.New("the issuer delivers later")
	// ErrNoRefresh says that a batch cannot be refreshed: it came without a
	// refresh token, or the issuer ended its grant.
	ErrNoRefresh = errors.New("cannot be refreshed")
	// ErrProvider says that a grant was given to an attested wallet, and nobody
	// attests this one now.
	ErrProvider = errors.New("it takes the wallet provider of then")
	// ErrElement is for an element or claim that the credential does not hold.
	ErrElement = errors.New("the credential does not hold this")
)

// several are errors in one line, for a terminal that shows no other.
type several []error

func (s several) Error() string {
	lines := make([]string, len(s))
	for i, err := range s {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives them all.
func (s several) Unwrap() []error { return s }

// together joins errors, those of them that are any.
func together(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return several(errs)
}

// Refusal is a server's no, in its own words.
type Refusal struct {
	Endpoint    string // token, refresh, nonce, credential, deferred credential, notification, challenge, authorization, pushed authorization request
	Status      int    // HTTP, 0 when it came through the browser
	Code        string // the protocol's, "" when the answer has none
	Description string
}

func (r *Refusal) Error() string {
	s := fmt.Sprintf("the %s endpoint refuses", r.Endpoint)
	if r.Status != 0 {
		s += fmt.Sprintf(" with status %d", r.Status)
	}
	if r.Code != "" {
		s += fmt.Sprintf(", %.64q", r.Code)
	}
	if r.Description != "" {
		s += fmt.Sprintf(": %.300q", r.Description)
	}
	return s
}

// refusal reads the answer of an endpoint that is not a success: the body of
// RFC 6749 section 5.2, or the challenge of RFC 6750 section 3 and RFC 9449
// section 7.1.
func (a *answer) refusal(endpoint string) *Refusal {
	r := &Refusal{Endpoint: endpoint, Status: a.status}
	if e, err := oid4vci.ParseErrorResponse(a.body); err == nil {
		r.Code, r.Description = e.Code, e.Description
	} else {
		r.Code = a.challenge()
	}
	return r
}

// challengeError finds the error of a challenge: characters of RFC 6750,
// section 3, which knows no escapes.
var challengeError = regexp.MustCompile(`(?i)(?:^|[ ,])error="([ !#-\[\]-~]{1,64})"`)

// challenge gives the error code of WWW-Authenticate, "" without one.
func (a *answer) challenge() string {
	for _, value := range a.header.Values("WWW-Authenticate") {
		if m := challengeError.FindStringSubmatch(value); m != nil {
			return m[1]
		}
	}
	return ""
}
