package handover

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/proximity"
)

// annexD are values of ISO/IEC 18013-5, Annex D by name.
func annexD(t testing.TB) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile("../../../testdata/annex-d/annex-d.json")
	if err != nil {
		t.Fatal(err)
	}
	type value struct {
		Hex string `json:"hex"`
	}
	var file struct {
		Vectors, Derived map[string]value
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	values := map[string][]byte{}
	for _, group := range []map[string]value{file.Vectors, file.Derived} {
		for name, v := range group {
			if values[name], err = hex.DecodeString(v.Hex); err != nil {
				t.Fatal(err)
			}
		}
	}
	return values
}

// The negotiated handover of Annex D.3, from both sides, byte by byte.
func TestAnnexD(t *testing.T) {
	v := annexD(t)
	q, err := ParseRequest(v["nfc_handover_request"])
	if err != nil {
		t.Fatal(err)
	}
	if len(q.Carriers) != 3 || q.Carriers[0].BLE == nil || q.Carriers[1].NFC == nil || q.Carriers[2].Other == nil || q.ReaderVersion != "" {
		t.Fatalf("%+v", q)
	}
	ble := q.Carriers[0].BLE
	if ble.Role != PeripheralPreferred || ble.UUID.String() != "3a82d455-d5fc-4db3-bea0-6fd2f6ff32c8" || !bytes.Equal(ble.Address, []byte{0x28, 0x07, 0x80, 0x80, 0xbf, 0x28, 1}) {
		t.Errorf("%+v", ble)
	}
	made, err := NewRequest(bytes.NewReader([]byte{1, 2}), q.Carriers...)
	if err != nil || !bytes.Equal(made.Raw, v["nfc_handover_request"]) {
		t.Errorf("Handover Request %+v, %v", made, err)
	}

	e, err := q.Select(v["nfc_handover_select"])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.DeviceKeyBytes, v["e_device_key_bytes"]) || e.Version != "1.0" || len(e.Warnings) != 0 {
		t.Errorf("%+v", e)
	}
	reached, err := e.BLE()
	if err != nil || !reached.CentralClient || reached.PeripheralServer || reached.CentralClientUUID != ble.UUID {
		t.Errorf("BLE %+v, %v", reached, err)
	}

	offered, err := proximity.ParseEngagement(e.Raw)
	if err != nil {
		t.Fatal(err)
	}
	record := BLE{Role: CentralOnly, Address: []byte{0x28, 0x12, 0x8b, 0x37, 0x28, 0x28, 1}}
	if err := Offer(offered, q, Carrier{ID: "0", Power: Active, BLE: &record}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(offered.Handover.Select, v["nfc_handover_select"]) || len(offered.Methods) != 1 {
		t.Errorf("Handover Select %x", offered.Handover.Select)
	}

	// The session of D.5 over it.
	private, err := ecdh.P256().NewPrivateKey(v["ephemeral_device_key_d"])
	if err != nil {
		t.Fatal(err)
	}
	h, err := proximity.NewHolder(offered, private)
	if err != nil {
		t.Fatal(err)
	}
	request, err := h.Accept(v["session_establishment"])
	if err != nil || !bytes.Equal(request, v["device_request"]) || !bytes.Equal(h.Transcript().Bytes(), v["session_transcript_bytes"]) {
		t.Errorf("%x, %v", request, err)
	}
	r, err := proximity.NewReader(e, bytes.NewReader(bytes.Repeat([]byte{1}, 128)))
	if err != nil {
		t.Fatal(err)
	}
	items, err := cbor.ArrayItems(r.Transcript())
	if err != nil {
		t.Fatal(err)
	}
	if want, err := cbor.ArrayItems(h.Transcript()); err != nil || !bytes.Equal(items[0], want[0]) || !bytes.Equal(items[2], want[2]) {
		t.Errorf("transcript %x, %v", r.Transcript(), err)
	}
}
