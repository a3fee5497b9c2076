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
	Event string `json:"event"` // person-put, ...
	// Person is the person number; for events about a document also the
	// document number, for wallet-unit-revoked the wallet unit.
	Person string `json:"person"`
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
	err := dec.Decode(v)
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && kind.Field != "" {
		return fmt.Errorf("%s: %s is wanted, got a %s", kind.Field, kind.Type, kind.Value)
	}
	return err
}

// event reads the payload into what the client signs.
func (e FileEvent) event() (registryclient.Event, error) {
	out := registryclient.Event{Subject: e.Person, Seq: e.Seq, Prev: e.Prev, Decision: e.Decision}
	var err error
	read, known := payloads[e.Event]
	if !known {
		return registryclient.Event{}, fmt.Errorf("no event %q; there are %v", e.Event, document.Names())
	}
	out.Payload, err = read(e.Payload)
	if err != nil {
		return registryclient.Event{}, err
	}
	if e.Person == "" {
		return registryclient.Event{}, errors.New("person is missing")
	}
	if e.TOE != "" {
		if out.Effective, err = time.Parse(time.RFC3339, e.TOE); err != nil {
			return registryclient.Event{}, fmt.Errorf("toe: %q is no time such as 2027-01-31T00:00:00Z", e.TOE)
		}
	}
	return out, nil
}

// payloads read what an event says, by its name.
var payloads = map[string]func(json.RawMessage) (registryclient.Payload, error){
	document.NamePersonPut:           payload[registryclient.PersonPut],
	document.NamePersonDied:          payload[registryclient.PersonDied],
	document.NamePersonMerged:        payload[registryclient.PersonMerged],
	document.NamePersonSplit:         payload[registryclient.PersonSplit],
	document.NameEntitlementPut:      payload[registryclient.EntitlementPut],
	document.NameMeasureAdded:        payload[registryclient.MeasureAdded],
	document.NameMeasureLifted:       payload[registryclient.MeasureLifted],
	document.NameMeasureCorrected:    payload[registryclient.MeasureCorrected],
	document.NameDocumentPut:         payload[registryclient.DocumentPut],
	document.NameDocumentSurrendered: payload[registryclient.DocumentSurrendered],
	document.NameDocumentAnnulled:    payload[registryclient.DocumentAnnulled],
	document.NameDocumentCarrierLost: payload[registryclient.DocumentCarrierLost],
	document.NameWalletLost:          payload[registryclient.WalletLost],
	document.NameWalletUnitRevoked:   payload[registryclient.WalletUnitRevoked],
	document.NameAppealUpheld:        payload[registryclient.AppealUpheld],
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
