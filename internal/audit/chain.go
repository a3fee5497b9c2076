package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"vidimus/internal/jose"
)

// ErrChain is for a record that does not hold together.
var ErrChain = errors.New("audit chain is broken")

// MaxLine bounds one line of a record. The largest event that Check lets
// through stays below it, escapes included.
const MaxLine = 32 << 10

// Head is the end of a record: how many lines, and the hash of the last one.
// The zero Head is that of an empty record.
type Head struct {
	Seq  uint64
	Hash [sha256.Size]byte
}

func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, hex.EncodeToString(h.Hash[:])) }

// timeForm is RFC 3339 in UTC, always six fractional digits.
const timeForm = "2006-01-02T15:04:05.000000Z"

// line is the JSON of one event. The order of the members is the order here,
// detail keys are sorted, there is no space between tokens: one event after one
// head has one line.
type line struct {
	Prev    string            `json:"prev"`
	Seq     uint64            `json:"seq"`
	Time    string            `json:"time"`
	Action  string            `json:"action"`
	Actor   string            `json:"actor"`
	Subject string            `json:"subject"`
	Outcome string            `json:"outcome"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// Next gives the line that follows the head, without a newline, and the head
// after it: the hash is SHA-256 over exactly these bytes. Sequence numbers
// begin at 1.
func (h Head) Next(e Event) ([]byte, Head, error) {
	if err := e.Check(); err != nil {
		return nil, h, err
	}
	return h.encode(line{
		Time: e.Time.UTC().Format(timeForm), Action: e.Action, Actor: e.Actor, Subject: e.Subject,
		Outcome: e.Outcome, Detail: e.Detail,
	})
}

func (h Head) encode(l line) ([]byte, Head, error) {
	l.Prev, l.Seq = hex.EncodeToString(h.Hash[:]), h.Seq+1
	out, err := l.appendTo(make([]byte, 0, 512))
	if err != nil {
		return nil, h, fmt.Errorf("encoding an audit event: %w", err)
	}
	return out, Head{Seq: l.Seq, Hash: sha256.Sum256(out)}, nil
}

// appendTo writes what encoding/json makes of a line, at a fraction of its
// cost: there is a line for everything that happens.
func (l line) appendTo(b []byte) ([]byte, error) {
	var err error
	member := func(name, value string) {
		if err == nil {
			b, err = appendText(append(append(b, name...), ':'), value)
		}
	}
	member(`{"prev"`, l.Prev)
	b = strconv.AppendUint(append(b, `,"seq":`...), l.Seq, 10)
	member(`,"time"`, l.Time)
	member(`,"action"`, l.Action)
	member(`,"actor"`, l.Actor)
	member(`,"subject"`, l.Subject)
	member(`,"outcome"`, l.Outcome)
	if len(l.Detail) > 0 {
		b = append(b, `,"detail":{`...)
		var few [maxDetail]string
		names := few[:0]
		for name := range l.Detail {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			if i > 0 {
				b = append(b, ',')
			}
			if err == nil {
				b, err = appendText(b, name)
			}
			member("", l.Detail[name])
		}
		b = append(b, '}')
	}
	return append(b, '}'), err
}

// appendText writes a JSON string. What has something to escape is left to
// encoding/json.
func appendText(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			err := enc.Encode(s)
			return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...), err
		}
	}
	return append(append(append(b, '"'), s...), '"'), nil
}

// Follow checks that raw is the line after the head, byte for byte, and gives
// its event and the head after it. Errors match ErrChain.
func (h Head) Follow(raw []byte) (Event, Head, error) {
	if len(raw) > MaxLine {
		return Event{}, h, fmt.Errorf("%w: line %d is longer than %d bytes", ErrChain, h.Seq+1, MaxLine)
	}
	var l line
	if err := jose.DecodeJSON(raw, &l); err != nil {
		return Event{}, h, fmt.Errorf("%w: line %d: %w", ErrChain, h.Seq+1, err)
	}
	switch {
	case l.Seq != h.Seq+1:
		return Event{}, h, fmt.Errorf("%w: line %d says that it is line %d", ErrChain, h.Seq+1, l.Seq)
	case l.Prev != hex.EncodeToString(h.Hash[:]):
		return Event{}, h, fmt.Errorf("%w: line %d does not follow the line before it", ErrChain, l.Seq)
	}
	at, err := time.Parse(timeForm, l.Time)
	if err != nil {
		return Event{}, h, fmt.Errorf("%w: line %d: time", ErrChain, l.Seq)
	}
	want, next, err := h.encode(l)
	if err != nil || !bytes.Equal(want, raw) {
		return Event{}, h, fmt.Errorf("%w: line %d is not in the form of this record", ErrChain, l.Seq)
	}
	return Event{Time: at, Action: l.Action, Actor: l.Actor, Subject: l.Subject, Outcome: l.Outcome, Detail: l.Detail}, next, nil
}

// Verify reads a whole record, calls each (which may be nil) for every event,
// and gives its head. Errors match ErrChain and name the first bad line; the
// head is then that of the good part. A last line without a newline is bad.
func Verify(r io.Reader, each func(seq uint64, e Event) error) (Head, error) {
	return verifyFrom(Head{}, r, each)
}

func verifyFrom(h Head, r io.Reader, each func(uint64, Event) error) (Head, error) {
	err := readLines(r, h.Seq, func(raw []byte) error {
		e, next, err := h.Follow(raw)
		if err != nil {
			return err
		}
		h = next
		if each != nil {
			return each(h.Seq, e)
		}
		return nil
	})
	return h, err
}

// readLines calls each for every line after the one numbered seq, without its
// newline.
func readLines(r io.Reader, seq uint64, each func(raw []byte) error) error {
	br := bufio.NewReaderSize(r, MaxLine+1)
	for {
		seq++
		raw, err := br.ReadSlice('\n')
		switch {
		case err == io.EOF && len(raw) == 0:
			return nil
		case err == io.EOF:
			return fmt.Errorf("%w: line %d: %w", ErrChain, seq, ErrTorn)
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: line %d is longer than %d bytes", ErrChain, seq, MaxLine)
		case err != nil:
			return fmt.Errorf("reading the audit record: %w", err)
		}
		if err := each(raw[:len(raw)-1]); err != nil {
			return err
		}
	}
}

// ErrTorn is for a record whose last line has no newline: what a crash leaves of an
// event that nobody was told was recorded. It comes with ErrChain.
var ErrTorn = errors.New("ends without a newline")
