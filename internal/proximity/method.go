package proximity

import (
	"fmt"

	"vidimus/internal/cbor"
)

// Types of retrieval methods (8.2.1.1, table 1).
const (
	MethodNFC       = 1
	MethodBLE       = 2
	MethodWiFiAware = 3

	methodVersion1 = 1
)

// Method is one way to reach the holder.
type Method struct {
	Type, Version uint64
	BLE           *BLE            // for MethodBLE, version 1; nil for others
	Options       cbor.RawMessage // the options as received
}

// parseMethods reads the retrieval methods; each (type, version) stands once.
func parseMethods(item []byte) ([]Method, error) {
	items, err := cbor.ArrayItems(item)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%w: none", ErrMalformed)
	}
	if len(items) > MaxMethods {
		return nil, fmt.Errorf("%w: %d, at most %d", ErrLimit, len(items), MaxMethods)
	}
	methods := make([]Method, len(items))
	seen := map[[2]uint64]bool{}
	for i, item := range items {
		m, err := parseMethod(item)
		if err != nil {
			return nil, err
		}
		if id := [2]uint64{m.Type, m.Version}; seen[id] {
			return nil, fmt.Errorf("%w: method %d version %d twice", ErrMalformed, m.Type, m.Version)
		} else {
			seen[id] = true
		}
		methods[i] = *m
	}
	return methods, nil
}

// parseMethod reads [type, version, options].
func parseMethod(item []byte) (*Method, error) {
	parts, err := cbor.ArrayItems(item)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(parts) < 3 {
		return nil, fmt.Errorf("%w: method of %d parts", ErrMalformed, len(parts))
	}
	m := &Method{Options: parts[2]}
	if m.Type, err = cbor.Uint(parts[0]); err != nil {
		return nil, fmt.Errorf("%w: type: %w", ErrMalformed, err)
	}
	if m.Version, err = cbor.Uint(parts[1]); err != nil {
		return nil, fmt.Errorf("%w: version: %w", ErrMalformed, err)
	}
	if m.Type == MethodBLE && m.Version == methodVersion1 {
		if m.BLE, err = parseBLE(parts[2]); err != nil {
			return nil, fmt.Errorf("BLE: %w", err)
		}
	}
	return m, nil
}

// BLE returns the BLE options of the engagement, or ErrUnsupported when the
// holder offers none that can be used: the caller says which methods it does.
func (e *Engagement) BLE() (*BLE, error) {
	for _, m := range e.Methods {
		if m.BLE != nil && (m.BLE.CentralClient || m.BLE.PeripheralServer) {
			return m.BLE, nil
		}
	}
	return nil, fmt.Errorf("%w: no BLE among %d retrieval methods", ErrUnsupported, len(e.Methods))
}
