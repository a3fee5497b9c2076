package proximity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/cbor"
)

type qrVector struct {
	Source         string `json:"source"`
	URI            string `json:"uri"`
	Engagement     string `json:"device_engagement_hex"`
	DeviceKeyBytes string `json:"e_device_key_bytes_hex"`
	Ident          string `json:"ble_ident_hex"`
	Diagnostic     string `json:"diagnostic"`
}

func qrVectors(t testing.TB) []qrVector {
	t.Helper()
	data, err := os.ReadFile("testdata/qr/engagements.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Engagements []qrVector `json:"engagements"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Engagements) != 4 {
		t.Fatalf("%d engagements", len(file.Engagements))
	}
	return file.Engagements
}

func TestQRVectors(t *testing.T) {
	for _, v := range qrVectors(t) {
		t.Run(v.Source, func(t *testing.T) {
			e, err := ParseEngagementURI(v.URI)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(e.Raw, fromHex(t, v.Engagement)) || !bytes.Equal(e.DeviceKeyBytes, fromHex(t, v.DeviceKeyBytes)) {
				t.Errorf("engagement %x, key %x", e.Raw, e.DeviceKeyBytes)
			}
			if e.URI() != v.URI {
				t.Errorf("written again: %s", e.URI())
			}
			ident, err := e.Ident()
			if err != nil || !bytes.Equal(ident, fromHex(t, v.Ident)) {
				t.Errorf("Ident %x, %v", ident, err)
			}
			if e.Version != "1.0" || e.Capabilities != nil || e.Warnings != nil {
				t.Errorf("%+v", e)
			}
			ble, err := e.BLE()
			if err != nil {
				t.Fatal(err)
			}
			uuid := ble.PeripheralServerUUID
			if ble.CentralClient {
				uuid = ble.CentralClientUUID
			}
			if ble.CentralClient == ble.PeripheralServer || !strings.Contains(v.Diagnostic, strings.ReplaceAll(uuid.String(), "-", "")) {
				t.Errorf("%+v is not %s", ble, v.Diagnostic)
			}
			if got := cbor.Diagnose(e.Raw); got != v.Diagnostic {
				t.Errorf("diagnosis %s", got)
			}
		})
	}
}

func TestNewEngagement(t *testing.T) {
	for name, curve := range map[string]ecdh.Curve{"default": nil, "P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521(), "X25519": ecdh.X25519()} {
		t.Run(name, func(t *testing.T) {
			uuid := UUID{1, 2, 3}
			e, priv, err := NewEngagement(Options{
				Curve: curve,
				BLE:   &BLE{PeripheralServer: true, PeripheralServerUUID: uuid, CentralClient: true, Address: []byte{1, 2, 3, 4, 5, 6}, PSM: 0x81},
			}, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if pub, err := e.DeviceKey.ECDH(); err != nil || !pub.Equal(priv.PublicKey()) {
				t.Errorf("other key, %v", err)
			}
			if findings := cbor.Lint(e.Raw); findings != nil {
				t.Error(findings)
			}
			back, err := ParseEngagementURI(e.URI())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e.Methods, back.Methods); diff != "" || back.Version != "1.0" || !bytes.Equal(e.Raw, back.Raw) {
				t.Errorf("read back %+v\n%s", back, diff)
			}
			ble, err := back.BLE()
			if err != nil {
				t.Fatal(err)
			}
			if ble.PeripheralServerUUID != uuid || ble.PSM != 0x81 || len(ble.Address) != 6 || !ble.CentralClient ||
				ble.CentralClientUUID[6]>>4 != 4 || ble.CentralClientUUID[8]>>6 != 2 {
				t.Errorf("%+v", ble)
			}
		})
	}
}

// What a reader would refuse is not made.
func TestNewEngagementRefuses(t *testing.T) {
	for name, opt := range map[string]Options{
		"no mode": {BLE: &BLE{}},
		"address": {BLE: &BLE{CentralClient: true, Address: []byte{1}}},
		"PSM":     {BLE: &BLE{CentralClient: true, PSM: 5}},
	} {
		if e, priv, err := NewEngagement(opt, rand.Reader); !errors.Is(err, ErrMalformed) || e != nil || priv != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if e, _, err := NewEngagement(Options{BLE: &BLE{CentralClient: true}}, strings.NewReader("short")); err == nil || e != nil {
		t.Errorf("without randomness: %+v, %v", e, err)
	}
}

// Version 1.1 exactly when key 5 or 6 is there.
func TestCapabilities(t *testing.T) {
	e, _, err := NewEngagement(Options{BLE: &BLE{CentralClient: true}, Capabilities: &Capabilities{ReaderAuthAll: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if e.Version != "1.1" || e.Capabilities == nil || *e.Capabilities != (Capabilities{ReaderAuthAll: true}) {
		t.Errorf("%+v", e)
	}
	if text := cbor.Diagnose(e.Raw); !strings.Contains(text, "5: [], 6: {3: true}") || !strings.HasPrefix(text, `{0: "1.1", 1: [1, 24(`) {
		t.Error(text)
	}
	// An app was seen to send "1.0" and other things under 5 and 6.
	if e, err = ParseEngagement(with(t, map[any]any{5: "junk", 6: "junk"})); err != nil || e.Capabilities != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = ParseEngagement(with(t, map[any]any{0: "1.7", 5: []any{}, 6: map[int]any{0: true, 4: true, 9: "x"}})); err != nil || !e.Capabilities.ExtendedRequest {
		t.Errorf("%+v, %v", e, err)
	}
	for name, wrong := range map[string]any{"text": "x", "number": map[int]any{3: 1}} {
		if e, err := ParseEngagement(with(t, map[any]any{0: "1.1", 6: wrong})); !errors.Is(err, ErrMalformed) || e != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// An engagement for NFC has no methods; as QR code it is refused.
func TestEngagementWithoutMethods(t *testing.T) {
	e, _, err := NewEngagement(Options{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if e.Methods != nil {
		t.Errorf("%+v", e.Methods)
	}
	if _, err := ParseEngagementURI(e.URI()); !errors.Is(err, ErrMalformed) {
		t.Errorf("as QR code: %v", err)
	}
	if _, err := e.BLE(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("BLE: %v", err)
	}
}

// A mode that is on without its UUID is off.
func TestModeWithoutUUID(t *testing.T) {
	id := bytes.Repeat([]byte{7}, 16)
	for name, c := range map[string]struct {
		options             map[int]any
		central, peripheral bool
	}{
		"central only":                   {map[int]any{0: false, 1: true, 11: id}, true, false},
		"both, one UUID":                 {map[int]any{0: true, 1: true, 11: id}, true, false},
		"both, same UUID":                {map[int]any{0: true, 1: true, 10: id, 11: id}, true, true},
		"peripheral":                     {map[int]any{0: true, 1: false, 10: id, 20: make([]byte, 7)}, false, true},
		"on without UUID":                {map[int]any{0: false, 1: true}, false, false},
		"UUID of the mode that is off":   {map[int]any{0: false, 1: true, 10: id}, false, false},
		"unknown options of later years": {map[int]any{0: false, 1: true, 11: id, 30: "x", -1: 1}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ParseEngagement(with(t, map[any]any{2: []any{[]any{2, 1, c.options}}}))
			if err != nil {
				t.Fatal(err)
			}
			b := e.Methods[0].BLE
			if b.CentralClient != c.central || b.PeripheralServer != c.peripheral {
				t.Errorf("%+v", b)
			}
			if _, err := e.BLE(); (err == nil) != (c.central || c.peripheral) {
				t.Errorf("BLE: %v", err)
			}
		})
	}
}

// with gives the engagement of Annex D.3.1 with members changed; "absent" takes
// one away.
func with(t testing.TB, change map[any]any) []byte {
	t.Helper()
	members := map[any]any{}
	entries, err := cbor.MapEntries(annexD(t)["device_engagement_qr"])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		key, err := cbor.Uint(e.Key)
		if err != nil {
			t.Fatal(err)
		}
		members[int(key)] = e.Value
	}
	for key, value := range change {
		if value == "absent" {
			delete(members, key)
		} else {
			members[key] = value
		}
	}
	return cbor.MustMarshal(members)
}
