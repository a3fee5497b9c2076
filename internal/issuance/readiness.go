package issuance

import (
	"errors"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/elements"
	"vidimus/internal/problem"
)

// waiting says that a document cannot be issued now and perhaps can later.
type waiting struct {
	until time.Time // when, as far as is known; zero when it is not
	since time.Time // from when it could not; zero when it never could
}

func (w *waiting) Error() string { return "the document cannot be issued yet" }

// Waits says whether a document that cannot be issued at an instant may be
// issued later without anybody asking anew: it is withdrawn for a while, or not
// in force yet.
func Waits(table document.Table, s document.Subject, number string, at time.Time) bool {
	w, _ := judge(table, s, number, at)
	return w != nil
}

// judge tells why a document of a person is refused at an instant: *waiting
// when that may pass, *FinalError's cause when it will not, nil when the state
// of the document is not the reason.
func judge(table document.Table, s document.Subject, number string, at time.Time) (w *waiting, final bool) {
	doc := s.Document(number)
	if doc == nil {
		return nil, true // it went to another person, or was taken from the record
	}
	if s.Person == nil {
		return &waiting{}, false
	}
	if s.Issuable(number, at) != nil {
		// Whoever has died, and a document that has ended, stay so: what will
		// do on the day after the day of issue waits for that day.
		if day, ok := elements.Day(doc.IssueDate); ok && s.Issuable(number, day.AddDate(0, 0, 1)) == nil && day.AddDate(0, 0, 1).After(at) {
			return &waiting{until: day}, false
		}
		return nil, true
	}
	return held(table, s, number, at)
}

// held looks for measures that allow no new copies. One without an end may be
// lifted any day; one that outlives the document will not let it be issued.
func held(table document.Table, s document.Subject, number string, at time.Time) (w *waiting, final bool) {
	indefinite := false
	for i := range s.Measures {
		alone := s
		alone.Measures = s.Measures[i : i+1]
		if table.Issuable(alone, number, at) == nil {
			continue
		}
		from, until, _ := s.Measures[i].Latest().Span()
		if w == nil {
			w = &waiting{since: from}
		}
		if from.Before(w.since) {
			w.since = from
		}
		indefinite = indefinite || until.IsZero()
		if until.After(w.until) {
			w.until = until
		}
	}
	switch {
	case w == nil:
		return nil, false
	case indefinite:
		w.until = time.Time{}
	case s.Issuable(number, w.until) != nil:
		return nil, true
	}
	return w, false
}

// refusal sorts what was refused: *waiting when the wallet may wait, a
// refusal for good with a *FinalError where the document has ended, else as it
// came.
func (p *Prepared) refusal(s document.Subject, err error) error {
	switch problem.KindOf(err) {
	case problem.CredentialRequestDenied, problem.NotFound:
	default:
		return err
	}
	w, final := judge(p.signer.Terms.Effects, s, p.intent.Document, p.s.p.Clock.Now())
	switch {
	case w != nil && p.s.cfg.Defer:
		return w
	case final:
		return p.final(denial(err))
	}
	return err
}

func (p *Prepared) final(refusal error) error {
	return &FinalError{Person: p.intent.Person, Document: p.intent.Document, Configuration: p.intent.Configuration, err: refusal}
}

// waits gives the *waiting of an error, nil when it is none.
func waits(err error) *waiting {
	var w *waiting
	if errors.As(err, &w) {
		return w
	}
	return nil
}
