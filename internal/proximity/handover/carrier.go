package handover

import (
	"encoding/binary"
	"fmt"
	"strings"

	"vidimus/internal/proximity"
)

// Types of the records that describe a carrier (8.2.2.1; the Bluetooth and Wi-Fi
// Aware ones are MIME types, the other one an external type).
const (
	typeBLE      = "application/vnd.bluetooth.le.oob"
	typeWiFi     = "application/vnd.wfa.nan"
	typeNFC      = "iso.org:18013:nfc"
	versionOfNFC = 0x01
)

// Power is the state of a carrier.
type Power byte

// Carrier power states.
const (
	Inactive Power = iota
	Active
	Activating
	PowerUnknown
)

// Carrier is a way to transfer data that one side names.
type Carrier struct {
	ID    string // of its record; both sides choose their own
	Power Power
	BLE   *BLE
	NFC   *NFC
	Other *Record // Wi-Fi Aware and kinds that are not known
}

// NFC are the options of NFC data transfer. Zero: not said.
type NFC struct {
	MaxCommand  uint32 // 255 to 65 535 bytes
	MaxResponse uint32 // 256 to 65 536 bytes
}

// Types of the fields of an NFC carrier record.
const (
	fieldMaxCommand  = 0x01
	fieldMaxResponse = 0x02
)

// parseCarrier reads a carrier configuration record.
func parseCarrier(r Record) (Carrier, error) {
	c := Carrier{ID: r.ID}
	var err error
	switch r.kind() {
	case typeBLE:
		c.BLE, err = parseBLE(r.Payload)
	case typeNFC:
		c.NFC, err = parseNFC(r.Payload)
	default:
		c.Other = &r
	}
	if err != nil {
		return Carrier{}, fmt.Errorf("carrier %.32q: %w", r.ID, err)
	}
	return c, nil
}

// kind is the type of a record as its format compares it, empty for types that do
// not matter here. MIME and external types have no case.
func (r Record) kind() string {
	if r.Format == formatMIME || r.Format == formatExternal {
		return strings.ToLower(r.Type)
	}
	if r.Format == formatWellKnown {
		return r.Type
	}
	return ""
}

// record writes the carrier configuration record.
func (c Carrier) record() (Record, error) {
	switch {
	case c.BLE != nil:
		payload, err := c.BLE.payload()
		return Record{Format: formatMIME, Type: typeBLE, ID: c.ID, Payload: payload}, err
	case c.NFC != nil:
		return Record{Format: formatExternal, Type: typeNFC, ID: c.ID, Payload: c.NFC.payload()}, nil
	case c.Other != nil:
		r := *c.Other
		r.ID = c.ID
		return r, nil
	}
	return Record{}, fmt.Errorf("%w: carrier %q of no kind", proximity.ErrMalformed, c.ID)
}

// parseNFC reads version, then fields of length, type and value.
func parseNFC(payload []byte) (*NFC, error) {
	c := cutter{b: payload}
	if version := c.byte(); c.short || version != versionOfNFC {
		return nil, fmt.Errorf("%w: version %d of NFC", proximity.ErrUnsupported, version)
	}
	n := &NFC{}
	for len(c.b) > 0 {
		field := cutter{b: c.bytes(int(c.byte()))}
		kind := field.byte()
		if c.short || field.short {
			return nil, fmt.Errorf("%w: field of NFC", proximity.ErrMalformed)
		}
		var into *uint32
		var low, high uint32
		switch kind {
		case fieldMaxCommand:
			into, low, high = &n.MaxCommand, 255, 65535
		case fieldMaxResponse:
			into, low, high = &n.MaxResponse, 256, 65536
		default:
			continue
		}
		if len(field.b) == 0 || len(field.b) > 4 || *into != 0 {
			return nil, fmt.Errorf("%w: field %d of NFC", proximity.ErrMalformed, kind)
		}
		for _, b := range field.b {
			*into = *into<<8 | uint32(b)
		}
		if *into < low || *into > high {
			return nil, fmt.Errorf("%w: field %d of NFC is %d", proximity.ErrMalformed, kind, *into)
		}
	}
	return n, nil
}

func (n *NFC) payload() []byte {
	b := []byte{versionOfNFC}
	if n.MaxCommand != 0 {
		b = binary.BigEndian.AppendUint16(append(b, 3, fieldMaxCommand), uint16(n.MaxCommand))
	}
	if n.MaxResponse != 0 {
		b = append(b, 4, fieldMaxResponse, byte(n.MaxResponse>>16), byte(n.MaxResponse>>8), byte(n.MaxResponse))
	}
	return b
}
