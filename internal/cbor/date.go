package cbor

import (
	"fmt"
	"time"
)

// FullDate is a calendar date `YYYY-MM-DD`: tag 1004 around text (RFC 8943).
type FullDate string

// ParseFullDate accepts exactly `YYYY-MM-DD` and a day that exists.
func ParseFullDate(s string) (FullDate, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil || len(s) != len(time.DateOnly) {
		return "", fmt.Errorf("%w: %.32q is no full-date", ErrMalformed, s)
	}
	return FullDate(s), nil
}

// Time returns the date's midnight in UTC, the zero time for a date that does
// not exist.
func (d FullDate) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// MarshalCBOR implements the encoder's interface. It refuses a date that does
// not exist.
func (d FullDate) MarshalCBOR() ([]byte, error) {
	if _, err := ParseFullDate(string(d)); err != nil {
		return nil, err
	}
	return encMode.Marshal(Tag{Number: tagFullDate, Content: string(d)})
}

// UnmarshalCBOR implements the decoder's interface.
func (d *FullDate) UnmarshalCBOR(data []byte) error {
	text, err := taggedText(data, tagFullDate)
	if err != nil {
		return err
	}
	*d, err = ParseFullDate(text)
	return err
}

// DateTime is an instant: a tdate, tag 0 around RFC 3339 text.
//
// ISO/IEC 18013-5, 9.1.2.4 allows only `YYYY-MM-DDThh:mm:ssZ` in an MSO. Real
// wallets also send fractions and offsets: these are read, converted to UTC and
// marked, so that a verifier can warn.
type DateTime struct {
	time.Time
	Fraction bool // the text had a fraction of a second
	Offset   bool // the text had an offset other than Z
}

// NewDateTime returns t in UTC, cut to the second: the precision that is written.
func NewDateTime(t time.Time) DateTime {
	return DateTime{Time: t.UTC().Truncate(time.Second)}
}

const dateTimeLayout = "2006-01-02T15:04:05Z"

// ParseDateTime reads the text of a tdate. It refuses lower-case t and z, a
// second 60 and what is no instant.
func ParseDateTime(s string) (DateTime, error) {
	refused := fmt.Errorf("%w: %.40q is no date and time", ErrMalformed, s)
	if t, err := time.Parse(dateTimeLayout, s); err == nil && len(s) == len(dateTimeLayout) {
		return DateTime{Time: t}, nil
	}
	seconds := len("2006-01-02T15:04:05")
	if len(s) <= seconds || len(s) > maxDateText {
		return DateTime{}, refused
	}
	// time.Parse also takes a comma, one-digit hours and offsets of 99 hours, so
	// the zone and the fraction are looked at before.
	rest := s[seconds:]
	d := DateTime{}
	if rest[0] == '.' {
		digits := 1
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 1 {
			return DateTime{}, refused
		}
		d.Fraction, rest = true, rest[digits:]
	}
	switch {
	case rest == "Z":
	case len(rest) == len("+00:00") && (rest[0] == '+' || rest[0] == '-'):
		if _, err := time.Parse("15:04", rest[1:]); err != nil {
			return DateTime{}, refused
		}
		d.Offset = true
	default:
		return DateTime{}, refused
	}
	local, err := time.Parse("2006-01-02T15:04:05", s[:seconds])
	if err != nil || local.Format("2006-01-02T15:04:05") != s[:seconds] {
		return DateTime{}, refused
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return DateTime{}, refused
	}
	d.Time = t.UTC()
	return d, nil
}

// MarshalCBOR implements the encoder's interface: `YYYY-MM-DDThh:mm:ssZ`. A
// fraction of a second is dropped.
func (d DateTime) MarshalCBOR() ([]byte, error) {
	utc := d.UTC()
	if year := utc.Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("date and time with year %d", year)
	}
	return encMode.Marshal(Tag{Number: tagDateTime, Content: utc.Format(dateTimeLayout)})
}

// UnmarshalCBOR implements the decoder's interface.
func (d *DateTime) UnmarshalCBOR(data []byte) error {
	text, err := taggedText(data, tagDateTime)
	if err != nil {
		return err
	}
	*d, err = ParseDateTime(text)
	return err
}

// Date reads exactly one full-date: tag 1004 around text.
func Date(item []byte) (d FullDate, err error) {
	if _, err := typed(item, majorTag); err != nil {
		return "", err
	}
	err = d.UnmarshalCBOR(item)
	return d, err
}

// Instant reads exactly one tdate: tag 0 around text.
func Instant(item []byte) (d DateTime, err error) {
	if _, err := typed(item, majorTag); err != nil {
		return DateTime{}, err
	}
	err = d.UnmarshalCBOR(item)
	return d, err
}

// taggedText returns the text inside a tag, of one well-formed item. Untagged text
// is refused.
func taggedText(data []byte, number uint64) (string, error) {
	tag, err := readHead(data, 0, len(data))
	if err == nil && tag.major == majorTag && tag.arg == number {
		text, err := readHead(data, tag.size, len(data))
		if start := tag.size + text.size; err == nil && text.major == majorText && !text.indefinite && text.arg == uint64(len(data)-start) {
			return string(data[start:]), nil
		}
	}
	return "", fmt.Errorf("%w: text with tag %d expected", ErrMalformed, number)
}
