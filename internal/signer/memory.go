package signer

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Memory keeps the last list of each series that a key signed, so that who has taken
// over the front end cannot have an older one signed, or one that takes a revocation
// back. It holds as many messages as there are keys and series, each of MaxMessage at
// most. A service has one alone.
type Memory interface {
	// Last gives the message, nil where there was none. An error that matches
	// ErrForgotten is for one that was there and is gone.
	Last(keyID, series string) ([]byte, error)
	// Keep puts a message into the place of the last one; it is durable when Keep
	// returns.
	Keep(keyID, series string, message []byte) error
}

// ErrForgotten is for a series of which the last list is not known any more.
var ErrForgotten = errors.New("which list was signed last is not known")

// inMind is a Memory for as long as the process lives: that of keys within the office,
// which holds its lists itself.
type inMind struct {
	mu   sync.Mutex
	last map[[2]string][]byte
}

func (m *inMind) Last(keyID, series string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last[[2]string{keyID, series}], nil
}

func (m *inMind) Keep(keyID, series string, message []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last[[2]string{keyID, series}] = bytes.Clone(message)
	return nil
}

// Series is a series of lists of one key, as it stands.
type Series struct {
	Name   string `json:"name"` // crl, vical, pid-providers, pub-eaa-providers
	Number uint64 `json:"number"`
	// Issued is when the last list was made, zero where there was none; Revoked how many
	// it names, of a revocation list.
	Issued  time.Time `json:"issued"`
	Revoked int       `json:"revoked"`
	// Forgotten: nothing of the series is signed until somebody says what was last.
	Forgotten bool `json:"forgotten"`
}

// recall begins what Status tells of the lists of a key.
func (s *Service) recall(h *held) error {
	for _, kind := range h.Policy.Kinds {
		for _, name := range seriesOf(kind) {
			st := Series{Name: name}
			last, err := s.cfg.Memory.Last(h.kid, name)
			switch {
			case errors.Is(err, ErrForgotten):
				st.Forgotten = true
			case err != nil:
				return fmt.Errorf("the last list of %s: %w", name, err)
			case last != nil:
				e, err := editionOf(kind, last)
				if err != nil {
					return fmt.Errorf("the last list of %s: %w", name, err)
				}
				st = e.status()
			}
			h.lists = append(h.lists, st)
		}
	}
	return nil
}

func (e edition) status() Series {
	return Series{Name: e.series, Number: e.number, Issued: e.issued.UTC(), Revoked: len(e.revoked)}
}

// remember holds a list against the last one of its series, and makes it the last: from
// here on none before it is signed, whatever becomes of this one. The list that is the
// last already may be signed again. The caller has the turn of the key.
func (s *Service) remember(h *held, kind Kind, message []byte) (series string, err error) {
	next, err := editionOf(kind, message)
	if err != nil {
		return "", err
	}
	now := s.cfg.Clock.Now()
	last, err := s.cfg.Memory.Last(h.kid, next.series)
	switch {
	case err != nil:
		err = fmt.Errorf("the last list of %s: %w", next.series, err)
		s.cfg.OnError(err)
		return "", err
	case bytes.Equal(last, message):
		return next.series, nil
	case last != nil:
		before, err := editionOf(kind, last)
		if err != nil {
			err = fmt.Errorf("the last list of %s cannot be read: %w", next.series, errors.New(err.Error())) // no refusal of this one
			s.cfg.OnError(err)
			return "", err
		}
		if err := next.follows(before, h.longestLife(), now); err != nil {
			return "", err
		}
		if err := next.jumps(before, now); err != nil {
			return "", err
		}
	default:
		if err := next.jumps(edition{}, now); err != nil {
			return "", err
		}
	}
	if err := s.cfg.Memory.Keep(h.kid, next.series, message); err != nil {
		err = fmt.Errorf("remembering a list of %s: %w", next.series, err)
		s.cfg.OnError(err)
		return "", err
	}
	h.counts.listed(next.status(), h.lists)
	return next.series, nil
}
