package proximity

import (
	"encoding/hex"
	"fmt"
	"io"

	"vidimus/internal/cbor"
)

// Keys of BleOptions (8.2.2.3; 21 of the second edition).
const (
	blePeripheralServer     = 0
	bleCentralClient        = 1
	blePeripheralServerUUID = 10
	bleCentralClientUUID    = 11
	bleAddress              = 20
	blePSM                  = 21
)

// UUID is a Bluetooth service UUID in network order, as CBOR has it. On air its
// bytes are reversed.
type UUID [16]byte

func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// BLE are the options of the BLE retrieval method. A mode is on only when its
// UUID is there too; a reader that finds both prefers mdoc central client mode
// (8.3.3.1.1.2).
type BLE struct {
	CentralClient        bool // the holder connects to the reader
	CentralClientUUID    UUID
	PeripheralServer     bool // the reader connects to the holder
	PeripheralServerUUID UUID
	Address              []byte // 6 bytes, or 7 with the address type; nil when absent
	PSM                  uint16 // L2CAP; 0 when absent
}

// parseBLE reads BleOptions. A mode that is announced without its UUID is off,
// as wallets were seen to send it; no mode announced at all is refused.
func parseBLE(item []byte) (*BLE, error) {
	members, err := byNumber(item)
	if err != nil {
		return nil, err
	}
	b := &BLE{}
	announced := false
	for _, mode := range []struct {
		flag, uuid uint64
		on         *bool
		id         *UUID
	}{
		{blePeripheralServer, blePeripheralServerUUID, &b.PeripheralServer, &b.PeripheralServerUUID},
		{bleCentralClient, bleCentralClientUUID, &b.CentralClient, &b.CentralClientUUID},
	} {
		on, err := parseBool(members[mode.flag])
		if err != nil {
			return nil, fmt.Errorf("mode %d: %w", mode.flag, err)
		}
		announced = announced || on
		item, ok := members[mode.uuid]
		if !ok {
			continue
		}
		id, err := cbor.Bytes(item)
		if err != nil || len(id) != len(UUID{}) || UUID(id) == (UUID{}) {
			return nil, fmt.Errorf("%w: UUID of mode %d", ErrMalformed, mode.flag)
		}
		if on {
			*mode.on, *mode.id = true, UUID(id)
		}
	}
	if !announced {
		return nil, fmt.Errorf("%w: no mode", ErrMalformed)
	}
	return b, b.readExtras(members)
}

// readExtras reads address and PSM.
func (b *BLE) readExtras(members map[uint64]cbor.RawMessage) error {
	if item, ok := members[bleAddress]; ok {
		address, err := cbor.Bytes(item)
		if err != nil || len(address) != 6 && len(address) != 7 {
			return fmt.Errorf("%w: address", ErrMalformed)
		}
		b.Address = address
	}
	if item, ok := members[blePSM]; ok {
		psm, err := cbor.Uint(item)
		if err != nil || !validPSM(psm) {
			return fmt.Errorf("%w: PSM", ErrMalformed)
		}
		b.PSM = uint16(psm)
	}
	return nil
}

// validPSM reports whether psm is a dynamic one of LE (Bluetooth Core, volume 3,
// part A, 4.22).
func validPSM(psm uint64) bool {
	return psm >= 0x80 && psm <= 0xff
}

// build encodes the options.
func (b *BLE) build(rand io.Reader) (map[int]any, error) {
	options := map[int]any{blePeripheralServer: b.PeripheralServer, bleCentralClient: b.CentralClient}
	for _, mode := range []struct {
		on   bool
		key  int
		uuid UUID
	}{
		{b.PeripheralServer, blePeripheralServerUUID, b.PeripheralServerUUID},
		{b.CentralClient, bleCentralClientUUID, b.CentralClientUUID},
	} {
		if !mode.on {
			continue
		}
		if mode.uuid == (UUID{}) {
			if _, err := io.ReadFull(rand, mode.uuid[:]); err != nil {
				return nil, fmt.Errorf("drawing a UUID: %w", err)
			}
			mode.uuid[6] = mode.uuid[6]&0x0f | 0x40 // RFC 9562, 5.4: version 4
			mode.uuid[8] = mode.uuid[8]&0x3f | 0x80
		}
		options[mode.key] = mode.uuid[:]
	}
	if b.Address != nil {
		options[bleAddress] = b.Address
	}
	if b.PSM != 0 {
		options[blePSM] = b.PSM
	}
	return options, nil
}
