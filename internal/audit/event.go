package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrEvent is for an event that may not be recorded as it is.
var ErrEvent = errors.New("event is not fit for the record")

// Event is one thing that was done, attempted or refused.
type Event struct {
	// Time is when, to the microsecond, in UTC.
	Time time.Time
	// Action is a verb of ours with dots, for example "credential.sign".
	Action string
	// Actor is who did it: the id of an operator, a client, a source, or the
	// name of a part of this program.
	Actor string
	// Subject is what it was done to: an id or a digest, never a name and
	// never a person number, for which there is Person.
	Subject string
	// Person is the number of the person concerned, "" when there is none. It
	// is never written: whoever appends puts its pseudonym into Subject
	// (Pseudonymise), and an event that still has it is refused.
	Person string
	// Outcome is one of the Outcome constants.
	Outcome string
	// Detail explains, under keys of DetailKeys. Values are ids, counts,
	// digests and words of ours, never attribute values.
	Detail map[string]string
}

// Outcomes. Intent is written before a signature, Done or Failed after it.
const (
	Intent = "intent"
	Done   = "done"
	Denied = "denied"
	Failed = "failed"
)

const (
	// maxWord bounds Action, Actor, Subject, Outcome and each value of Detail:
	// what a peer sends (a client_id, a kid) is cut by the caller at 256.
	maxWord = 256
	// maxDetail bounds the members of Detail.
	maxDetail = 16
)

// detailKeys is the allow-list. A new key is added here, where its meaning is
// judged: it must not be able to hold what a person is or has.
var detailKeys = map[string]string{
	"algorithm":     "signature algorithm",
	"assurance":     "level of assurance of a login (acr)",
	"batch":         "id of a batch of credentials",
	"bytes":         "number of bytes",
	"certificate":   "SHA-256 of a certificate",
	"checkpoint":    "number of lines under a checkpoint",
	"client":        "client_id",
	"configuration": "credential configuration id",
	"count":         "number of things",
	"destination":   "where a receipt or a notice was sent: the name of a channel",
	"digest":        "SHA-256 of what was signed or sent",
	"doctype":       "doctype or vct",
	"effect":        "what a fact does to copies: document.Effect",
	"event":         "jti of a registry event",
	"fact":          "kind of a fact: document.Fact",
	"format":        "credential format",
	"from":          "instant, or the first of a range of numbers",
	"index":         "status index",
	"issuer":        "issuer identifier",
	"key":           "thumbprint of a public key, or kid",
	"kind":          "kind of message that a key signed: signer.Kind",
	"list":          "URI of a status list",
	"measure":       "id of a measure",
	"month":         "period of pseudonyms",
	"name":          "name of an event: person-put",
	"notice":        "id of a notice",
	"officer":       "id of an officer: the other one, when two are needed",
	"previous":      "version or head before",
	"problem":       "problem.Kind",
	"proposal":      "id of a proposal",
	"purpose":       "word of Purposes",
	"reason":        "word of a closed list",
	"reference":     "file number of the case that is the reason: see fileNumber",
	"role":          "role of the actor",
	"seq":           "sequence number of a source",
	"serial":        "serial number of a certificate",
	"series":        "series of lists of a key: signer.Series",
	"session":       "id of a session, transaction or offer",
	"size":          "number of entries",
	"source":        "registry that sent it",
	"until":         "instant",
	"uri":           "where something was published",
	"version":       "version number of a subject, list or bundle",
	"wallet":        "id of a wallet unit",
}

// DetailKeys gives the allowed keys of Detail, sorted.
func DetailKeys() []string { return slices.Sorted(maps.Keys(detailKeys)) }

// Check says whether the event may be recorded. Errors match ErrEvent and
// never repeat the offending value.
func (e Event) Check() error {
	if e.Time.IsZero() {
		return fmt.Errorf("%w: no time", ErrEvent)
	}
	if e.Person != "" {
		return fmt.Errorf("%w: a person without a pseudonym", ErrEvent)
	}
	for _, w := range []struct{ name, value string }{{"action", e.Action}, {"actor", e.Actor}, {"subject", e.Subject}} {
		if w.value == "" {
			return fmt.Errorf("%w: no %s", ErrEvent, w.name)
		}
		if !word(w.value) {
			return fmt.Errorf("%w: %s is longer than %d bytes or holds control characters", ErrEvent, w.name, maxWord)
		}
	}
	switch e.Outcome {
	case Intent, Done, Denied, Failed:
	default:
		return fmt.Errorf("%w: unknown outcome", ErrEvent)
	}
	if len(e.Detail) > maxDetail {
		return fmt.Errorf("%w: more than %d details", ErrEvent, maxDetail)
	}
	if purpose, ok := e.Detail["purpose"]; ok && purposes[purpose] == "" {
		return fmt.Errorf("%w: the purpose is not on the list", ErrEvent)
	} else if !ok && lookups[e.Action] {
		return fmt.Errorf("%w: a look-up without a purpose", ErrEvent)
	}
	if ref, ok := e.Detail["reference"]; ok && !fileNumber(ref) {
		return fmt.Errorf("%w: the reference is no file number", ErrEvent)
	}
	for key, value := range e.Detail {
		if _, ok := detailKeys[key]; !ok {
			return fmt.Errorf("%w: detail key %q is not on the list", ErrEvent, strings.ToValidUTF8(key[:min(len(key), 32)], ""))
		}
		if !word(value) {
			return fmt.Errorf("%w: detail %q is longer than %d bytes or holds control characters", ErrEvent, key, maxWord)
		}
	}
	return nil
}

// fileNumber is 1 to 64 of letters and digits of ASCII and of . / : _ -: a
// number, not a story.
func fileNumber(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("./:_-", r)
	})
}

// word is bounded UTF-8 without control characters, line separators included.
func word(s string) bool {
	return len(s) <= maxWord && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
	})
}

// Writer appends to the record. Append returns once the event is durable; an
// error means that the deed must not be done or, when it was done, must be
// treated as unknown. Safe for concurrent use.
type Writer interface {
	Append(ctx context.Context, e Event) error
}
