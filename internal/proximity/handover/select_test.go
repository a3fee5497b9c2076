package handover

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
)

// What a holder's carriers mean as retrieval methods, and whose UUID counts.
func TestMethods(t *testing.T) {
	other := proximity.UUID{1, 2, 3}
	ble := func(role Role, id proximity.UUID) Carrier {
		return Carrier{ID: "0", Power: Active, BLE: &BLE{Role: role, UUID: id}}
	}
	none := proximity.UUID{}
	for name, c := range map[string]struct {
		asked   *BLE // nil: static
		offered Carrier
		central proximity.UUID
		server  proximity.UUID
	}{
		"static, peripheral":            {nil, ble(PeripheralOnly, serviceID), none, serviceID},
		"static, central":               {nil, ble(CentralOnly, serviceID), serviceID, none},
		"static, both":                  {nil, ble(CentralPreferred, serviceID), serviceID, serviceID},
		"static, no UUID":               {nil, ble(PeripheralPreferred, none), none, none},
		"negotiated, both, two UUIDs":   {&BLE{Role: CentralPreferred, UUID: other}, ble(PeripheralPreferred, serviceID), other, serviceID},
		"negotiated, both, reader's":    {&BLE{Role: CentralPreferred, UUID: other}, ble(PeripheralPreferred, none), other, other},
		"negotiated, both, holder's":    {&BLE{Role: CentralPreferred}, ble(PeripheralPreferred, serviceID), serviceID, serviceID},
		"negotiated, reader is central": {&BLE{Role: CentralOnly, UUID: other}, ble(PeripheralPreferred, serviceID), none, serviceID},
		"negotiated, reader is server":  {&BLE{Role: PeripheralOnly, UUID: other}, ble(PeripheralPreferred, serviceID), other, none},
	} {
		t.Run(name, func(t *testing.T) {
			var q *Request
			if c.asked != nil {
				var err error
				if q, err = NewRequest(rand.Reader, Carrier{ID: "b", Power: Active, BLE: c.asked}); err != nil {
					t.Fatal(err)
				}
			}
			e := newEngagement(t)
			if err := Offer(e, q, c.offered); err != nil {
				t.Fatal(err)
			}
			got, err := e.BLE()
			if c.central == none && c.server == none {
				if !errors.Is(err, proximity.ErrUnsupported) {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err != nil || got.CentralClient != (c.central != none) || got.CentralClientUUID != c.central ||
				got.PeripheralServer != (c.server != none) || got.PeripheralServerUUID != c.server {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// Kinds that are not BLE are named; what is switched off or unknown is not.
func TestOtherMethods(t *testing.T) {
	e := newEngagement(t)
	err := Offer(e, nil,
		Carrier{ID: "n", Power: Active, NFC: &NFC{}},
		Carrier{ID: "w", Power: PowerUnknown, Other: &Record{Format: formatMIME, Type: typeWiFi}},
		Carrier{ID: "0", Power: Inactive, BLE: &BLE{UUID: serviceID}},
		Carrier{ID: "x", Power: Active, Other: &Record{Format: formatExternal, Type: "example.org:carrier"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Methods) != 2 || e.Methods[0].Type != proximity.MethodNFC || e.Methods[1].Type != proximity.MethodWiFiAware {
		t.Errorf("%+v", e.Methods)
	}
	if _, err := e.BLE(); !errors.Is(err, proximity.ErrUnsupported) {
		t.Error(err)
	}
}

// An engagement for a QR code within a handover: the carriers count, and it is said.
func TestMethodsTwice(t *testing.T) {
	p := goodParts(t)
	e, _, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{PeripheralServer: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.engagement.Payload = e.Raw
	got, err := Static(p.message(t))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := got.BLE(); err != nil || !b.CentralClient || b.PeripheralServer || len(got.Warnings) != 1 {
		t.Errorf("%+v, %v, %q", b, err, got.Warnings)
	}
}

// What cannot be written is an error, not another message.
func TestOfferRefuses(t *testing.T) {
	for name, carriers := range map[string][]Carrier{
		"no kind":      {{ID: "0", Power: Active}},
		"no id":        {{Power: Active, NFC: &NFC{}}},
		"two of an id": {{ID: "0", Power: Active, NFC: &NFC{}}, {ID: "0", Power: Active, BLE: &BLE{}}},
		"the mdoc id":  {{ID: idDevice, Power: Active, NFC: &NFC{}}},
		"role":         {{ID: "0", Power: Active, BLE: &BLE{Role: 4}}},
		"address":      {{ID: "0", Power: Active, BLE: &BLE{Address: make([]byte, 6)}}},
		"too large":    {{ID: "0", Power: Active, Other: &Record{Format: formatMIME, Type: "a/b", Payload: make([]byte, MaxMessage)}}},
		"nothing":      nil,
	} {
		e := newEngagement(t)
		if err := Offer(e, nil, carriers...); err == nil || e.Handover != nil || e.Methods != nil {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
	}
}

// A session that NFC opened, in both ways: both sides have the messages in their
// transcripts; a reader that saw another message decrypts nothing.
func TestSession(t *testing.T) {
	request := cbor.MustMarshal(map[string]any{"version": "1.0", "docRequests": []any{}})
	response := cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0})
	carrier := Carrier{ID: "0", Power: Active, BLE: &BLE{Role: CentralOnly, UUID: serviceID}}
	for _, negotiated := range []bool{false, true} {
		for _, tampered := range []bool{false, true} {
			e, private, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			var q *Request
			read := Static
			if negotiated {
				if q, err = NewRequest(rand.Reader, Carrier{ID: "r", Power: Active, BLE: &BLE{Role: PeripheralOnly, UUID: serviceID}}); err != nil {
					t.Fatal(err)
				}
				read = q.Select
			}
			if err := Offer(e, q, carrier); err != nil {
				t.Fatal(err)
			}
			seen, err := read(e.Handover.Select)
			if err != nil {
				t.Fatal(err)
			}
			if tampered {
				seen.Handover.Select[len(seen.Handover.Select)-1] ^= 1
			}
			r, err := proximity.NewReader(seen, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			h, err := proximity.NewHolder(e, private)
			if err != nil {
				t.Fatal(err)
			}
			rt, ht := proximity.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- proximity.RunHolder(t.Context(), ht, h, func(got []byte, transcript mdoc.SessionTranscript) ([]byte, error) {
					if !bytes.Contains(transcript, e.Handover.Select) {
						t.Error("transcript without the handover")
					}
					return response, nil
				})
			}()
			got, err := proximity.RunReader(t.Context(), rt, r, request)
			held := <-done
			if tampered {
				var status *proximity.StatusError
				if !errors.As(err, &status) || status.Status != proximity.StatusEncryption || got != nil || !errors.Is(held, proximity.ErrDecrypt) {
					t.Errorf("tampered: %x, %v; holder %v", got, err, held)
				}
			} else if err != nil || held != nil || !bytes.Equal(got, response) || !bytes.Equal(r.Transcript(), h.Transcript()) {
				t.Errorf("%x, %v; holder %v", got, err, held)
			}
		}
	}
}
