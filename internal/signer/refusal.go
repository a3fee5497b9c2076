package signer

import (
	"errors"
	"fmt"

	"vidimus/internal/problem"
)

// ErrRefused is for what no key signs, or not this one. Errors that match it
// are problem.Errors too, and their details are fit for the asker.
var ErrRefused = errors.New("not signed")

// Reason says in one word why a request was refused; it stands in the record.
type Reason string

// Reasons.
const (
	ReasonForm        Reason = "form"        // no message that is known here, or not exactly in its form
	ReasonKind        Reason = "kind"        // a message of a kind that the key does not sign
	ReasonPolicy      Reason = "policy"      // a message that says what the key may not say
	ReasonCertificate Reason = "certificate" // the certificate of the key does not hold now
	ReasonKey         Reason = "key"         // no key of this name
	ReasonRate        Reason = "rate"        // more signatures than the key may give in this time
	ReasonSize        Reason = "size"        // too many messages, or too large ones
)

// Reasons is every reason, in the order of this file.
func Reasons() []Reason {
	return []Reason{ReasonForm, ReasonKind, ReasonPolicy, ReasonCertificate, ReasonKey, ReasonRate, ReasonSize}
}

var problems = map[Reason]problem.Kind{
	ReasonForm: problem.InvalidRequest, ReasonKind: problem.AccessDenied, ReasonPolicy: problem.AccessDenied,
	ReasonCertificate: problem.AccessDenied, ReasonKey: problem.NotFound, ReasonRate: problem.RateLimited, ReasonSize: problem.TooLarge,
}

// refusal is the cause of a refused request: it names members and rules, never
// what a message says.
type refusal struct {
	reason Reason
	text   string
}

func (r *refusal) Error() string        { return r.text }
func (r *refusal) Is(target error) bool { return target == ErrRefused }

func refuse(reason Reason, format string, args ...any) error {
	return &refusal{reason, fmt.Sprintf(format, args...)}
}

func badForm(format string, args ...any) error   { return refuse(ReasonForm, format, args...) }
func badPolicy(format string, args ...any) error { return refuse(ReasonPolicy, format, args...) }

// ReasonOf gives the word for a refusal, "" for every other error.
func ReasonOf(err error) Reason {
	var r *refusal
	if errors.As(err, &r) {
		return r.reason
	}
	return ""
}

// told is a refusal as the asker gets it.
func told(err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return problem.Wrap(problem.Unavailable, err, "the signer cannot sign now")
	}
	return problem.Wrap(problems[r.reason], &refusal{r.reason, "not signed: " + string(r.reason)}, "%s", err.Error())
}

// Refused makes the error of a refusal that another process made, from what it told.
func Refused(reason Reason, text string) error { return told(&refusal{reason, text}) }
