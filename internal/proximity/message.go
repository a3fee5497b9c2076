package proximity

import (
	"fmt"

	"vidimus/internal/cbor"
)

// Status codes of SessionData (9.1.1.4, table 20). Each ends the session.
const (
	StatusEncryption  uint64 = 10
	StatusCBOR        uint64 = 11
	StatusTermination uint64 = 20
)

func statusName(status uint64) string {
	switch status {
	case StatusEncryption:
		return "session encryption error"
	case StatusCBOR:
		return "CBOR decoding error"
	case StatusTermination:
		return "session termination"
	}
	return "unknown"
}

// StatusMessage returns a SessionData with a status and no data.
func StatusMessage(status uint64) []byte {
	return cbor.MustMarshal(map[string]uint64{"status": status})
}

// sessionEstablishment is the reader's first message.
type sessionEstablishment struct {
	readerKey []byte // EReaderKeyBytes, the tag-24 item as received
	data      []byte
}

func (m sessionEstablishment) build() []byte {
	return cbor.MustMarshal(map[string]any{"eReaderKey": cbor.RawMessage(m.readerKey), "data": m.data})
}

// parseEstablishment reads a SessionEstablishment; unknown members are ignored.
func parseEstablishment(message []byte) (*sessionEstablishment, error) {
	members, err := byName(message, MaxRequest+4096)
	if err != nil {
		return nil, fmt.Errorf("parsing SessionEstablishment: %w", err)
	}
	m := &sessionEstablishment{readerKey: members["eReaderKey"]}
	if m.readerKey == nil {
		return nil, fmt.Errorf("parsing SessionEstablishment: %w: no eReaderKey", ErrMalformed)
	}
	if m.data, err = cbor.Bytes(members["data"]); err != nil {
		return nil, fmt.Errorf("parsing SessionEstablishment: %w: data: %w", ErrMalformed, err)
	}
	return m, nil
}

// sessionData is every later message of either side.
type sessionData struct {
	data   []byte  // nil when absent
	status *uint64 // nil when absent
}

func (m sessionData) build() []byte {
	members := map[string]any{}
	if m.data != nil {
		members["data"] = m.data
	}
	if m.status != nil {
		members["status"] = *m.status
	}
	return cbor.MustMarshal(members)
}

// parseSessionData reads a SessionData with data, status or both; unknown
// members are ignored. Statuses 10 and 11 exclude data (9.1.1.4).
func parseSessionData(message []byte) (*sessionData, error) {
	members, err := byName(message, MaxMessage)
	if err != nil {
		return nil, fmt.Errorf("parsing SessionData: %w", err)
	}
	m := &sessionData{}
	if item, ok := members["data"]; ok {
		if m.data, err = cbor.Bytes(item); err != nil {
			return nil, fmt.Errorf("parsing SessionData: %w: data: %w", ErrMalformed, err)
		}
	}
	if item, ok := members["status"]; ok {
		status, err := cbor.Uint(item)
		if err != nil {
			return nil, fmt.Errorf("parsing SessionData: %w: status: %w", ErrMalformed, err)
		}
		m.status = &status
	}
	switch {
	case m.data == nil && m.status == nil:
		return nil, fmt.Errorf("parsing SessionData: %w: neither data nor status", ErrMalformed)
	case m.data != nil && m.status != nil && (*m.status == StatusEncryption || *m.status == StatusCBOR):
		return nil, fmt.Errorf("parsing SessionData: %w: data beside status %d", ErrMalformed, *m.status)
	}
	return m, nil
}

// byName reads a map and keeps its text keys.
func byName(message []byte, max int) (map[string]cbor.RawMessage, error) {
	if len(message) > max {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrLimit, len(message), max)
	}
	entries, err := cbor.MapEntries(message)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	members := make(map[string]cbor.RawMessage, len(entries))
	for _, entry := range entries {
		if name, err := cbor.Text(entry.Key); err == nil {
			members[name] = entry.Value
		}
	}
	return members, nil
}
