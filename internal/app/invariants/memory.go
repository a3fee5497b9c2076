package invariants

import (
	"encoding/json"
	"fmt"

	"vidimus/internal/jose"
)

// Memory is what one check tells the next: what must never go back. It is
// JSON, so that a program can keep it in a file.
type Memory struct {
	AuditSize uint64 `json:"audit_size"`
	AuditHash string `json:"audit_hash"` // of the last line, hex
	// Lists are the states of lists, by URI.
	Lists map[string]Seen `json:"lists"`
	// Attempts are the tries left, by the hex digest of the code.
	Attempts map[string]int `json:"attempts"`
}

// Seen is the state in which a list was seen.
type Seen struct {
	Version   uint64 `json:"version"`   // of the store
	Filed     uint64 `json:"filed"`     // version in the published folder
	Allocated int    `json:"allocated"` // indices
	// Issued is the newest iat that was served, Invalid what it said, a bit
	// per index, compressed by its being sparse: rising indices.
	Issued  int64    `json:"issued"`
	Invalid []uint32 `json:"invalid,omitempty"`
}

func newMemory() Memory { return Memory{Lists: map[string]Seen{}, Attempts: map[string]int{}} }

// maxMemory bounds a memory that is read back: lists with a million entries.
const maxMemory = 256 << 20

// ParseMemory reads what Memory.JSON wrote.
func ParseMemory(data []byte) (*Memory, error) {
	m := newMemory()
	if err := jose.DecodeJSONLimit(data, &m, maxMemory); err != nil {
		return nil, fmt.Errorf("reading the memory of an earlier check: %w", err)
	}
	return &m, nil
}

// JSON writes it down.
func (m *Memory) JSON() ([]byte, error) { return json.Marshal(m) }

// before gives the memory of the earlier check, empty when there was none.
func (x *examination) before() Memory {
	if x.Before == nil {
		return newMemory()
	}
	return *x.Before
}
