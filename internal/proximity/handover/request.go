package handover

import (
	"bytes"
	"fmt"
	"io"

	"vidimus/internal/cbor"
	"vidimus/internal/proximity"
)

// The record of the reader's engagement, which is optional.
const (
	typeReader = "iso.org:18013:readerengagement"
	idReader   = "mdocreader"
)

// Request is a Handover Request: what the reader can do.
type Request struct {
	Raw      []byte // as sent or received; enters the transcript
	Carriers []Carrier

	// ReaderVersion is that of the ReaderEngagement, "1.0"; empty without one.
	ReaderVersion string
}

// NewRequest makes the request of a reader.
func NewRequest(rand io.Reader, carriers ...Carrier) (*Request, error) {
	collision := make([]byte, 2)
	if _, err := io.ReadFull(rand, collision); err != nil {
		return nil, fmt.Errorf("making Handover Request: %w", err)
	}
	raw, err := build(typeRequest, []Record{{Format: formatWellKnown, Type: typeCollision, Payload: collision}}, carriers, nil)
	if err != nil {
		return nil, fmt.Errorf("making Handover Request: %w", err)
	}
	return ParseRequest(raw)
}

// ParseRequest reads a Handover Request, at the holder's side.
func ParseRequest(raw []byte) (*Request, error) {
	q, err := parseRequest(bytes.Clone(raw))
	if err != nil {
		return nil, fmt.Errorf("parsing Handover Request: %w", err)
	}
	return q, nil
}

func parseRequest(raw []byte) (*Request, error) {
	p, err := parse(raw, typeRequest)
	if err != nil {
		return nil, err
	}
	collisions := 0
	for _, r := range p.others {
		if r.Format == formatWellKnown && r.Type == typeCollision {
			if collisions++; collisions > 1 || len(r.Payload) != 2 {
				return nil, fmt.Errorf("%w: collision resolution", proximity.ErrMalformed)
			}
		}
	}
	q := &Request{Raw: raw}
	if q.Carriers, err = p.carriers(); err != nil {
		return nil, err
	}
	if len(q.Carriers) == 0 {
		return nil, fmt.Errorf("%w: no carrier", proximity.ErrUnsupported)
	}
	r, err := p.ofType(typeReader)
	if err != nil {
		return nil, err
	}
	if r != nil {
		if q.ReaderVersion, err = readerVersion(*r); err != nil {
			return nil, fmt.Errorf("ReaderEngagement: %w", err)
		}
	}
	return q, nil
}

// readerVersion reads {0: version, ...}.
func readerVersion(r Record) (string, error) {
	if r.ID != idReader {
		return "", fmt.Errorf("%w: id %.32q", proximity.ErrMalformed, r.ID)
	}
	entries, err := cbor.MapEntries(r.Payload)
	if err != nil {
		return "", fmt.Errorf("%w: %w", proximity.ErrMalformed, err)
	}
	for _, entry := range entries {
		if key, err := cbor.Uint(entry.Key); err == nil && key == 0 {
			version, err := cbor.Text(entry.Value)
			if err != nil || version == "" || len(version) > 16 {
				return "", fmt.Errorf("%w: version", proximity.ErrMalformed)
			}
			return version, nil
		}
	}
	return "", fmt.Errorf("%w: no version", proximity.ErrMalformed)
}

// ble is the reader's Bluetooth record, nil without one or without a request.
func (q *Request) ble() *BLE {
	if q == nil {
		return nil
	}
	for _, c := range q.Carriers {
		if c.BLE != nil {
			return c.BLE
		}
	}
	return nil
}

// asksFor reports whether the request has a carrier of the selected one's kind,
// with a role that fits.
func (q *Request) asksFor(selected Carrier) bool {
	for _, c := range q.Carriers {
		switch {
		case c.BLE != nil && selected.BLE != nil:
			return c.BLE.Role.Central() && selected.BLE.Role.Peripheral() || c.BLE.Role.Peripheral() && selected.BLE.Role.Central()
		case c.NFC != nil && selected.NFC != nil:
			return true
		case c.Other != nil && selected.Other != nil && c.Other.kind() == selected.Other.kind():
			return true
		}
	}
	return false
}
