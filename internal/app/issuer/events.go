package issuer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/document"
	"vidimus/internal/jose"
)

// FileEvent is one event as a file of `registry send` holds it.
type FileEvent struct {
	Event  string `json:"event"`  // person-put, ...
	Person string `json:"person"` // person number; for document-annulled also the document number
	// Seq and Prev are as in registryclient.Event; without Seq the next one.
	Seq  uint64  `json:"seq,omitempty"`
	Prev *uint64 `json:"prev,omitempty"`
	// TOE is when the fact took effect, RFC 3339.
	TOE      string          `json:"toe,omitempty"`
	Decision string          `json:"decision,omitempty"`
	Payload  json.RawMessage `json:"payload"`
}

// maxEventFile bounds a file of events: 1,000 people with portraits.
const maxEventFile = 64 << 20

// ParseEvents reads one event, or a list of them.
func ParseEvents(data []byte) ([]FileEvent, error) {
	if text := bytes.TrimSpace(data); len(text) > 0 && text[0] == '[' {
		var many []FileEvent
		err := strictJSON(data, &many)
		return many, err
	}
	var one FileEvent
	if err := strictJSON(data, &one); err != nil {
		return nil, err
	}
	return []FileEvent{one}, nil
}

// strictJSON refuses double and unknown members: a misspelt fact must not be
// lost on its way.
func strictJSON(data []byte, v any) error {
	if err := jose.CheckJSON(data, maxEventFile); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	return dec.Decode(v)
}

// event reads the payload into what the client signs.
func (e FileEvent) event() (registryclient.Event, error) {
	out := registryclient.Event{Subject: e.Person, Seq: e.Seq, Prev: e.Prev, Decision: e.Decision}
	var err error
	switch e.Event {
	case document.NamePersonPut:
		out.Payload, err = payload[registryclient.PersonPut](e.Payload)
	case document.NameEntitlementPut:
		out.Payload, err = payload[registryclient.EntitlementPut](e.Payload)
	case document.NameDocumentPut:
		out.Payload, err = payload[registryclient.DocumentPut](e.Payload)
	case document.NameDocumentAnnulled:
		out.Payload, err = payload[registryclient.DocumentAnnulled](e.Payload)
	default:
		err = fmt.Errorf("no event %q; there are %v", e.Event, document.Names())
	}
	if err != nil {
		return registryclient.Event{}, err
	}
	if e.Person == "" {
		return registryclient.Event{}, errors.New("person is missing")
	}
	if e.TOE != "" {
		if out.Effective, err = time.Parse(time.RFC3339, e.TOE); err != nil {
			return registryclient.Event{}, fmt.Errorf("toe: %w", err)
		}
	}
	return out, nil
}

func payload[P registryclient.Payload](raw json.RawMessage) (registryclient.Payload, error) {
	var p P
	if len(raw) == 0 {
		return nil, errors.New("payload is missing")
	}
	if err := strictJSON(raw, &p); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return p, nil
}
