package handover

import (
	"fmt"
	"slices"

	"vidimus/internal/proximity"
)

// Types of well-known records.
const (
	typeSelect    = "Hs"
	typeRequest   = "Hr"
	typeCarrier   = "ac"
	typeCollision = "cr"
	typeError     = "err"
)

// version 1.5 is written; every 1.x is read.
const (
	version      = 0x15
	majorVersion = 1
)

// alternative is an alternative carrier record: what it refers to.
type alternative struct {
	power     Power
	carrier   string
	auxiliary []string
}

// parsed is a handover message, taken apart.
type parsed struct {
	alternatives []alternative
	others       []Record // within the handover record, besides the alternatives
	records      []Record // after the handover record
}

// parse reads a handover message of one kind.
func parse(message []byte, kind string) (*parsed, error) {
	records, err := ParseRecords(message)
	if err != nil {
		return nil, err
	}
	first := records[0]
	if first.kind() != kind || first.Format != formatWellKnown {
		return nil, fmt.Errorf("%w: record %.32q instead of %s", proximity.ErrMalformed, first.Type, kind)
	}
	if len(first.Payload) == 0 {
		return nil, fmt.Errorf("%w: %s without a version", proximity.ErrMalformed, kind)
	}
	if v := first.Payload[0]; v>>4 != majorVersion {
		return nil, fmt.Errorf("%w: handover version %d.%d", proximity.ErrUnsupported, v>>4, v&0x0f)
	}
	p := &parsed{records: records[1:]}
	if err := p.readAlternatives(first.Payload[1:]); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return p, p.checkIDs(first)
}

// readAlternatives reads the message within the handover record, which may be
// empty: nothing is offered then.
func (p *parsed) readAlternatives(message []byte) error {
	if len(message) == 0 {
		return nil
	}
	records, err := ParseRecords(message)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Format != formatWellKnown || r.Type != typeCarrier {
			p.others = append(p.others, r)
			continue
		}
		a, err := parseAlternative(r.Payload)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.alternatives, func(other alternative) bool { return other.carrier == a.carrier }) {
			return fmt.Errorf("%w: carrier %.32q twice", proximity.ErrMalformed, a.carrier)
		}
		p.alternatives = append(p.alternatives, a)
	}
	return nil
}

// parseAlternative reads power state, carrier reference, auxiliary references.
func parseAlternative(payload []byte) (alternative, error) {
	c := cutter{b: payload}
	power := c.byte()
	a := alternative{power: Power(power), carrier: c.text()}
	n := int(c.byte())
	if n > MaxAuxiliary {
		return alternative{}, fmt.Errorf("%w: %d auxiliary references, at most %d", proximity.ErrLimit, n, MaxAuxiliary)
	}
	for range n {
		a.auxiliary = append(a.auxiliary, c.text())
	}
	if c.short || len(c.b) > 0 || power > byte(PowerUnknown) || a.carrier == "" {
		return alternative{}, fmt.Errorf("%w: alternative carrier %x", proximity.ErrMalformed, payload[:min(len(payload), 16)])
	}
	return a, nil
}

func (a alternative) record() (Record, error) {
	if a.carrier == "" || len(a.carrier) > 255 {
		return Record{}, fmt.Errorf("%w: carrier without an id", proximity.ErrMalformed)
	}
	payload := append([]byte{byte(a.power), byte(len(a.carrier))}, a.carrier...)
	payload = append(payload, byte(len(a.auxiliary)))
	for _, id := range a.auxiliary {
		payload = append(append(payload, byte(len(id))), id...)
	}
	return Record{Format: formatWellKnown, Type: typeCarrier, Payload: payload}, nil
}

// checkIDs refuses two records of one id, and a second handover record.
func (p *parsed) checkIDs(first Record) error {
	seen := map[string]bool{first.ID: first.ID != ""}
	for _, r := range p.records {
		if r.Format == formatWellKnown && (r.Type == typeSelect || r.Type == typeRequest) {
			return fmt.Errorf("%w: second handover record", proximity.ErrMalformed)
		}
		if r.ID != "" && seen[r.ID] {
			return fmt.Errorf("%w: two records with the id %.32q", proximity.ErrMalformed, r.ID)
		}
		seen[r.ID] = true
	}
	return nil
}

// record returns the one with an id.
func (p *parsed) record(id string) (Record, error) {
	for _, r := range p.records {
		if r.ID == id && id != "" {
			return r, nil
		}
	}
	return Record{}, fmt.Errorf("%w: reference to the id %.32q, which no record has", proximity.ErrMalformed, id)
}

// ofType returns the only record of an external type, nil when there is none.
func (p *parsed) ofType(kind string) (found *Record, err error) {
	for _, r := range p.records {
		if r.Format != formatExternal || r.kind() != kind {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: two records of the type %s", proximity.ErrMalformed, kind)
		}
		found = &r
	}
	return found, nil
}

// carriers resolves the references.
func (p *parsed) carriers() ([]Carrier, error) {
	var out []Carrier
	for _, a := range p.alternatives {
		r, err := p.record(a.carrier)
		if err != nil {
			return nil, err
		}
		if kind := r.kind(); kind == typeDevice || kind == typeReader || r.Format != formatMIME && r.Format != formatExternal {
			return nil, fmt.Errorf("%w: %.32q is no carrier", proximity.ErrMalformed, a.carrier)
		}
		c, err := parseCarrier(r)
		if err != nil {
			return nil, err
		}
		c.Power = a.power
		out = append(out, c)
	}
	return out, nil
}

// build writes a handover message: inner are the records before the alternatives
// within the handover record, auxiliary is what every alternative refers to.
func build(kind string, inner []Record, carriers []Carrier, auxiliary *Record) ([]byte, error) {
	var configurations []Record
	for _, c := range carriers {
		a := alternative{power: c.Power, carrier: c.ID}
		if auxiliary != nil {
			a.auxiliary = []string{auxiliary.ID}
		}
		r, err := a.record()
		if err != nil {
			return nil, err
		}
		inner = append(inner, r)
		if r, err = c.record(); err != nil {
			return nil, err
		}
		configurations = append(configurations, r)
	}
	payload, err := appendRecords([]byte{version}, inner...)
	if err != nil {
		return nil, err
	}
	records := append([]Record{{Format: formatWellKnown, Type: kind, Payload: payload}}, configurations...)
	if auxiliary != nil {
		records = append(records, *auxiliary)
	}
	return appendRecords(nil, records...)
}
