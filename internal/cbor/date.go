package cbor

import (
	"fmt"
	"time"
)

// FullDate is a calendar date `YYYY-MM-DD`: tag 1004 around text (RFC 8943).
type FullDate string

// ParseFullDate accepts exactly `YYYY-MM-DD` and a day that exists.
func ParseFullDate(s string) (FullDate, error) {
	if _, ok := calendarDay(s); !ok {
		return "", fmt.Errorf("%w: %.32q is no full-date", ErrMalformed, s)
	}
	return FullDate(s), nil
}

// Time returns the date's midnight in UTC, the zero time for a date that does
// not exist.
func (d FullDate) Time() time.Time {
	t, _ := calendarDay(string(d))
	return t
}

// calendarDay reads exactly `YYYY-MM-DD`: what time.Parse does, without its
// layouts.
func calendarDay(s string) (time.Time, bool) {
	if len(s) != len(time.DateOnly) || s[4] != '-' || s[7] != '-' {
		return time.Time{}, false
	}
	number := func(s string) (n int) {
		for i := range len(s) {
			if s[i] < '0' || s[i] > '9' {
				return -1
			}
			n = 10*n + int(s[i]-'0')
		}
		return n
	}
	year, month, day := number(s[:4]), number(s[5:7]), number(s[8:])
	if year < 0 || month < 1 || month > 12 || day < 1 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day { // 31 June would be 1 July
		return time.Time{}, false
	}
	return t, true
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
	if len(s) == len(dateTimeLayout) && s[len(s)-1] == 'Z' {
		// The library reads this form at once; the slower way to it is no wider here.
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return DateTime{Time: t}, nil
		}
	}
	d, ok := parseDateTime(s)
	if !ok {
		return DateTime{}, fmt.Errorf("%w: %.40q is no date and time", ErrMalformed, s)
	}
	return d, nil
}

// parseDateTime reads the forms with a fraction or an offset.
func parseDateTime(s string) (d DateTime, ok bool) {
	seconds := len("2006-01-02T15:04:05")
	if len(s) <= seconds || len(s) > maxDateText {
		return d, false
	}
	// time.Parse also takes a comma, one-digit hours and offsets of 99 hours, so
	// the zone and the fraction are looked at before.
	rest := s[seconds:]
	if rest[0] == '.' {
		digits := 1
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 1 {
			return d, false
		}
		d.Fraction, rest = true, rest[digits:]
	}
	switch {
	case rest == "Z":
	case len(rest) == len("+00:00") && (rest[0] == '+' || rest[0] == '-'):
		if _, err := time.Parse("15:04", rest[1:]); err != nil {
			return d, false
		}
		d.Offset = true
	default:
		return d, false
	}
	local, err := time.Parse("2006-01-02T15:04:05", s[:seconds])
	if err != nil || local.Format("2006-01-02T15:04:05") != s[:seconds] {
		return d, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return d, false
	}
	d.Time = t.UTC()
	return d, true
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
