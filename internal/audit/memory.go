package audit

import (
	"bytes"
	"context"
	"maps"
	"sync"
)

// Memory keeps a record in memory, for tests and the demo. The zero value is
// an empty record. Its pseudonyms are made with a key that everybody knows.
type Memory struct {
	mu    sync.Mutex
	head  Head
	lines [][]byte
	all   []Event
	// Fail, when set, is returned by Append instead of recording.
	Fail error
}

// Append records the event.
func (m *Memory) Append(ctx context.Context, e Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	written, err := Pseudonymise(e, fixedKey{})
	if err != nil {
		return err
	}
	raw, next, err := m.head.Next(written)
	if err != nil {
		return err
	}
	e.Detail = maps.Clone(e.Detail)
	m.lines, m.all, m.head = append(m.lines, raw), append(m.all, e), next
	return nil
}

// Events gives what was recorded, in order, each as it was appended: with its
// Person.
func (m *Memory) Events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Event(nil), m.all...)
}

// Head gives the end of the record.
func (m *Memory) Head() Head {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head
}

// Bytes gives the record as a file would hold it.
func (m *Memory) Bytes() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b bytes.Buffer
	for _, l := range m.lines {
		b.Write(l)
		b.WriteByte('\n')
	}
	return b.Bytes()
}
