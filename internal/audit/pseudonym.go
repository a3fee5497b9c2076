package audit

import (
	"crypto/hmac"
	"crypto/sha256"

	"fmt"
	"time"

	"vidimus/internal/jose"
)

// Pseudonyms gives what stands in a record in the place of a person number.
type Pseudonyms interface {
	// Pseudonym is the same for a person throughout a period, of no use
	// without the key of the period, and lost for ever with it.
	Pseudonym(person string, at time.Time) (string, error)
}

// Pseudonymise moves Person to Subject, as its pseudonym at Time. An event
// without a person stays as it is. Whoever appends to a record calls it before
// Head.Next. Errors match ErrEvent: a person where there are no pseudonyms or
// where there is a Subject already, or no key.
func Pseudonymise(e Event, p Pseudonyms) (Event, error) {
	if e.Person == "" {
		return e, nil
	}
	switch {
	case p == nil:
		return Event{}, fmt.Errorf("%w: a person, and no keys to make a pseudonym", ErrEvent)
	case e.Subject != "":
		return Event{}, fmt.Errorf("%w: a person and a subject", ErrEvent)
	}
	name, err := p.Pseudonym(e.Person, e.Time)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	e.Subject, e.Person = name, ""
	return e, nil
}

const (
	// pseudonymPrefix marks a subject that stands for a person.
	pseudonymPrefix = "p:"
	// pseudonymSize is half of a MAC: no two persons of a state meet by chance
	// in 128 bits.
	pseudonymSize = 16
)

// pseudonym is "p:" month ":" base64url(HMAC-SHA-256(key, person)[:16]).
func pseudonym(key []byte, month, person string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(person))
	return pseudonymPrefix + month + ":" + jose.EncodeBase64URL(m.Sum(nil)[:pseudonymSize])
}

// monthOf is the period of an instant, such as 2026-11, in UTC.
func monthOf(at time.Time) string { return at.UTC().Format(monthForm) }

// fixedKey makes pseudonyms that hide nothing: for Memory.
type fixedKey struct{}

func (fixedKey) Pseudonym(person string, at time.Time) (string, error) {
	return pseudonym(make([]byte, sha256.Size), monthOf(at), person), nil
}
