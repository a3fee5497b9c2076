package handover

import (
	"encoding/binary"
	"fmt"

	"vidimus/internal/proximity"
)

// Type name formats of NDEF records.
const (
	formatEmpty     = 0
	formatWellKnown = 1
	formatMIME      = 2
	formatURI       = 3
	formatExternal  = 4
	formatUnknown   = 5
)

// Flags of an NDEF record's first byte.
const (
	flagBegin = 0x80
	flagEnd   = 0x40
	flagChunk = 0x20
	flagShort = 0x10
	flagID    = 0x08
)

// Record is an NDEF record.
type Record struct {
	Format  byte // 0 to 5
	Type    string
	ID      string
	Payload []byte
}

// ParseRecords reads an NDEF message. Chunked records are refused, as Connection
// Handover has none.
func ParseRecords(message []byte) ([]Record, error) {
	if len(message) > MaxMessage {
		return nil, fmt.Errorf("%w: NDEF message of %d bytes, at most %d", proximity.ErrLimit, len(message), MaxMessage)
	}
	var records []Record
	for rest := message; ; {
		if len(records) == MaxRecords {
			return nil, fmt.Errorf("%w: more than %d NDEF records", proximity.ErrLimit, MaxRecords)
		}
		r, flags, tail, err := parseRecord(rest)
		if err != nil {
			return nil, fmt.Errorf("NDEF record %d: %w", len(records), err)
		}
		if (flags&flagBegin != 0) != (len(records) == 0) {
			return nil, fmt.Errorf("%w: NDEF record %d: begin of the message", proximity.ErrMalformed, len(records))
		}
		if (flags&flagEnd != 0) != (len(tail) == 0) {
			return nil, fmt.Errorf("%w: NDEF record %d: end of the message", proximity.ErrMalformed, len(records))
		}
		records = append(records, r)
		if len(tail) == 0 {
			return records, nil
		}
		rest = tail
	}
}

// parseRecord reads the record at the begin of b.
func parseRecord(b []byte) (r Record, flags byte, rest []byte, err error) {
	c := cutter{b: b}
	flags = c.byte()
	typeLength := int(c.byte())
	var length uint32
	if flags&flagShort != 0 {
		length = uint32(c.byte())
	} else if head := c.bytes(4); head != nil {
		length = binary.BigEndian.Uint32(head)
	}
	idLength := 0
	if flags&flagID != 0 {
		idLength = int(c.byte())
	}
	r.Format = flags & 0x07
	r.Type, r.ID = string(c.bytes(typeLength)), string(c.bytes(idLength))
	if length > MaxMessage {
		return Record{}, 0, nil, fmt.Errorf("%w: payload of %d bytes", proximity.ErrMalformed, length)
	}
	r.Payload = c.bytes(int(length))
	switch {
	case c.short:
		err = fmt.Errorf("%w: %d bytes are too few", proximity.ErrMalformed, len(b))
	case flags&flagChunk != 0:
		err = fmt.Errorf("%w: chunked", proximity.ErrMalformed)
	case r.Format > formatUnknown:
		err = fmt.Errorf("%w: type name format %d", proximity.ErrMalformed, r.Format)
	case (r.Format == formatEmpty || r.Format == formatUnknown) != (r.Type == ""):
		err = fmt.Errorf("%w: type name format %d with the type %.32q", proximity.ErrMalformed, r.Format, r.Type)
	case r.Format == formatEmpty && (length > 0 || r.ID != ""):
		err = fmt.Errorf("%w: empty record with content", proximity.ErrMalformed)
	}
	if err != nil {
		return Record{}, 0, nil, err
	}
	return r, flags, c.b, nil
}

// appendRecords writes an NDEF message, in short records where they suffice.
func appendRecords(b []byte, records ...Record) ([]byte, error) {
	for i, r := range records {
		if len(r.Type) > 255 || len(r.ID) > 255 || len(r.Payload) > MaxMessage {
			return nil, fmt.Errorf("%w: NDEF record %d is too large", proximity.ErrLimit, i)
		}
		flags := r.Format
		if i == 0 {
			flags |= flagBegin
		}
		if i == len(records)-1 {
			flags |= flagEnd
		}
		if len(r.Payload) < 256 {
			flags |= flagShort
		}
		if r.ID != "" {
			flags |= flagID
		}
		b = append(b, flags, byte(len(r.Type)))
		if flags&flagShort != 0 {
			b = append(b, byte(len(r.Payload)))
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(len(r.Payload)))
		}
		if flags&flagID != 0 {
			b = append(b, byte(len(r.ID)))
		}
		b = append(append(append(b, r.Type...), r.ID...), r.Payload...)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: NDEF message of %d bytes, at most %d", proximity.ErrLimit, len(b), MaxMessage)
	}
	return b, nil
}

// cutter takes bytes from the front. Once there are too few, short is set and
// nothing comes any more.
type cutter struct {
	b     []byte
	short bool
}

func (c *cutter) bytes(n int) []byte {
	if c.short || n > len(c.b) {
		c.short = true
		return nil
	}
	head := c.b[:n:n]
	c.b = c.b[n:]
	return head
}

func (c *cutter) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// text takes a text after its length of one byte.
func (c *cutter) text() string { return string(c.bytes(int(c.byte()))) }
