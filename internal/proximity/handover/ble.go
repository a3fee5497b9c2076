package handover

import (
	"fmt"
	"slices"

	"vidimus/internal/proximity"
)

// Types of advertising data in a Bluetooth LE record (Bluetooth Core Supplement,
// part A).
const (
	dataUUIDs   = 0x07 // complete list of 128-bit UUIDs
	dataAddress = 0x1b
	dataRole    = 0x1c
)

// Role is the LE role of the one who sends a record.
type Role byte

// LE roles.
const (
	PeripheralOnly Role = iota
	CentralOnly
	PeripheralPreferred
	CentralPreferred
)

// Peripheral reports whether the sender can be a peripheral, Central whether a
// central.
func (r Role) Peripheral() bool { return r != CentralOnly }

// Central: see Peripheral.
func (r Role) Central() bool { return r != PeripheralOnly }

// BLE is a Bluetooth LE record.
type BLE struct {
	Role    Role
	UUID    proximity.UUID // in network order, zero when absent; on air it is reversed
	Address []byte         // 6 bytes, least significant first, and 1 for random; nil when absent
}

// parseBLE reads fields of length, type and value. Types that are not known are
// ignored; the role is required.
func parseBLE(payload []byte) (*BLE, error) {
	b := &BLE{}
	seen := map[byte]bool{}
	for c := (cutter{b: payload}); len(c.b) > 0; {
		field := cutter{b: c.bytes(int(c.byte()))}
		kind := field.byte()
		if c.short || field.short {
			return nil, fmt.Errorf("%w: Bluetooth data", proximity.ErrMalformed)
		}
		var good bool
		switch value := field.b; kind {
		case dataRole:
			if good = len(value) == 1 && value[0] <= byte(CentralPreferred); good {
				b.Role = Role(value[0])
			}
		case dataAddress:
			if good = len(value) == 7 && value[6] <= 1; good {
				b.Address = slices.Clone(value)
			}
		case dataUUIDs:
			if good = len(value) == len(b.UUID); good {
				b.UUID = reversed(proximity.UUID(value))
				good = b.UUID != proximity.UUID{}
			}
		default:
			continue
		}
		if !good || seen[kind] {
			return nil, fmt.Errorf("%w: Bluetooth data of type %#02x", proximity.ErrMalformed, kind)
		}
		seen[kind] = true
	}
	if !seen[dataRole] {
		return nil, fmt.Errorf("%w: Bluetooth data without a role", proximity.ErrMalformed)
	}
	return b, nil
}

func (b *BLE) payload() ([]byte, error) {
	var out []byte
	if b.Address != nil {
		if len(b.Address) != 7 || b.Address[6] > 1 {
			return nil, fmt.Errorf("%w: Bluetooth address of %d bytes", proximity.ErrMalformed, len(b.Address))
		}
		out = append(append(out, 8, dataAddress), b.Address...)
	}
	if b.Role > CentralPreferred {
		return nil, fmt.Errorf("%w: LE role %d", proximity.ErrMalformed, b.Role)
	}
	out = append(out, 2, dataRole, byte(b.Role))
	if b.UUID != (proximity.UUID{}) {
		id := reversed(b.UUID)
		out = append(append(out, 17, dataUUIDs), id[:]...)
	}
	return out, nil
}

func reversed(id proximity.UUID) proximity.UUID {
	slices.Reverse(id[:])
	return id
}

// method says what the record of a holder offers, beside the one of the reader
// in a negotiated handover, nil in a static one. The peripheral names the
// service; where it does not, the other side's name counts, as wallets do it. A
// mode without one is off.
func (b *BLE) method(reader *BLE) *proximity.BLE {
	holders, readers := b.UUID, b.UUID
	if reader != nil {
		readers = reader.UUID
		if readers == (proximity.UUID{}) {
			readers = b.UUID
		}
		if holders == (proximity.UUID{}) {
			holders = reader.UUID
		}
	}
	out := &proximity.BLE{}
	if b.Role.Central() && (reader == nil || reader.Role.Peripheral()) && readers != (proximity.UUID{}) {
		out.CentralClient, out.CentralClientUUID = true, readers
	}
	if b.Role.Peripheral() && (reader == nil || reader.Role.Central()) && holders != (proximity.UUID{}) {
		out.PeripheralServer, out.PeripheralServerUUID, out.Address = true, holders, b.Address
	}
	return out
}
