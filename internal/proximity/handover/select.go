package handover

import (
	"bytes"
	"fmt"

	"vidimus/internal/proximity"
)

// The record of the DeviceEngagement, which every carrier refers to.
const (
	typeDevice = "iso.org:18013:deviceengagement"
	idDevice   = "mdoc"
)

// Static reads the Handover Select of a static handover: the engagement with the
// methods of its carriers. raw is the NDEF message without the length that stands
// before it in a tag's file.
func Static(raw []byte) (*proximity.Engagement, error) {
	e, err := readSelect(bytes.Clone(raw), nil)
	if err != nil {
		return nil, fmt.Errorf("parsing Handover Select: %w", err)
	}
	return e, nil
}

// Select reads the holder's answer to this request in a negotiated handover: one
// carrier, of those that were asked for.
func (q *Request) Select(raw []byte) (*proximity.Engagement, error) {
	e, err := readSelect(bytes.Clone(raw), q)
	if err != nil {
		return nil, fmt.Errorf("parsing Handover Select: %w", err)
	}
	return e, nil
}

func readSelect(raw []byte, request *Request) (*proximity.Engagement, error) {
	p, err := parse(raw, typeSelect)
	if err != nil {
		return nil, err
	}
	for _, r := range p.others {
		if r.Format == formatWellKnown && r.Type == typeError {
			return nil, fmt.Errorf("%w: the holder reports the error %x", proximity.ErrUnsupported, r.Payload[:min(len(r.Payload), 4)])
		}
	}
	carriers, err := p.carriers()
	if err != nil {
		return nil, err
	}
	e, err := p.engagement()
	if err != nil {
		return nil, err
	}
	e.Handover = &proximity.Handover{Select: raw}
	if request != nil {
		e.Handover.Request = request.Raw
		if len(carriers) != 1 {
			return nil, fmt.Errorf("%w: %d carriers instead of one", proximity.ErrMalformed, len(carriers))
		}
		if !request.asksFor(carriers[0]) {
			return nil, fmt.Errorf("%w: a carrier that was not asked for", proximity.ErrMalformed)
		}
	}
	if len(carriers) == 0 {
		return nil, fmt.Errorf("%w: no carrier", proximity.ErrUnsupported)
	}
	if len(e.Methods) > 0 {
		e.Warnings = append(e.Warnings, "retrieval methods beside carrier records")
	}
	e.Methods = methods(carriers, request)
	return e, nil
}

// engagement reads the DeviceEngagement and checks that every carrier refers to it.
func (p *parsed) engagement() (*proximity.Engagement, error) {
	r, err := p.ofType(typeDevice)
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, fmt.Errorf("%w: no DeviceEngagement", proximity.ErrMalformed)
	case r.ID != idDevice:
		return nil, fmt.Errorf("%w: DeviceEngagement with the id %.32q", proximity.ErrMalformed, r.ID)
	}
	for _, a := range p.alternatives {
		found := false
		for _, id := range a.auxiliary {
			if _, err := p.record(id); err != nil {
				return nil, err
			}
			found = found || id == idDevice
		}
		if !found {
			return nil, fmt.Errorf("%w: carrier %.32q without DeviceEngagement", proximity.ErrMalformed, a.carrier)
		}
	}
	return proximity.ParseEngagement(r.Payload)
}

// methods are the retrieval methods that carriers stand for. Inactive ones are
// left out, and every further one of a kind.
func methods(carriers []Carrier, request *Request) []proximity.Method {
	var out []proximity.Method
	seen := map[uint64]bool{}
	for _, c := range carriers {
		m := proximity.Method{Version: 1}
		switch {
		case c.Power == Inactive:
			continue
		case c.BLE != nil:
			m.Type, m.BLE = proximity.MethodBLE, c.BLE.method(request.ble())
		case c.NFC != nil:
			m.Type = proximity.MethodNFC
		case c.Other != nil && c.Other.kind() == typeWiFi:
			m.Type = proximity.MethodWiFiAware
		default:
			continue
		}
		if !seen[m.Type] {
			out = append(out, m)
		}
		seen[m.Type] = true
	}
	return out
}

// Offer writes the holder's Handover Select for an engagement that was made
// without retrieval methods: it sets its Handover and Methods, as Static or Select
// read them. request is nil for a static handover; in a negotiated one there is
// one carrier. The message is e.Handover.Select.
func Offer(e *proximity.Engagement, request *Request, carriers ...Carrier) error {
	raw, err := build(typeSelect, nil, carriers, &Record{Format: formatExternal, Type: typeDevice, ID: idDevice, Payload: e.Raw})
	if err != nil {
		return fmt.Errorf("making Handover Select: %w", err)
	}
	made, err := readSelect(raw, request)
	if err != nil {
		return fmt.Errorf("making Handover Select: %w", err)
	}
	e.Handover, e.Methods = made.Handover, made.Methods
	return nil
}
