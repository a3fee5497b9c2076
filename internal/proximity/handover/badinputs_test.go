package handover

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/proximity"
)

var serviceID = proximity.UUID{0x45, 0xef, 0xef, 0x74, 0x2b, 0x2c, 0x48, 0x37, 0xa9, 0xa3, 0xb0, 0xe1, 0xd0, 0x5a, 0x69, 0x17}

func newEngagement(t testing.TB) *proximity.Engagement {
	t.Helper()
	e, _, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wellKnown(kind string, payload []byte) Record {
	return Record{Format: formatWellKnown, Type: kind, Payload: payload}
}

func joined(t testing.TB, records ...Record) []byte {
	t.Helper()
	message, err := appendRecords(nil, records...)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// parts are the records of a good Handover Select, to be changed.
type parts struct {
	version    byte
	inner      []Record
	carrier    Record
	engagement Record
	more       []Record
}

func (p *parts) message(t testing.TB) []byte {
	payload := append([]byte{p.version}, joined(t, p.inner...)...)
	records := []Record{wellKnown(typeSelect, payload), p.carrier}
	if p.engagement.Type != "" {
		records = append(records, p.engagement)
	}
	return joined(t, append(records, p.more...)...)
}

func ac(power byte, carrier string, auxiliary ...string) Record {
	payload := append([]byte{power, byte(len(carrier))}, carrier...)
	payload = append(payload, byte(len(auxiliary)))
	for _, id := range auxiliary {
		payload = append(append(payload, byte(len(id))), id...)
	}
	return wellKnown(typeCarrier, payload)
}

func goodParts(t testing.TB) *parts {
	t.Helper()
	ble, err := (&BLE{Role: CentralOnly, UUID: serviceID}).payload()
	if err != nil {
		t.Fatal(err)
	}
	return &parts{
		version:    version,
		inner:      []Record{ac(1, "0", idDevice)},
		carrier:    Record{Format: formatMIME, Type: typeBLE, ID: "0", Payload: ble},
		engagement: Record{Format: formatExternal, Type: typeDevice, ID: idDevice, Payload: newEngagement(t).Raw},
	}
}

func ble(fields ...[]byte) []byte {
	var out []byte
	for _, f := range fields {
		out = append(append(out, byte(len(f))), f...)
	}
	return out
}

// Handover Select messages that lie (bad input Q13). A nil error means: accepted,
// for the reason in the comment.
func TestBadSelect(t *testing.T) {
	uuid := append([]byte{dataUUIDs}, bytes.Repeat([]byte{7}, 16)...)
	role := []byte{dataRole, 1}
	for name, c := range map[string]struct {
		change func(p *parts)
		want   error
	}{
		"Q13/good":                     {func(p *parts) {}, nil},
		"Q13/version_1.2":              {func(p *parts) { p.version = 0x12 }, nil}, // same major version
		"Q13/version_2.0":              {func(p *parts) { p.version = 0x20 }, proximity.ErrUnsupported},
		"Q13/type_in_capitals":         {func(p *parts) { p.carrier.Type = strings.ToUpper(typeBLE) }, nil}, // MIME types have no case
		"Q13/without_auxiliary":        {func(p *parts) { p.inner = []Record{ac(1, "0")} }, proximity.ErrMalformed},
		"Q13/auxiliary_to_nothing":     {func(p *parts) { p.inner = []Record{ac(1, "0", idDevice, "x")} }, proximity.ErrMalformed},
		"Q13/auxiliary_to_carrier":     {func(p *parts) { p.inner = []Record{ac(1, "0", "0")} }, proximity.ErrMalformed},
		"Q13/carrier_to_nothing":       {func(p *parts) { p.inner = []Record{ac(1, "1", idDevice)} }, proximity.ErrMalformed},
		"Q13/carrier_to_engagement":    {func(p *parts) { p.inner = []Record{ac(1, idDevice, idDevice)} }, proximity.ErrMalformed},
		"Q13/carrier_to_itself":        {func(p *parts) { p.inner = []Record{ac(1, "", idDevice)} }, proximity.ErrMalformed},
		"Q13/carrier_twice":            {func(p *parts) { p.inner = append(p.inner, p.inner[0]) }, proximity.ErrMalformed},
		"Q13/carrier_well_known":       {func(p *parts) { p.carrier.Format, p.carrier.Type = formatWellKnown, "U" }, proximity.ErrMalformed},
		"Q13/power_of_later":           {func(p *parts) { p.inner = []Record{ac(4, "0", idDevice)} }, proximity.ErrMalformed},
		"Q13/9_auxiliaries":            {func(p *parts) { p.inner = []Record{ac(1, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")} }, proximity.ErrLimit},
		"Q13/alternative_short":        {func(p *parts) { p.inner = []Record{wellKnown(typeCarrier, []byte{1, 9, '0'})} }, proximity.ErrMalformed},
		"Q13/alternative_long":         {func(p *parts) { p.inner[0].Payload = append(p.inner[0].Payload, 0) }, proximity.ErrMalformed},
		"Q13/only_unknown_alternative": {func(p *parts) { p.inner = []Record{wellKnown("zz", nil)} }, proximity.ErrUnsupported},
		"Q13/error_record":             {func(p *parts) { p.inner = append(p.inner, wellKnown(typeError, []byte{1, 2})) }, proximity.ErrUnsupported},
		"Q13/no_engagement":            {func(p *parts) { p.engagement = Record{} }, proximity.ErrMalformed},
		"Q13/engagement_twice":         {func(p *parts) { e := p.engagement; e.ID = "2"; p.more = []Record{e} }, proximity.ErrMalformed},
		"Q13/engagement_of_another_id": {func(p *parts) { p.engagement.ID = "x"; p.inner = []Record{ac(1, "0", "x")} }, proximity.ErrMalformed},
		"Q13/engagement_as_mime":       {func(p *parts) { p.engagement.Format = formatMIME }, proximity.ErrMalformed},
		"Q13/engagement_empty":         {func(p *parts) { p.engagement.Payload = nil }, proximity.ErrMalformed},
		"Q13/engagement_trailing":      {func(p *parts) { p.engagement.Payload = append(p.engagement.Payload, 0) }, proximity.ErrMalformed},
		"Q13/two_of_one_id":            {func(p *parts) { p.more = []Record{{Format: formatMIME, Type: "a/b", ID: "0"}} }, proximity.ErrMalformed},
		"Q13/select_within":            {func(p *parts) { p.more = []Record{wellKnown(typeSelect, nil)} }, proximity.ErrMalformed},
		"Q13/unknown_records":          {func(p *parts) { p.more = []Record{{Format: formatMIME, Type: "a/b", ID: "9"}} }, nil},
		"Q13/64KiB_record":             {func(p *parts) { p.engagement.Payload = make([]byte, MaxMessage-400) }, proximity.ErrMalformed},

		"Q13/role_missing":  {func(p *parts) { p.carrier.Payload = ble(uuid) }, proximity.ErrMalformed},
		"Q13/role_4":        {func(p *parts) { p.carrier.Payload = ble([]byte{dataRole, 4}, uuid) }, proximity.ErrMalformed},
		"Q13/role_long":     {func(p *parts) { p.carrier.Payload = ble([]byte{dataRole, 1, 1}, uuid) }, proximity.ErrMalformed},
		"Q13/role_twice":    {func(p *parts) { p.carrier.Payload = ble(role, role, uuid) }, proximity.ErrMalformed},
		"Q13/uuid_short":    {func(p *parts) { p.carrier.Payload = ble(role, uuid[:16]) }, proximity.ErrMalformed},
		"Q13/uuid_zero":     {func(p *parts) { p.carrier.Payload = ble(role, append([]byte{dataUUIDs}, make([]byte, 16)...)) }, proximity.ErrMalformed},
		"Q13/uuid_two":      {func(p *parts) { p.carrier.Payload = ble(role, append(uuid, uuid[1:]...)) }, proximity.ErrMalformed},
		"Q13/address_short": {func(p *parts) { p.carrier.Payload = ble(role, uuid, []byte{dataAddress, 1, 2, 3, 4, 5, 6}) }, proximity.ErrMalformed},
		"Q13/address_type":  {func(p *parts) { p.carrier.Payload = ble(role, uuid, []byte{dataAddress, 1, 2, 3, 4, 5, 6, 2}) }, proximity.ErrMalformed},
		"Q13/length_lies":   {func(p *parts) { p.carrier.Payload = append(ble(role, uuid), 9, dataAddress) }, proximity.ErrMalformed},
		"Q13/length_zero":   {func(p *parts) { p.carrier.Payload = append(ble(role, uuid), 0) }, proximity.ErrMalformed},
		"Q13/unknown_data":  {func(p *parts) { p.carrier.Payload = ble(role, uuid, []byte{0x16, 1, 2, 3}) }, nil},
		"Q13/nfc_of_version_2": {func(p *parts) { p.carrier = Record{Format: formatExternal, Type: typeNFC, ID: "0", Payload: []byte{2}} },
			proximity.ErrUnsupported},
		"Q13/nfc_field_lies": {func(p *parts) {
			p.carrier = Record{Format: formatExternal, Type: typeNFC, ID: "0", Payload: []byte{1, 3, 1, 0xff}}
		}, proximity.ErrMalformed},
		"Q13/nfc_command_of_254": {func(p *parts) {
			p.carrier = Record{Format: formatExternal, Type: typeNFC, ID: "0", Payload: []byte{1, 3, 1, 0, 0xfe}}
		}, proximity.ErrMalformed},
		"Q13/nfc_response_of_5_bytes": {func(p *parts) {
			p.carrier = Record{Format: formatExternal, Type: typeNFC, ID: "0", Payload: []byte{1, 6, 2, 0, 0, 0, 1, 0}}
		}, proximity.ErrMalformed},
		"Q13/nfc_field_twice": {func(p *parts) {
			p.carrier = Record{Format: formatExternal, Type: typeNFC, ID: "0", Payload: []byte{1, 3, 1, 1, 0, 3, 1, 1, 0}}
		}, proximity.ErrMalformed},
		"Q13/nfc_unknown_field": {func(p *parts) {
			p.carrier = Record{Format: formatExternal, Type: typeNFC, ID: "0", Payload: []byte{1, 2, 9, 9}}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodParts(t)
			c.change(p)
			e, err := Static(p.message(t))
			if !errors.Is(err, c.want) || c.want == nil && err != nil || (e == nil) != (err != nil) {
				t.Errorf("%+v, %v, want %v", e, err, c.want)
			}
		})
	}
}

// NDEF messages whose framing lies (bad input Q13).
func TestBadRecords(t *testing.T) {
	good := goodParts(t).message(t)
	changed := func(at int, b byte) []byte {
		m := bytes.Clone(good)
		m[at] = b
		return m
	}
	for name, c := range map[string]struct {
		message []byte
		want    error
	}{
		"Q13/empty":            {nil, proximity.ErrMalformed},
		"Q13/one_byte":         {[]byte{0xd1}, proximity.ErrMalformed},
		"Q13/truncated":        {good[:len(good)-1], proximity.ErrMalformed},
		"Q13/trailing":         {append(bytes.Clone(good), 0), proximity.ErrMalformed},
		"Q13/twice":            {append(bytes.Clone(good), good...), proximity.ErrMalformed},
		"Q13/no_begin":         {changed(0, 0x11), proximity.ErrMalformed},
		"Q13/ends_at_once":     {changed(0, 0xd1), proximity.ErrMalformed},
		"Q13/chunked":          {changed(0, 0xb1), proximity.ErrMalformed},
		"Q13/format_6":         {changed(0, 0x96), proximity.ErrMalformed},
		"Q13/format_7":         {changed(0, 0x97), proximity.ErrMalformed},
		"Q13/type_too_long":    {changed(1, 0xff), proximity.ErrMalformed},
		"Q13/payload_shorter":  {changed(2, good[2]-1), proximity.ErrMalformed},
		"Q13/payload_longer":   {changed(2, good[2]+1), proximity.ErrMalformed},
		"Q13/4GiB":             {[]byte{0xc1, 2, 0xff, 0xff, 0xff, 0xff, 'H', 's'}, proximity.ErrMalformed},
		"Q13/64KiB":            {make([]byte, MaxMessage+1), proximity.ErrLimit},
		"Q13/17_records":       {joined(t, make([]Record, 17)...), proximity.ErrLimit},
		"Q13/empty_with_type":  {[]byte{0xd0, 1, 0, 'x'}, proximity.ErrMalformed},
		"Q13/empty_with_bytes": {[]byte{0xd0, 0, 1, 'x'}, proximity.ErrMalformed},
		"Q13/of_no_type":       {[]byte{0xd1, 0, 1, 'x'}, proximity.ErrMalformed},
		"Q13/request":          {annexD(t)["nfc_handover_request"], proximity.ErrMalformed},
		"Q13/no_version":       {joined(t, wellKnown(typeSelect, nil)), proximity.ErrMalformed},
		"Q13/nothing_offered":  {joined(t, wellKnown(typeSelect, []byte{version})), proximity.ErrMalformed}, // for want of an engagement
	} {
		t.Run(name, func(t *testing.T) {
			if e, err := Static(c.message); !errors.Is(err, c.want) || e != nil {
				t.Errorf("%+v, %v, want %v", e, err, c.want)
			}
		})
	}
}

// Records that are none (bad input Q13), whatever is in them.
func TestBadFormats(t *testing.T) {
	for name, c := range map[string]struct {
		message []byte
		want    error
	}{
		"Q13/unknown":           {[]byte{0xd5, 0, 1, 'x'}, nil},
		"Q13/uri":               {[]byte{0xd3, 1, 0, 'x'}, nil},
		"Q13/long_form":         {[]byte{0xc1, 1, 0, 0, 0, 1, 'x', 'y'}, nil},
		"Q13/empty":             {[]byte{0xd0, 0, 0}, nil},
		"Q13/unchanged":         {[]byte{0xd6, 0, 1, 'x'}, proximity.ErrMalformed},
		"Q13/unchanged_typed":   {[]byte{0xd6, 1, 0, 'x'}, proximity.ErrMalformed},
		"Q13/reserved":          {[]byte{0xd7, 1, 0, 'x'}, proximity.ErrMalformed},
		"Q13/unknown_with_type": {[]byte{0xd5, 1, 0, 'x'}, proximity.ErrMalformed},
		"Q13/typeless":          {[]byte{0xd2, 0, 1, 'x'}, proximity.ErrMalformed},
		"Q13/empty_with_type":   {[]byte{0xd0, 1, 0, 'x'}, proximity.ErrMalformed},
		"Q13/empty_with_bytes":  {[]byte{0xd0, 0, 1, 'x'}, proximity.ErrMalformed},
		"Q13/empty_with_id":     {[]byte{0xd8, 0, 0, 1, 'x'}, proximity.ErrMalformed},
	} {
		records, err := ParseRecords(c.message)
		if !errors.Is(err, c.want) || c.want == nil && err != nil || (records == nil) != (err != nil) {
			t.Errorf("%s: %+v, %v, want %v", name, records, err, c.want)
		}
	}
}

// Answers that do not fit the request (bad input Q13), and requests that are none.
func TestBadNegotiation(t *testing.T) {
	both := Carrier{ID: "0", Power: Active, BLE: &BLE{Role: CentralPreferred, UUID: serviceID}}
	nfc := Carrier{ID: "nfc", Power: Active, NFC: &NFC{MaxCommand: 255, MaxResponse: 65536}}
	wifi := Carrier{ID: "W", Power: Active, Other: &Record{Format: formatMIME, Type: typeWiFi, Payload: []byte{1}}}
	central := Carrier{ID: "0", Power: Active, BLE: &BLE{Role: CentralOnly, UUID: serviceID}}
	peripheral := Carrier{ID: "0", Power: Active, BLE: &BLE{Role: PeripheralOnly, UUID: serviceID}}
	for name, c := range map[string]struct {
		asked, answered []Carrier
		want            error
	}{
		"Q13/one_of_two":              {[]Carrier{both, nfc}, []Carrier{nfc}, nil},
		"Q13/wifi":                    {[]Carrier{both, wifi}, []Carrier{wifi}, nil},
		"Q13/two":                     {[]Carrier{both, nfc}, []Carrier{both, nfc}, proximity.ErrMalformed},
		"Q13/none":                    {[]Carrier{both, nfc}, nil, proximity.ErrMalformed},
		"Q13/not_asked_for":           {[]Carrier{nfc}, []Carrier{both}, proximity.ErrMalformed},
		"Q13/not_asked_for_either":    {[]Carrier{both}, []Carrier{wifi}, proximity.ErrMalformed},
		"Q13/two_centrals":            {[]Carrier{central}, []Carrier{central}, proximity.ErrMalformed},
		"Q13/two_peripherals":         {[]Carrier{peripheral}, []Carrier{peripheral}, proximity.ErrMalformed},
		"Q13/central_and_peripheral":  {[]Carrier{central}, []Carrier{peripheral}, nil},
		"Q13/peripheral_and_whatever": {[]Carrier{peripheral}, []Carrier{both}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := NewRequest(rand.Reader, c.asked...)
			if err != nil {
				t.Fatal(err)
			}
			if err := Offer(newEngagement(t), q, c.answered...); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	reader := func(id string, content any) Record {
		return Record{Format: formatExternal, Type: typeReader, ID: id, Payload: cbor.MustMarshal(content)}
	}
	good, err := build(typeRequest, []Record{wellKnown(typeCollision, []byte{1, 2})}, []Carrier{both}, nil)
	if err != nil {
		t.Fatal(err)
	}
	goodRecords, err := ParseRecords(good)
	if err != nil {
		t.Fatal(err)
	}
	with := func(r Record) []byte { return joined(t, append(goodRecords[:len(goodRecords):len(goodRecords)], r)...) }
	collisions := func(payloads ...[]byte) []byte {
		var inner []Record
		for _, p := range payloads {
			inner = append(inner, wellKnown(typeCollision, p))
		}
		message, err := build(typeRequest, inner, []Carrier{both}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	for name, c := range map[string]struct {
		message []byte
		version string
		want    error
	}{
		"Q13/good":                  {good, "", nil},
		"Q13/with_engagement":       {with(reader(idReader, map[int]string{0: "1.0"})), "1.0", nil},
		"Q13/engagement_id":         {with(reader("x", map[int]string{0: "1.0"})), "", proximity.ErrMalformed},
		"Q13/engagement_no_version": {with(reader(idReader, map[int]string{1: "1.0"})), "", proximity.ErrMalformed},
		"Q13/engagement_number":     {with(reader(idReader, map[int]int{0: 1})), "", proximity.ErrMalformed},
		"Q13/engagement_list":       {with(reader(idReader, []int{})), "", proximity.ErrMalformed},
		"Q13/no_collision":          {collisions(), "", nil}, // older readers leave it out
		"Q13/collision_short":       {collisions([]byte{1}), "", proximity.ErrMalformed},
		"Q13/collision_twice":       {collisions([]byte{1, 2}, []byte{1, 2}), "", proximity.ErrMalformed},
		"Q13/select":                {goodParts(t).message(t), "", proximity.ErrMalformed},
		"Q13/nothing_asked":         {joined(t, wellKnown(typeRequest, []byte{version})), "", proximity.ErrUnsupported},
	} {
		t.Run("request/"+name, func(t *testing.T) {
			q, err := ParseRequest(c.message)
			if !errors.Is(err, c.want) || c.want == nil && err != nil || (q == nil) != (err != nil) {
				t.Fatalf("%+v, %v, want %v", q, err, c.want)
			}
			if q != nil && q.ReaderVersion != c.version {
				t.Errorf("version %q", q.ReaderVersion)
			}
		})
	}
}
