package handover

import (
	"bytes"
	"crypto/rand"
	"errors"
	"reflect"
	"testing"

	"vidimus/internal/proximity"
)

func sentinel(err error) bool {
	for _, known := range []error{proximity.ErrMalformed, proximity.ErrLimit, proximity.ErrUnsupported} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// FuzzHandover: a refusal returns nothing and is of a known class; records that
// are read are written and read back the same; an engagement keeps both messages
// as they came, and they are in its transcript.
func FuzzHandover(f *testing.F) {
	v := annexD(f)
	f.Add(v["nfc_handover_request"])
	f.Add(v["nfc_handover_select"])
	f.Add(goodParts(f).message(f))
	f.Add(ServiceSelect())
	f.Add(StatusMessage(0))
	nfc := Carrier{ID: "nfc", Power: Active, NFC: &NFC{MaxCommand: 65535, MaxResponse: 65536}}
	e := newEngagement(f)
	if err := Offer(e, nil, nfc, Carrier{ID: "0", Power: Activating, BLE: &BLE{Role: CentralPreferred, UUID: serviceID, Address: make([]byte, 7)}}); err != nil {
		f.Fatal(err)
	}
	f.Add(e.Handover.Select)
	asked, err := ParseRequest(v["nfc_handover_request"])
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		records, err := ParseRecords(message)
		if err != nil {
			if records != nil || !sentinel(err) {
				t.Fatalf("%+v, %v", records, err)
			}
		} else {
			written, err := appendRecords(nil, records...)
			if err != nil || len(written) > len(message) {
				t.Fatalf("%x, %v", written, err)
			}
			again, err := ParseRecords(written)
			if err != nil || !reflect.DeepEqual(again, records) {
				t.Fatalf("%+v, %v", again, err)
			}
		}
		if q, err := ParseRequest(message); err != nil {
			if q != nil || !sentinel(err) {
				t.Fatalf("%+v, %v", q, err)
			}
		} else {
			if !bytes.Equal(q.Raw, message) {
				t.Fatal("not as received")
			}
			again, err := NewRequest(bytes.NewReader([]byte{1, 2}), q.Carriers...)
			if err != nil || !reflect.DeepEqual(again.Carriers, q.Carriers) {
				t.Fatalf("%+v, %v", again, err)
			}
		}
		for _, request := range []*Request{nil, asked} {
			e, err := readSelect(message, request)
			if err != nil {
				if e != nil || !sentinel(err) {
					t.Fatalf("%+v, %v", e, err)
				}
				continue
			}
			if !bytes.Equal(e.Handover.Select, message) || (e.Handover.Request == nil) != (request == nil) {
				t.Fatalf("%+v", e.Handover)
			}
			if r, err := proximity.NewReader(e, rand.Reader); err == nil && !bytes.Contains(r.Transcript(), message) {
				t.Fatal("the transcript holds other bytes")
			}
		}
		for _, err := range []error{ParseServiceSelect(message), ParseStatus(message)} {
			if err != nil && !sentinel(err) {
				t.Fatal(err)
			}
		}
		if p, err := FindService(message); err != nil && (p != nil || !sentinel(err)) || err == nil && p.Service != Service {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}
