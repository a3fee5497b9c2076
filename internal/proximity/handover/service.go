package handover

import (
	"encoding/binary"
	"fmt"

	"vidimus/internal/proximity"
)

// Messages of TNEP before and after a negotiated handover.
const (
	// Service is what a holder offers that can negotiate.
	Service = "urn:nfc:sn:handover"

	typeParameter     = "Tp"
	typeServiceSelect = "Ts"
	typeStatus        = "Te"

	majorTNEP = 1
)

// Parameter is a service parameter record: a service that a tag offers, and how
// long to wait for its answers.
type Parameter struct {
	Version     byte // 0x10 for 1.0
	Service     string
	Mode        byte // 0: one message for each
	WaitingTime byte // 0 to 63, as TNEP counts it
	Extensions  byte // of the waiting time, 0 to 15
	MaxMessage  uint16
}

// FindService reads the initial message of a tag and returns the handover service.
// ErrUnsupported: it offers others or none, and the handover is a static one.
func FindService(message []byte) (*Parameter, error) {
	records, err := ParseRecords(message)
	if err != nil {
		return nil, fmt.Errorf("looking for the handover service: %w", err)
	}
	for _, r := range records {
		if r.Format != formatWellKnown || r.Type != typeParameter {
			continue
		}
		p, err := parseParameter(r.Payload)
		if err != nil {
			return nil, fmt.Errorf("looking for the handover service: %w", err)
		}
		if p.Service != Service {
			continue
		}
		if p.Version>>4 != majorTNEP {
			return nil, fmt.Errorf("looking for the handover service: %w: TNEP %d.%d", proximity.ErrUnsupported, p.Version>>4, p.Version&0x0f)
		}
		return p, nil
	}
	return nil, fmt.Errorf("looking for the handover service: %w: not offered", proximity.ErrUnsupported)
}

func parseParameter(payload []byte) (*Parameter, error) {
	c := cutter{b: payload}
	p := &Parameter{Version: c.byte(), Service: c.text(), Mode: c.byte(), WaitingTime: c.byte(), Extensions: c.byte()}
	if size := c.bytes(2); size != nil {
		p.MaxMessage = binary.BigEndian.Uint16(size)
	}
	if c.short || len(c.b) > 0 || p.Service == "" || p.WaitingTime > 63 || p.Extensions > 15 {
		return nil, fmt.Errorf("%w: service parameter %x", proximity.ErrMalformed, payload[:min(len(payload), 40)])
	}
	return p, nil
}

// Message writes the initial message of a tag that offers the service.
func (p *Parameter) Message() ([]byte, error) {
	if len(p.Service) > 255 {
		return nil, fmt.Errorf("making service parameter: %w: name of %d bytes", proximity.ErrLimit, len(p.Service))
	}
	payload := append([]byte{p.Version, byte(len(p.Service))}, p.Service...)
	payload = append(payload, p.Mode, p.WaitingTime, p.Extensions)
	payload = binary.BigEndian.AppendUint16(payload, p.MaxMessage)
	return appendRecords(nil, Record{Format: formatWellKnown, Type: typeParameter, Payload: payload})
}

// ServiceSelect is the message by which a reader chooses the handover service.
func ServiceSelect() []byte {
	message, err := appendRecords(nil, Record{
		Format: formatWellKnown, Type: typeServiceSelect, Payload: append([]byte{byte(len(Service))}, Service...),
	})
	if err != nil {
		panic(err) // of a constant
	}
	return message
}

// ParseServiceSelect reads a reader's choice. ErrUnsupported: another service.
func ParseServiceSelect(message []byte) error {
	records, err := ParseRecords(message)
	if err != nil {
		return fmt.Errorf("parsing service select: %w", err)
	}
	r := records[0]
	c := cutter{b: r.Payload}
	name := c.text()
	switch {
	case len(records) != 1 || r.Format != formatWellKnown || r.Type != typeServiceSelect || c.short || len(c.b) > 0:
		return fmt.Errorf("parsing service select: %w", proximity.ErrMalformed)
	case name != Service:
		return fmt.Errorf("parsing service select: %w: service %.64q", proximity.ErrUnsupported, name)
	}
	return nil
}

// StatusMessage is a holder's answer to a service select: 0 for success.
func StatusMessage(status byte) []byte {
	message, err := appendRecords(nil, Record{Format: formatWellKnown, Type: typeStatus, Payload: []byte{status}})
	if err != nil {
		panic(err) // of one byte
	}
	return message
}

// ParseStatus reads a status and refuses all but success.
func ParseStatus(message []byte) error {
	records, err := ParseRecords(message)
	if err != nil {
		return fmt.Errorf("parsing TNEP status: %w", err)
	}
	r := records[0]
	switch {
	case len(records) != 1 || r.Format != formatWellKnown || r.Type != typeStatus || len(r.Payload) != 1:
		return fmt.Errorf("parsing TNEP status: %w", proximity.ErrMalformed)
	case r.Payload[0] != 0:
		return fmt.Errorf("parsing TNEP status: %w: status %d", proximity.ErrUnsupported, r.Payload[0])
	}
	return nil
}
