package handover

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"vidimus/internal/proximity"
)

func TestService(t *testing.T) {
	p := &Parameter{Version: 0x10, Service: Service, WaitingTime: 8, Extensions: 15, MaxMessage: 0xffff}
	message, err := p.Message()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := FindService(message); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := ParseServiceSelect(ServiceSelect()); err != nil {
		t.Error(err)
	}
	if want := append([]byte{0xd1, 2, 20, 'T', 's', 19}, Service...); !bytes.Equal(ServiceSelect(), want) {
		t.Errorf("%x", ServiceSelect())
	}
	if err := ParseStatus(StatusMessage(0)); err != nil {
		t.Error(err)
	}
}

// What stands before a negotiated handover, with the wrong service (bad input Q13).
func TestBadService(t *testing.T) {
	parameter := func(change func(p *Parameter)) []byte {
		p := &Parameter{Version: 0x10, Service: Service, WaitingTime: 8, Extensions: 15, MaxMessage: 0xffff}
		change(p)
		message, err := p.Message()
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	find := func(message []byte) error { _, err := FindService(message); return err }
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"Q13/other_service":  {find(parameter(func(p *Parameter) { p.Service = "urn:nfc:sn:snep" })), proximity.ErrUnsupported},
		"Q13/of_case":        {find(parameter(func(p *Parameter) { p.Service = "URN:nfc:sn:handover" })), proximity.ErrUnsupported},
		"Q13/version_2":      {find(parameter(func(p *Parameter) { p.Version = 0x20 })), proximity.ErrUnsupported},
		"Q13/waiting":        {find(parameter(func(p *Parameter) { p.WaitingTime = 64 })), proximity.ErrMalformed},
		"Q13/extensions":     {find(parameter(func(p *Parameter) { p.Extensions = 16 })), proximity.ErrMalformed},
		"Q13/no_name":        {find(parameter(func(p *Parameter) { p.Service = "" })), proximity.ErrMalformed},
		"Q13/short":          {find(joined(t, wellKnown(typeParameter, []byte{0x10, 200, 'u'}))), proximity.ErrMalformed},
		"Q13/no_parameter":   {find(goodParts(t).message(t)), proximity.ErrUnsupported},
		"Q13/no_message":     {find(nil), proximity.ErrMalformed},
		"Q13/select_other":   {ParseServiceSelect(joined(t, wellKnown(typeServiceSelect, append([]byte{15}, "urn:nfc:sn:snep"...)))), proximity.ErrUnsupported},
		"Q13/select_short":   {ParseServiceSelect(joined(t, wellKnown(typeServiceSelect, []byte{15, 'u'}))), proximity.ErrMalformed},
		"Q13/select_long":    {ParseServiceSelect(joined(t, wellKnown(typeServiceSelect, append(append([]byte{19}, Service...), 0)))), proximity.ErrMalformed},
		"Q13/select_two":     {ParseServiceSelect(joined(t, wellKnown(typeServiceSelect, append([]byte{19}, Service...)), Record{})), proximity.ErrMalformed},
		"Q13/select_status":  {ParseServiceSelect(StatusMessage(0)), proximity.ErrMalformed},
		"Q13/status_1":       {ParseStatus(StatusMessage(1)), proximity.ErrUnsupported},
		"Q13/status_long":    {ParseStatus(joined(t, wellKnown(typeStatus, []byte{0, 0}))), proximity.ErrMalformed},
		"Q13/status_nothing": {ParseStatus(nil), proximity.ErrMalformed},
		"Q13/select_nothing": {ParseServiceSelect(nil), proximity.ErrMalformed},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}
