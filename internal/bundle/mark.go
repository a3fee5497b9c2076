package bundle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"

	"vidimus/internal/cbor"
)

// ErrMark is for a mark that cannot be read: it was damaged, and with it the proof
// that the reader does not go back in time.
var ErrMark = errors.New("damaged mark")

// Mark is how far a reader got: the bundle that it took last, and the latest
// instant of which it has proof. It never goes back. The zero value has seen
// nothing. Not safe for concurrent use.
type Mark struct {
	// Clock is the latest instant that a trusted signer has named and that lay not
	// in the future then; zero when none did.
	Clock time.Time
	// Publisher, Sequence, Issued and Digest are those of the bundle, zero before
	// the first.
	Publisher string
	Sequence  uint64
	Issued    time.Time
	Digest    [sha256.Size]byte
}

// CheckClock refuses a clock before what is proven: a document would count as not
// yet expired, or as not yet revoked. The error is a *ClockError.
func (m *Mark) CheckClock(now time.Time) error {
	if m.Clock.After(now.Add(skew)) {
		return &ClockError{Clock: now, Made: m.Clock, What: "something that this device has verified"}
	}
	return nil
}

// Check says whether a bundle may be used at now: the one that was taken last, or
// one that follows it. Errors match ErrOlder or ErrClock.
func (m *Mark) Check(b *Bundle, now time.Time) error {
	if err := m.CheckClock(now); err != nil {
		return err
	}
	switch {
	case m.Sequence == 0:
		return nil
	case b.Publisher != m.Publisher:
		return fmt.Errorf("%w: it is of %.200q, and this reader follows %.200q", ErrOlder, b.Publisher, m.Publisher)
	case b.Sequence < m.Sequence:
		return fmt.Errorf("%w: number %d of %s after number %d of %s", ErrOlder,
			b.Sequence, b.Issued.Format(time.RFC3339), m.Sequence, m.Issued.Format(time.RFC3339))
	case b.Sequence == m.Sequence && b.Digest != m.Digest:
		return fmt.Errorf("%w: another bundle with the number %d: its publisher contradicts itself", ErrOlder, b.Sequence)
	case b.Issued.Before(m.Issued):
		return fmt.Errorf("%w: number %d is of %s, and number %d was of %s", ErrOlder,
			b.Sequence, b.Issued.Format(time.RFC3339), m.Sequence, m.Issued.Format(time.RFC3339))
	}
	return nil
}

// Accept takes a bundle as the newest one, after Check; one past its end is
// refused (ErrEnded), since nobody would take what helps no more. The mark is
// unchanged after an error.
func (m *Mark) Accept(b *Bundle, now time.Time) error {
	if err := m.Check(b, now); err != nil {
		return err
	}
	if b.Ended(now) {
		return fmt.Errorf("%w: it ended at %s, and the clock says %s", ErrEnded, b.Expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	m.Publisher, m.Sequence, m.Issued, m.Digest = b.Publisher, b.Sequence, b.Issued, b.Digest
	m.See(b.Issued, now)
	return nil
}

// See moves the clock on to an instant that a trusted signer has named, and says
// whether it moved. One that lies in the future is not taken: a signer with a
// wrong clock must not stop the readers of a country.
func (m *Mark) See(at, now time.Time) bool {
	if at.After(now) || !at.After(m.Clock) {
		return false
	}
	m.Clock = at.UTC().Truncate(time.Second)
	return true
}

// markVersion is the version of the file.
const markVersion = 1

type wireMark struct {
	Version   uint64         `cbor:"version"`
	Clock     *cbor.DateTime `cbor:"clock,omitempty"`
	Publisher string         `cbor:"publisher"`
	Sequence  uint64         `cbor:"sequence"`
	Issued    *cbor.DateTime `cbor:"issued,omitempty"`
	Digest    []byte         `cbor:"digest"`
}

// Marshal writes the mark for a file: SHA-256 before what it is over, so that
// damage shows. It is no protection against whoever may write the file.
func (m *Mark) Marshal() []byte {
	w := wireMark{Version: markVersion, Publisher: m.Publisher, Sequence: m.Sequence, Digest: m.Digest[:]}
	for _, t := range []struct {
		from time.Time
		to   **cbor.DateTime
	}{{m.Clock, &w.Clock}, {m.Issued, &w.Issued}} {
		if !t.from.IsZero() {
			at := cbor.NewDateTime(t.from)
			*t.to = &at
		}
	}
	body := cbor.MustMarshal(w)
	sum := sha256.Sum256(body)
	return append(sum[:], body...)
}

// ParseMark reads what Marshal wrote. Errors match ErrMark.
func ParseMark(data []byte) (*Mark, error) {
	if len(data) <= sha256.Size || len(data) > maxMark {
		return nil, fmt.Errorf("%w: %d bytes", ErrMark, len(data))
	}
	body := data[sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[:sha256.Size]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrMark)
	}
	var w wireMark
	if err := cbor.Unmarshal(body, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMark, err)
	}
	if w.Version != markVersion || len(w.Digest) != sha256.Size || w.Sequence > math.MaxInt64 ||
		(w.Sequence == 0) != (w.Issued == nil) || (w.Sequence == 0) != (w.Publisher == "") || len(w.Publisher) > maxText {
		return nil, fmt.Errorf("%w: not what this program writes", ErrMark)
	}
	m := &Mark{Publisher: w.Publisher, Sequence: w.Sequence, Digest: [sha256.Size]byte(w.Digest)}
	if w.Clock != nil {
		m.Clock = w.Clock.UTC()
	}
	if w.Issued != nil {
		m.Issued = w.Issued.UTC()
	}
	return m, nil
}
