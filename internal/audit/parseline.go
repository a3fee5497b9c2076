package audit

import (
	"fmt"
	"time"

	"vidimus/internal/jose"
)

// ParseLine reads the event of one line, without newline, of a record that is
// trusted: whether the line follows the one before it is for Head.Follow.
// Errors match ErrChain.
func ParseLine(raw []byte) (Event, error) {
	if len(raw) > MaxLine {
		return Event{}, fmt.Errorf("%w: a line is longer than %d bytes", ErrChain, MaxLine)
	}
	var l line
	if err := jose.DecodeJSON(raw, &l); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	at, err := time.Parse(timeForm, l.Time)
	if err != nil {
		return Event{}, fmt.Errorf("%w: time", ErrChain)
	}
	return Event{Time: at, Action: l.Action, Actor: l.Actor, Subject: l.Subject, Outcome: l.Outcome, Detail: l.Detail}, nil
}
